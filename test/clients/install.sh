#!/bin/sh
# Installs what the tests with real clients need on Debian 12: Debian packages,
# node-etcd from npm and two Go clients from the module proxy. It may be run
# again and again; what is there already is left alone, and no service is
# started. Needs the go command. Exit status:
#
#     0  everything is there
#     2  Debian packages are missing, and there is no root or no apt to get them
#     *  an installation failed; what was said stands above
set -eu
cd "$(dirname "$0")"

# The packages whose tools the tests call. A Node.js from elsewhere brings its
# own npm, which Debian's packages would clash with.
packages='curl etcd-client iproute2 python3-etcd'
if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    packages="$packages nodejs npm"
fi
missing=
for package in $packages; do
    dpkg-query --show --showformat '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed ||
        missing="$missing $package"
done
if [ -n "$missing" ]; then
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "install.sh: needs root and apt-get to install$missing" >&2
        exit 2
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get update --quiet --quiet
    # shellcheck disable=SC2086 # a list of words
    apt-get install --quiet --quiet --yes --no-install-recommends $missing
fi

# npm writes the hidden file when it has finished.
if ! [ node/node_modules/.package-lock.json -nt node/package-lock.json ]; then
    (cd node && npm ci --no-audit --no-fund)
fi
(cd golang && GOWORK=off go mod download)

# A package that is there and does not work is found here, not in a test.
ETCDCTL_API=2 etcdctl --version
/usr/bin/python3 -c 'import etcd; print("python-etcd", etcd.Client)'
(cd node && node -e 'require("node-etcd"); console.log("node-etcd", require("node-etcd/package.json").version)')
