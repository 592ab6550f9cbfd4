// Package bench measures the real binary over real sockets, beside a bare loop
// of write and fdatasync in the same run. Nothing here judges: figures are
// printed, and a reader compares them.
//
//	go test -run '^$' -bench . -benchtime 1x ./test/bench
//
// PANDO_BENCH_KEYS changes the number of keys, 1,000,000 by default. PANDO_BENCH_ETCD
// names etcds to compare with, where a benchmark does.
package bench
