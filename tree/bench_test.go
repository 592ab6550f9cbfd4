package tree_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"pando/tree"
)

// filled returns a tree with so many keys of 100 bytes, made in batches of 100, in directories of the given size. Each
// value is memory of its own, as it is when it comes out of a log entry.
func filled(keys, perDirectory int) *tree.Tree {
	tr := tree.New()
	value := strings.Repeat("x", 100)
	for i := range keys {
		key := i * 7_368_787 % keys // all of them, in no order
		path := fmt.Sprintf("/1/dir%06d/key%06d", key/perDirectory, key)
		tr.PutFile(path, strings.Clone(value), tree.Attr{Created: uint64(i), Modified: uint64(i)})
		if i%100 == 0 {
			tr.Root()
		}
	}
	return tr
}

// bytesPerKey measures what a filled tree takes of the heap.
func bytesPerKey(keys, perDirectory int) float64 {
	before := heap()
	tr := filled(keys, perDirectory)
	used := heap() - before
	runtime.KeepAlive(tr)
	return float64(used) / float64(keys)
}

// TestMemoryPerKey holds the package to 180 bytes for a key of nine with a value of 100. BenchmarkMemory does it at a
// million keys.
func TestMemoryPerKey(t *testing.T) {
	const keys = 100_000
	for _, perDirectory := range []int{keys, 1000} {
		if got := bytesPerKey(keys, perDirectory); got > 180 {
			t.Errorf("directories of %d keys: %.0f bytes per key, more than 180", perDirectory, got)
		}
	}
}

func BenchmarkMemory(b *testing.B) {
	for _, perDirectory := range []int{1_000_000, 1000, 10} {
		b.Run(fmt.Sprintf("directory=%d", perDirectory), func(b *testing.B) {
			b.ReportMetric(bytesPerKey(1_000_000, perDirectory), "B/key")
			b.ReportMetric(0, "ns/op") // nothing is timed, and once is enough
		})
	}
}

// BenchmarkCollect is what the garbage collector has to do about a tree, each time that it runs.
func BenchmarkCollect(b *testing.B) {
	for _, keys := range sizes {
		tr := filled(keys, 1000)
		b.Run(fmt.Sprintf("keys=%d", keys), func(b *testing.B) {
			for b.Loop() {
				runtime.GC()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(keys), "ns/key")
		})
		runtime.KeepAlive(tr)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// sizes are those between which a write and a read must not get dearer.
var sizes = []int{1000, 1_000_000}

// randomPaths are keys of a tree that filled returned with one directory.
func randomPaths(keys int) []string {
	paths := make([]string, 1<<16)
	for i := range paths {
		paths[i] = fmt.Sprintf("/1/dir%06d/key%06d", 0, rand.IntN(keys))
	}
	return paths
}

// BenchmarkPutFile writes into one directory, in batches as a loaded server has them.
func BenchmarkPutFile(b *testing.B) {
	for _, keys := range sizes {
		tr, paths := filled(keys, keys), randomPaths(keys)
		for _, batch := range []int{1, 32} {
			b.Run(fmt.Sprintf("keys=%d/batch=%d", keys, batch), func(b *testing.B) {
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					tr.PutFile(paths[i%len(paths)], "value", tree.Attr{Created: 1, Modified: 1})
					if i%batch == 0 {
						tr.Root()
					}
				}
			})
		}
	}
}

func BenchmarkLookup(b *testing.B) {
	for _, keys := range sizes {
		root, paths := filled(keys, keys).Root(), randomPaths(keys)
		b.Run(fmt.Sprintf("keys=%d", keys), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				root.Lookup(paths[i%len(paths)])
			}
		})
	}
}
