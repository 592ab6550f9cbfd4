#!/bin/bash
# usage: packages.sh PACKAGE ...
# Installs those of the Debian packages that are missing. Nothing they bring is started, now or at the next boot: an etcd
# or a PostgreSQL of the machine's would take ports that somebody wants. Quick when nothing is missing.
#
# Exit codes: 0 all are there; 2 this machine cannot install them (not root, or no apt); else it failed.
set -euo pipefail

missing=()
for package in "$@"; do
	dpkg-query --show --showformat '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
if [ "${#missing[@]}" -eq 0 ]; then
	exit 0
fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
	echo "missing, and not to be installed without root and apt: ${missing[*]}" >&2
	exit 2
fi

# What holds while packages are installed: no service starts (unless the machine has a policy already), and
# postgresql-common makes no cluster.
made=()
trap 'rm -f "${made[@]}"' EXIT
put() {
	if ! [ -e "$1" ]; then
		mkdir -p "$(dirname "$1")"
		printf '%s' "$2" >"$1"
		chmod 755 "$1"
		made+=("$1")
	fi
}
put /usr/sbin/policy-rc.d $'#!/bin/sh\nexit 101\n'
put /etc/postgresql-common/createcluster.d/pando-test.conf $'create_main_cluster = false\n'

echo "installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update --quiet --quiet
apt-get install --quiet --quiet --yes --no-install-recommends "${missing[@]}" >/dev/null
command -v systemctl >/dev/null || exit 0 # then nothing starts at a boot
for package in "${missing[@]}"; do
	[ "$package" != systemd ] || continue # its services are the system
	dpkg-query --listfiles "$package" | sed -n 's|^/lib/systemd/system/\([^/@]*\.service\)$|\1|p'
done | while read -r unit; do
	systemctl disable --quiet "$unit"
done
