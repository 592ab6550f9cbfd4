#!/bin/bash
# Installs what the tests need and is not there yet: a C compiler for the race detector, etcd 3.4 to compare with,
# etcd-discovery, and what test/clients/install.sh brings. Idempotent, and quick when nothing is missing. No service is
# started: etcd would take the ports that a Pando on this machine wants.
#
# Exit codes: 0 all is there; 2 something is missing and this machine cannot install it (not root, or no apt); else it failed.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

has() { command -v "$1" >/dev/null; }

# missing prints the Debian packages to install.
missing() {
	has gcc || echo gcc libc6-dev
	has etcd || echo etcd-server
	has discovery.etcd.io || echo etcd-discovery
	has openssl || echo openssl
	has systemd-analyze || echo systemd
}

# without_services runs a command during which no package may start the service it brings.
without_services() {
	local policy=/usr/sbin/policy-rc.d
	if [ -e "$policy" ]; then
		"$@"
		return
	fi
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
	trap 'rm -f '"$policy" EXIT
	"$@"
	rm -f "$policy"
	trap - EXIT
}

install_packages() {
	export DEBIAN_FRONTEND=noninteractive
	apt-get update --quiet --quiet
	without_services apt-get install --quiet --quiet --yes --no-install-recommends "$@" >/dev/null
	# Nor shall the next boot start them.
	[ -d /run/systemd/system ] || return 0
	if [[ " $* " == *" etcd-server "* ]]; then
		systemctl disable --quiet etcd
	fi
	if [[ " $* " == *" etcd-discovery "* ]]; then
		systemctl disable --quiet etcd-discovery
	fi
}

read -r -a packages <<<"$(missing | tr '\n' ' ')"
if [ "${#packages[@]}" -gt 0 ]; then
	if [ "$(id -u)" -ne 0 ] || ! has apt-get; then
		echo "missing, and not to be installed without root and apt: ${packages[*]}" >&2
		exit 2
	fi
	echo "installing ${packages[*]}"
	install_packages "${packages[@]}"
fi

exec sh "$here/../clients/install.sh"
