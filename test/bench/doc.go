// Package bench measures the real binary over real sockets where test/bench/compare, which makes docs/benchmarks.md, does
// not look: passwords, crowds, expiry. Nothing here judges: figures are printed, and a reader compares them.
//
//	go test -run '^$' -bench . -benchtime 1x ./test/bench
package bench
