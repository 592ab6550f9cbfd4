#!/bin/sh
# Stands in for Pando, as PANDO_TEST_BINARY, to put the programs themselves to
# the test: Debian's etcd 3.4 with its v2 API on.
exec /usr/bin/etcd --enable-v2 "$@"
