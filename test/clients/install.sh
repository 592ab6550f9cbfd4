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
packages='curl etcd-client iproute2 python3-etcd
    patroni postgresql-15 python3-tooz ctdb vip-manager
    golang-github-xordataexchange-crypt gpg gpg-agent gpgconf'
if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    packages="$packages nodejs npm"
fi
# shellcheck disable=SC2086 # a list of words
../install/packages.sh $packages

# npm writes the hidden file when it has finished.
if ! [ node/node_modules/.package-lock.json -nt node/package-lock.json ]; then
    (cd node && npm ci --no-audit --no-fund)
fi
(cd golang && GOWORK=off go mod download)

# A package that is there and does not work is found here, not in a test.
ETCDCTL_API=2 etcdctl --version
/usr/bin/python3 -c 'import etcd; print("python-etcd", etcd.Client)'
/usr/bin/python3 -c 'import tooz.drivers.etcd; print("tooz", tooz.drivers.etcd.__file__)'
(cd node && node -e 'require("node-etcd"); console.log("node-etcd", require("node-etcd/package.json").version)')
