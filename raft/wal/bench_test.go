package wal

import (
	"fmt"
	"path/filepath"
	"testing"

	"pando/fsys"
	"pando/test/nosync"
)

// go test -bench Append -benchmem ./raft/wal
func BenchmarkAppend(b *testing.B) {
	for _, n := range []int{1, 64} {
		for name, f := range map[string]fsys.FS{"durable": fsys.OS, "nosync": nosync.FS} {
			b.Run(fmt.Sprintf("%dx256B/%s", n, name), func(b *testing.B) {
				w, err := Create(f, filepath.Join(b.TempDir(), "wal"), testMetadata, Options{})
				if err != nil {
					b.Fatal(err)
				}
				defer w.Close()
				batch := Batch{Entries: make([]Entry, n), State: &HardState{Term: 1}, Sync: true}
				for i := range batch.Entries {
					batch.Entries[i] = Entry{Term: 1, Data: make([]byte, 256)}
				}
				b.SetBytes(int64(n * 256))
				b.ReportAllocs()
				index := uint64(0)
				for b.Loop() {
					for i := range batch.Entries {
						index++
						batch.Entries[i].Index = index
					}
					if err := w.Append(batch); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// go test -bench Open -benchmem ./raft/wal
func BenchmarkOpen(b *testing.B) {
	for _, n := range []int{10, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			dir := filepath.Join(b.TempDir(), "wal")
			w := create(b, dir, Options{})
			data := make([]byte, 150)
			for i := uint64(1); i <= uint64(n); {
				batch := Batch{}
				for range min(50, uint64(n)-i+1) {
					batch.Entries = append(batch.Entries, Entry{Term: 1, Index: i, Data: data})
					i++
				}
				appendTo(b, w, batch)
			}
			w.Close()
			for b.Loop() {
				w, r, err := openLog(nosync.FS, dir, Position{}, Options{})
				if err != nil || len(r.Entries) != n {
					b.Fatal(err, n)
				}
				b.StopTimer()
				w.Close()
				b.StartTimer()
			}
		})
	}
}
