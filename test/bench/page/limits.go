package page

import (
	"pando/test/bench/bare"
	"pando/test/bench/record"
)

// keyBytes is what the benchmarks' keys and values themselves take: a value of 100 bytes and a name of 7 or so.
const keyBytes = 107

// limit is one row of the table of limits: a figure of Pando's beside what cannot be gone below.
type limit struct {
	what  string
	pando record.Figure
	bound func(v *view) (float64, bool)
	name  string // of the bound
	show  unit
}

// spreadOf is a bound that was measured.
func spreadOf(subject string, f record.Figure) func(v *view) (float64, bool) {
	return func(v *view) (float64, bool) {
		s := v.Spread(subject, f)
		return s.Median, s.Rounds > 0
	}
}

func known(n float64) func(*view) (float64, bool) {
	return func(*view) (float64, bool) { return n, true }
}

var bareGet = record.Figure{Measure: "limits", Value: "cpu-us"}

func (v *view) limits() []limit {
	disk := spreadOf(record.Disk, record.Figure{Measure: "put-one", Value: "p50-us"})
	keys, restart := v.figure("keys", "key-bytes"), v.figure("keys", "restart-key-us")
	return []limit{
		{"GET, 64 connections: CPU per request", bareGet, spreadOf(bare.Sockets, bareGet), "a read and a write of a socket, and nothing else", microseconds},
		{"", bareGet, spreadOf(bare.NetHTTP, bareGet), "`net/http` with a handler of six lines", microseconds},
		{"quorum GET, 64 connections: CPU per request", record.Figure{Measure: "qget", Value: "cpu-us"}, spreadOf(bare.Sockets, bareGet), "the same read and write", microseconds},
		{"PUT, 64 connections: CPU per request", record.Figure{Measure: "put", Value: "cpu-us"}, spreadOf(bare.Sockets, bareGet), "the same read and write; the fdatasync is shared", microseconds},
		{"three nodes, PUT, 64 connections: CPU of all members", record.Figure{Measure: "three-put", Value: "cpu-us"}, spreadOf(bare.Sockets, bareGet), "the same read and write; messages and syncs are shared", microseconds},
		{"PUT, one client: p50", record.Figure{Measure: "put-one", Value: "p50-us"}, disk, "one write and fdatasync", microseconds},
		{"three nodes, PUT, one client: p50", record.Figure{Measure: "three-put-one", Value: "p50-us"}, disk, "one write and fdatasync: two members sync at the same time", microseconds},
		{"PUT while filling: p99", v.figure("keys", "p99-us"), spreadOf(record.Disk, record.Figure{Measure: "put-one", Value: "p99-us"}), "the p99 of one write and fdatasync, with nobody else at the disk", microseconds},
		{"longest write while the whole tree is read", v.figure("keys", "beside-reader-max-us"), spreadOf(record.Pando, v.figure("keys", "alone-max-us")), "the longest while nobody reads", microseconds},
		{"memory per key under load", keys, known(keyBytes), "the bytes of a name and a value", byteSize},
		{"memory per waiting watcher", v.figure("watch-memory", "watcher-bytes"), spreadOf(bare.Sockets, record.Figure{Measure: "limits", Value: "watcher-bytes"}),
			"a goroutine that waits at a socket, with a buffer of 1 KB", byteSize},
		{"one write to many watchers: last one answered", v.figure("watch-write", "last-us"), spreadOf(bare.Sockets, record.Figure{Measure: "limits", Value: "last-us"}),
			"one write to each socket, one after the other", microseconds},
		{"restart per key", restart, spreadOf(record.Pando, v.figure("keys", "read-key-us")), "reading the files into memory and their CRC", microseconds},
	}
}

// Limits is the table of Pando's figures beside what cannot be gone below on the machine.
func (v *view) Limits() string {
	t := newTable("", "Pando", "limit", "of it", "that is")
	for _, l := range v.limits() {
		row := []string{l.what, l.show.spread(v.Spread(record.Pando, l.pando)), "–", "–", l.name}
		if bound, ok := l.bound(v); ok {
			row[2] = l.show.text(bound)
			if p := v.Spread(record.Pando, l.pando); p.Rounds > 0 && bound > 0 {
				row[3] = times.text(p.Median / bound)
			}
		}
		t.add(row...)
	}
	return t.String()
}
