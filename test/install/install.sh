#!/bin/bash
# Installs what the tests need and is not there yet: a C compiler for the race detector, etcd 3.4 to compare with,
# etcd-discovery, openssl, systemd (to read unit files), and what test/clients/install.sh brings. Idempotent, and quick when
# nothing is missing.
#
# Exit codes: 0 all is there; 2 something is missing and this machine cannot install it (not root, or no apt); else it failed.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

has() { command -v "$1" >/dev/null; }

packages=()
has gcc || packages+=(gcc libc6-dev)
has etcd || packages+=(etcd-server)
has discovery.etcd.io || packages+=(etcd-discovery)
has openssl || packages+=(openssl)
has systemd-analyze || packages+=(systemd)
"$here/packages.sh" "${packages[@]}"

exec sh "$here/../clients/install.sh"
