#!/bin/bash
# Drives a server through etcdctl's v2 commands (Debian's etcd-client):
#
#     bash program.sh http://127.0.0.1:2379
#
# Output, errors and exit status of each command are compared with what
# etcdctl 3.4 shows against etcd. Indexes show as N.
set -u

endpoint=$1
dir=/etcdctl-$$
scratch=$(mktemp -d)
watcher=
trap 'if [ -n "$watcher" ]; then kill "$watcher"; fi; rm -rf "$scratch"' EXIT

. "${BASH_SOURCE[0]%/*}/expect.sh"

# run ARGS... runs etcdctl and keeps what it printed, and its status.
run() {
    command=$*
    output=$(etcdctl "$@" 2>&1)
    status=$?
    output=$(sed -E 's/(Index"?: ?)[0-9]+/\1N/g; s/ \[[0-9]+\]$/ [N]/' <<<"$output")
}

# index KEY prints the index at which a key was last written.
index() { etcdctl -o extended get "$1" | sed -n 's/^Modified-Index: //p'; }

# await WHAT COMMAND... waits until the command succeeds, for ten seconds.
await() {
    local what=$1 try
    shift
    for ((try = 0; try < 100; try++)); do
        "$@" && return
        sleep 0.1
    done
    fail "not within ten seconds: $what"
}

values() {
    prints one set $dir/a one
    prints one get $dir/a
    prints one get --quorum $dir/a
    prints "Key: $dir/a
Created-Index: N
Modified-Index: N
TTL: 0
Index: N

one" -o extended get $dir/a
    prints '{"action":"get","node":{"key":"'$dir/a'","value":"one","nodes":null,"createdIndex":N,"modifiedIndex":N},"prevNode":null}' \
        -o json get $dir/a
    prints 'füß & <x>' set $dir/a 'füß & <x>'
    prints two update $dir/a two
    fails 4 "Error:  100: Key not found ($dir/none) [N]" update $dir/none x
    fails 4 "Error:  100: Key not found ($dir/none) [N]" get $dir/none
    prints new mk $dir/b new
    fails 4 "Error:  105: Key already exists ($dir/b) [N]" mk $dir/b again
    output=$(echo piped | etcdctl set $dir/b) || fail "set from standard input: $output"
    [ "$output" = piped ] || fail "set from standard input: got $output"
    prints 'PrevNode.Value: two' rm $dir/a
    fails 4 "Error:  100: Key not found ($dir/a) [N]" rm $dir/a
}

conditions() {
    prints one set $dir/c one
    fails 4 "Error:  101: Compare failed ([wrong != one]) [N]" set --swap-with-value wrong $dir/c two
    prints two set --swap-with-value one $dir/c two
    prints three set --swap-with-index "$(index $dir/c)" $dir/c three
    fails 4 "Error:  101: Compare failed ([wrong != three]) [N]" rm --with-value wrong $dir/c
    prints '' rm --with-index "$(index $dir/c)" $dir/c
    fails 4 "Error:  100: Key not found ($dir/c) [N]" get $dir/c
}

directories() {
    prints '' mkdir $dir/tree
    fails 4 "Error:  105: Key already exists ($dir/tree) [N]" mkdir $dir/tree
    fails 4 "Error:  102: Not a file ($dir/tree) [N]" set $dir/tree x
    fails 4 "Error:  102: Not a file ($dir/tree) [N]" setdir $dir/tree
    fails 1 "$dir/tree: is a directory" get $dir/tree
    prints x set $dir/tree/b x
    prints x set $dir/tree/a/deep x
    prints x set $dir/tree/_hidden x
    prints $dir/tree/a$'\n'$dir/tree/b ls --sort $dir/tree
    prints "$dir/tree/a/
$dir/tree/a/deep
$dir/tree/b" ls --sort --recursive -p $dir/tree
    fails 4 "Error:  104: Not a directory ($dir/tree/b) [N]" ls $dir/tree/b/below
    fails 4 "Error:  108: Directory not empty ($dir/tree) [N]" rmdir $dir/tree
    prints '' setdir $dir/tree/b
    prints '' rmdir $dir/tree/b
    prints '' updatedir --ttl 100 $dir/tree/a
    prints '' rm --recursive $dir/tree
    fails 4 "Error:  100: Key not found ($dir/tree) [N]" ls $dir/tree
}

inOrder() {
    prints first mk --in-order $dir/queue first
    prints second mk --in-order $dir/queue second
    local names
    names=$(etcdctl ls --sort $dir/queue)
    [[ $names =~ ^$dir/queue/[0-9]{20}$'\n'$dir/queue/[0-9]{20}$ ]] || fail "in-order keys: $names"
    prints first get "$(head -1 <<<"$names")"
}

gone() { ! etcdctl get "$1" >"$scratch/gone" 2>&1 && grep -q '100: Key not found' "$scratch/gone"; }

ttl() {
    prints brief set --ttl 2 $dir/brief brief
    prints brief get $dir/brief
    await "$dir/brief expires" gone $dir/brief
}

# written FILE TEXT says whether a watcher has written exactly that.
written() { [ "$(cat "$1")" = "$2" ]; }

# ran TEXT says whether exec-watch's commands, which overlap, have written it.
ran() { [ "$(LC_ALL=C sort "$scratch/exec")" = "$1" ]; }

watches() {
    local start
    prints 0 set $dir/w/k 0
    start=$(index $dir/w/k)
    for value in 1 2 3; do prints $value set $dir/w/k $value; done
    prints 1 watch --after-index "$start" $dir/w/k
    prints "[set] $dir/w/k
1" watch --recursive --after-index "$start" $dir/w

    etcdctl watch --forever --after-index "$start" $dir/w/k >"$scratch/forever" 2>&1 &
    watcher=$!
    await "watch --forever shows what is past" written "$scratch/forever" $'1\n2\n3'
    prints 'PrevNode.Value: 3' rm $dir/w/k
    await "watch --forever shows what comes" written "$scratch/forever" $'1\n2\n3\nPrevNode.Value: 3'
    kill $watcher

    # This etcdctl takes the command apart unless --recursive stands last.
    etcdctl exec-watch --after-index "$start" --recursive $dir/w -- sh -c \
        'echo "$ETCD_WATCH_ACTION $ETCD_WATCH_KEY $ETCD_WATCH_VALUE"' >"$scratch/exec" 2>&1 &
    watcher=$!
    await "exec-watch runs its command" ran "delete $dir/w/k 
set $dir/w/k 1
set $dir/w/k 2
set $dir/w/k 3"
    kill $watcher
    watcher=
}

cluster() {
    local id url
    url='http://[^ ]+'
    run member list
    [[ $status = 0 && $output =~ ^([0-9a-f]+):\ name=[^\ ]+\ peerURLs=$url\ clientURLs=$endpoint\ isLeader=true$ ]] ||
        fail "member list: status $status: $output"
    id=${BASH_REMATCH[1]}
    prints "member $id is healthy: got healthy result from $endpoint
cluster is healthy" cluster-health
}

for step in values conditions directories inOrder ttl watches cluster; do
    $step
    echo "ok $step"
done
etcdctl rm --recursive $dir || fail "remove the program's keys"
