#!/bin/bash
# Five minutes with curl, in five seconds: what somebody tries first who has
# nothing but curl, with the answers to the byte.
#
#     bash program.sh http://127.0.0.1:2379
#
# In the answers, indexes and times, which differ from run to run, show as N
# and T.
set -u

endpoint=$1
dir=/curl-$$
keys=$endpoint/v2/keys$dir
scratch=$(mktemp -d)
watcher=
trap 'if [ -n "$watcher" ]; then kill "$watcher"; fi; rm -rf "$scratch"' EXIT

fail() {
    printf 'curl: %s\n' "$*" >&2
    exit 1
}

# masked copies its input with what differs from run to run hidden.
masked() {
    sed -E 's/("(modified|created)Index":|"index":)[0-9]+/\1N/g
        s/"expiration":"[0-9-]+T[0-9:.]+Z"/"expiration":"T"/g
        s/[0-9]{20}/N/g; s/\[[0-9]+\/[0-9]+\]/[N\/N]/'
}

# header NAME prints a header of the last answer.
header() { tr -d '\r' <"$scratch/head" | sed -n "s/^$1: //Ip"; }

# answers STATUS BODY ARGS... runs curl with ARGS and compares both.
answers() {
    local want="$1 $2" got
    shift 2
    got=$(curl --silent --show-error --max-time 20 --dump-header "$scratch/head" --output "$scratch/body" \
        --write-out '%{http_code}' "$@" 2>&1) || fail "$*: $got"
    got="$got $(masked <"$scratch/body"; echo .)"
    [ "${got%.}" = "$want" ] || fail "$*:"$'\nwant: '"$want"$'\ngot:  '"${got%.}"
}

# line is answers for a body that ends with a newline, as those of keys do.
line() { answers "$1" "$2"$'\n' "${@:3}"; }

# node NAME FIELDS prints a key as it stands in answers.
node() { printf '{"key":"%s%s"%s,"modifiedIndex":N,"createdIndex":N}' "$dir" "$1" "$2"; }

# error CODE MESSAGE CAUSE prints the body of an error.
error() { printf '{"errorCode":%s,"message":"%s","cause":"%s","index":N}' "$@"; }

values() {
    local hello='"value":"Hello world"' less='"value":"a\u003cb"'
    line 201 "{\"action\":\"set\",\"node\":$(node /msg ",$hello")}" "$keys/msg" -XPUT -d value='Hello world'
    [ "$(header Content-Type)" = application/json ] || fail "content type: $(header Content-Type)"
    for name in X-Etcd-Cluster-Id X-Etcd-Index X-Raft-Index X-Raft-Term; do
        [[ $(header $name) =~ ^[0-9a-f]+$ ]] || fail "header $name: $(header $name)"
    done
    line 200 "{\"action\":\"get\",\"node\":$(node /msg ",$hello")}" "$keys/msg"
    line 200 "{\"action\":\"get\",\"node\":$(node /msg ",$hello")}" "$keys/msg?quorum=true"
    curl --silent --head --output "$scratch/head" "$keys/msg" || fail "HEAD: status $?"
    [ "$(header Content-Length)" = "$(wc -c <"$scratch/body")" ] || fail "HEAD: $(cat "$scratch/head")"
    line 200 "{\"action\":\"set\",\"node\":$(node /msg ",$less"),\"prevNode\":$(node /msg ",$hello")}" \
        "$keys/msg" -XPUT --data-urlencode 'value=a<b'
    line 200 "{\"action\":\"delete\",\"node\":$(node /msg ''),\"prevNode\":$(node /msg ",$less")}" "$keys/msg" -XDELETE
    line 404 "$(error 100 'Key not found' $dir/msg)" "$keys/msg"
    [ -z "$(header X-Raft-Index)" ] || fail "an error has X-Raft-Index"
}

conditions() {
    line 201 "{\"action\":\"create\",\"node\":$(node /lock ',"value":"a"')}" "$keys/lock?prevExist=false" -XPUT -d value=a
    line 412 "$(error 105 'Key already exists' $dir/lock)" "$keys/lock?prevExist=false" -XPUT -d value=b
    line 412 "$(error 101 'Compare failed' '[b != a]')" "$keys/lock?prevValue=b" -XPUT -d value=c
    line 200 "{\"action\":\"compareAndSwap\",\"node\":$(node /lock ',"value":"c"'),\"prevNode\":$(node /lock ',"value":"a"')}" \
        "$keys/lock?prevValue=a" -XPUT -d value=c
    line 412 "$(error 101 'Compare failed' '[a != c]')" "$keys/lock?prevValue=a" -XDELETE
    line 200 "{\"action\":\"compareAndDelete\",\"node\":$(node /lock ''),\"prevNode\":$(node /lock ',"value":"c"')}" \
        "$keys/lock?prevValue=c" -XDELETE
    line 400 '{"errorCode":209,"message":"Invalid field","cause":"invalid value for \"recursive\"","index":N}' \
        "$keys?recursive=perhaps"
}

directories() {
    line 201 "{\"action\":\"set\",\"node\":$(node /d ',"dir":true')}" "$keys/d" -XPUT -d dir=true
    line 403 "$(error 102 'Not a file' $dir/d)" "$keys/d" -XPUT -d value=x
    line 201 "{\"action\":\"create\",\"node\":$(node /d/N ',"value":"job"')}" "$keys/d" -XPOST -d value=job
    line 201 "{\"action\":\"set\",\"node\":$(node /d/_hidden ',"value":"x"')}" "$keys/d/_hidden" -XPUT -d value=x
    line 200 "{\"action\":\"get\",\"node\":$(node /d ",\"dir\":true,\"nodes\":[$(node /d/N ',"value":"job"')]")}" \
        "$keys/d?recursive=true&sorted=true"
    line 403 "$(error 108 'Directory not empty' $dir/d)" "$keys/d?dir=true" -XDELETE
    line 200 "{\"action\":\"delete\",\"node\":$(node /d ',"dir":true'),\"prevNode\":$(node /d ',"dir":true')}" \
        "$keys/d?recursive=true" -XDELETE
}

# watch FILE ARGS... starts curl on a watch and waits for its headers: once
# they are there, the server has promised to miss nothing.
watch() {
    local file=$1 try
    shift
    curl --silent --show-error --no-buffer --max-time 20 --dump-header "$file.head" --output "$file" "$@" &
    watcher=$!
    for ((try = 0; try < 100; try++)); do
        [ "$(tail -c 4 "$file.head" 2>/dev/null | od -An -tx1)" = ' 0d 0a 0d 0a' ] && return
        sleep 0.1
    done
    fail "no headers within ten seconds: $*"
}

# watched WHAT FILE BODY waits for the watch to end and compares what it got.
watched() {
    wait "$watcher" || fail "$1: curl ended with status $?"
    watcher=
    [ "$(masked <"$2")" = "$3" ] || fail "$1:"$'\nwant: '"$3"$'\ngot:  '"$(masked <"$2")"
}

watches() {
    local set index
    set="{\"action\":\"set\",\"node\":$(node /w/k ',"value":"x"')}"
    watch "$scratch/live" "$keys/w?wait=true&recursive=true"
    line 201 "$set" "$keys/w/k" -XPUT -d value=x
    index=$(header X-Etcd-Index)
    watched 'a watch' "$scratch/live" "$set"
    line 200 "$set" "$keys/w/k?wait=true&waitIndex=$index"

    watch "$scratch/expiry" "$keys/w/k?wait=true&waitIndex=$((index + 2))"
    line 200 "{\"action\":\"update\",\"node\":$(node /w/k ',"value":"x","expiration":"T","ttl":1'),\"prevNode\":$(node /w/k ',"value":"x"')}" \
        "$keys/w/k" -XPUT -d prevExist=true -d refresh=true -d ttl=1
    watched 'an expiry' "$scratch/expiry" \
        "{\"action\":\"expire\",\"node\":$(node /w/k ''),\"prevNode\":$(node /w/k ',"value":"x","expiration":"T"')}"
}

# streams reads two events from one answer that goes on until curl is told to stop.
streams() {
    local one two
    one="{\"action\":\"set\",\"node\":$(node /s ',"value":"1"')}"
    two="{\"action\":\"set\",\"node\":$(node /s ',"value":"2"'),\"prevNode\":$(node /s ',"value":"1"')}"
    watch "$scratch/stream" "$keys/s?wait=true&stream=true"
    line 201 "$one" "$keys/s" -XPUT -d value=1
    line 200 "$two" "$keys/s" -XPUT -d value=2
    for ((try = 0; try < 100; try++)); do
        [ "$(wc -l <"$scratch/stream")" -ge 2 ] && break
        sleep 0.1
    done
    [ "$(masked <"$scratch/stream")" = "$one"$'\n'"$two" ] || fail "stream: got $(cat "$scratch/stream")"
    kill "$watcher"
    watcher=
}

besides() {
    answers 200 "$endpoint" "$endpoint/v2/machines"
    [[ $(curl --silent "$endpoint/version") =~ ^\{\"etcdserver\":\"[0-9.]+\",\"etcdcluster\":\"[0-9.]+\"\}$ ]] ||
        fail "/version: $(curl --silent "$endpoint/version")"
    # etcd 2.3 has a blank here, later versions have none.
    [[ $(curl --silent "$endpoint/health") =~ ^\{\"health\":\ ?\"true\"\}$ ]] ||
        fail "/health: $(curl --silent "$endpoint/health")"
    line 404 '404 page not found' "$endpoint/v2/nothing"
    line 405 'Method Not Allowed' "$keys" -XPATCH
    answers 301 '' --path-as-is -XPUT "$keys//x/../y"
    [ "$(header Location)" = "/v2/keys$dir/y" ] || fail "Location: $(header Location)"
}

for step in values conditions directories watches streams besides; do
    $step
    echo "ok $step"
done
curl --silent --fail --output "$scratch/body" -XDELETE "$keys?recursive=true" || fail "remove the program's keys"
