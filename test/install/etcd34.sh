#!/bin/bash
# usage: etcd34.sh COMMAND [ARGUMENT ...]
# Runs a command with `-endpoint URL` appended, where URL is that of a fresh etcd 3.4 with the v2 API, which ends with it.
set -euo pipefail

dir=$(mktemp -d)
etcd=
finish() {
	if [ -n "$etcd" ]; then
		kill "$etcd" 2>/dev/null || true
		wait "$etcd" || true
	fi
	rm -rf "$dir"
}
trap finish EXIT

# free_port prints a port that nobody listens on, below those that the kernel hands out by itself.
free_port() {
	local port
	while port=$((RANDOM % 20000 + 10000)); (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
	echo "$port"
}
client=http://127.0.0.1:$(free_port)
peer=http://127.0.0.1:$(free_port)

/usr/bin/etcd --enable-v2 --data-dir "$dir/data" --listen-client-urls "$client" --advertise-client-urls "$client" \
	--listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" --initial-cluster "default=$peer" >"$dir/log" 2>&1 &
etcd=$!

# Settled: the version of the cluster is the last thing that a fresh etcd writes by itself.
for _ in {1..300}; do
	if curl --silent "$client/version" | grep -q '"etcdcluster":"3'; then
		"$@" -endpoint "$client"
		exit
	fi
	kill -0 "$etcd" 2>/dev/null || break
	sleep 0.1
done
cat "$dir/log" >&2
echo "etcd 3.4 does not start" >&2
exit 1
