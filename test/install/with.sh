#!/bin/bash
# usage: with.sh WHAT COMMAND [ARGUMENT ...]
# Runs a command that needs what install.sh installs. Where that cannot be had, it says in one line that WHAT was left out
# and succeeds, except on CI (CI=1 or PANDO_CI=1), where everything has to run.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
what=$1
shift

code=0
report=$(bash "$here/install.sh" 2>&1) || code=$?
if [ "$code" -eq 0 ]; then
	exec "$@"
fi
if [ "$code" -eq 2 ] && [ -z "${CI:-}" ] && [ -z "${PANDO_CI:-}" ]; then
	echo "left out: $what (${report##*$'\n'})"
	exit 0
fi
echo "$report" >&2
exit 1
