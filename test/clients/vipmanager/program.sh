#!/bin/bash
# Has two vip-managers put one address on the interface of the node that a key names:
#
#     bash program.sh http://127.0.0.1:2379
#
# It makes two interfaces, so it runs in a network namespace.
set -u

endpoint=$1
key=/service/vip-$$/leader
address=10.99.99.200
scratch=$(mktemp -d)
managers=()
trap 'for pid in "${managers[@]}"; do kill "$pid"; done; wait; rm -rf "$scratch"' EXIT

fail() {
    printf 'vip-manager: %s\n' "$*" >&2
    tail "$scratch"/*.log >&2
    exit 1
}

# write METHOD ARGS... changes the key.
write() { curl --silent --show-error --fail --max-time 20 --output /dev/null "$endpoint/v2/keys$key" -X"$@" || fail "$*"; }

# manage NODE starts the vip-manager of a node, whose interface has its name.
manage() {
    vip-manager --ip $address --netmask 24 --interface "$1" --trigger-key $key --trigger-value "$1" \
        --dcs-type etcd --dcs-endpoints "$endpoint" --interval 500 >"$scratch/$1.log" 2>&1 &
    managers+=($!)
}

# where prints the interfaces that have the address.
where() { ip -oneline -4 address show to $address/32 | awk '{ printf "%s", $2 }'; }

# stands NODE waits until the node has the address and no other has; "" is nobody.
stands() {
    local try
    for ((try = 0; try < 200; try++)); do
        [ "$(where)" = "$1" ] && return
        sleep 0.1
    done
    fail "the address is on '$(where)', not on '$1'"
}

ip link add name vip-a type veth peer name vip-b || fail "two interfaces"
# Each has an address of its own, without which there is nothing to announce another one from.
ip address add 10.99.99.11/24 dev vip-a && ip link set vip-a up || fail "the interface vip-a"
ip address add 10.99.99.12/24 dev vip-b && ip link set vip-b up || fail "the interface vip-b"
write PUT -d value=vip-a
manage vip-a
manage vip-b
stands vip-a
write PUT -d value=vip-b
stands vip-b
write PUT -d value=vip-b -d prevValue=vip-b -d ttl=2 # as Patroni refreshes it; then the leader is lost
stands vip-b
stands ''
write PUT -d value=vip-a
stands vip-a
write DELETE
stands ''
write PUT -d value=vip-b
stands vip-b
echo "ok the address follows $key"
write DELETE
