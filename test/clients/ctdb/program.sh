#!/bin/bash
# Has two nodes of a ctdb cluster contend for its lock through ctdb's own helper:
#
#     bash program.sh http://127.0.0.1:2379
#
# The helper keeps the lock's default of 9 seconds to live, refreshed every 2. It asks ctdb for the node's number and
# Samba for the cluster's name; two programs that come before them in PATH answer.
set -u

endpoint=$1
helper=/usr/libexec/ctdb/ctdb_etcd_lock
cluster=CLUSTER$$
lock=$endpoint/v2/keys/_locks/_ctdb/$cluster
scratch=$(mktemp -d)
holder=
trap 'if [ -n "$holder" ]; then kill -9 "$holder"; fi; rm -rf "$scratch"' EXIT

fail() {
    printf 'ctdb: %s\n' "$*" >&2
    exit 1
}

address=${endpoint#http://}
mkdir "$scratch/bin"
printf 'host = %s\nport = %s\n' "${address%:*}" "${address##*:}" >"$scratch/etcd"
printf '#!/bin/sh\necho %s\n' "$cluster" >"$scratch/bin/testparm"
printf '#!/bin/sh\necho "$NODE"\n' >"$scratch/bin/ctdb"
chmod +x "$scratch/bin/"*
export PATH=$scratch/bin:$PATH CTDB_BASE=$scratch

# hold NODE starts the helper of a node, which goes on for as long as it has the lock.
hold() {
    NODE=$1 /usr/bin/python3 "$helper" >"$scratch/$1" 2>"$scratch/log" &
    holder=$!
}

# await SECONDS WHAT COMMAND... waits until the command succeeds.
await() {
    local seconds=$1 what=$2 try
    shift 2
    for ((try = 0; try < seconds * 5; try++)); do
        "$@" && return
        sleep 0.2
    done
    fail "not within $seconds seconds: $what: $(tail "$scratch"/[0-9]* "$scratch/log")"
}

# said NODE PATTERN says whether the helper has told ctdb that: a digit each time it has looked.
said() { grep -q "^$2\$" "$scratch/$1"; }

# keys prints the numbers of the nodes whose keys stand in the queue.
keys() { curl --silent --max-time 20 "$lock?sorted=true" | grep -o '"value":"[0-9a-f]*_[0-9]*"' | grep -o '_[0-9]*' | tr -d '_\n'; }
queue() { [ "$(keys)" = "$1" ]; }

# lost runs the helper of a node that is to be refused.
lost() {
    local said
    said=$(NODE=$1 timeout 20 /usr/bin/python3 "$helper" 2>"$scratch/log") || fail "node $1 failed: $(cat "$scratch/log")"
    [ "$said" = 1 ] || fail "node $1 said $said, not 1 (contention): $(cat "$scratch/log")"
}

hold 0
await 20 "node 0 has the lock" said 0 0
lost 1
# Six looks take ten seconds: without being refreshed the key would be gone, as that of node 1 is, whose helper has ended.
await 30 "node 0 still has the lock" said 0 '0000000*'
await 20 "the refused node has left the queue" queue 0

kill -9 "$holder"
wait "$holder" 2>/dev/null
lost 1
await 20 "the keys of the killed and of the refused node expire" queue ''
hold 1
await 20 "node 1 has the lock" said 1 0
lost 0
kill "$holder"
wait "$holder" || fail "told to end, node 1 failed: $(cat "$scratch/log")"
holder=
[[ $(keys) != *1* ]] || fail "node 1 has not given the lock back: $(keys)"
echo "ok acquired, refused, refreshed, expired, released"
