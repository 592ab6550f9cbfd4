package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pando/store"
)

const benchDirectory = 1000 // keys in a directory of filledStore

func benchPath(key int) string {
	return fmt.Sprintf("/1/dir%03d/key%06d", key/benchDirectory, key)
}

// filledStore returns a store with so many keys of 100 bytes.
func filledStore(keys int) *store.Store {
	s := store.New(store.Options{})
	for i := range keys {
		s.Apply(1, 1, put(benchPath(i), strings.Repeat("x", 100)))
		if i%1000 == 0 {
			s.Publish(1, 1)
		}
	}
	return s
}

// applyInBatches measures commands as the apply goroutine meets them: decoding, and publishing in batches, included. Encoding them
// is not: there is another one for each i.
func applyInBatches(b *testing.B, s *store.Store, batch int, command func(i int) store.Command) {
	entries := make([][]byte, 1<<14)
	b.ReportAllocs()
	i := 0
	for ; b.Loop(); i++ {
		if i%len(entries) == 0 {
			b.StopTimer()
			encode(entries, i, command)
			b.StartTimer()
		}
		c, err := store.Unmarshal(entries[i%len(entries)])
		if err != nil {
			b.Fatal(err)
		}
		s.Apply(1, 1, c)
		if (i+1)%batch == 0 {
			s.Publish(1, 1)
			s.Notify()
		}
	}
	s.Publish(1, 1)
	if last := command(i - 1).Path; !exists(s, last) {
		b.Fatalf("%s was not written: these were not %d commands", last, i)
	}
}

func exists(s *store.Store, path string) bool {
	_, err := s.View().Lookup(path)
	return err == nil
}

// encode makes the entries of the commands from first on.
func encode(entries [][]byte, first int, command func(i int) store.Command) {
	for i := range entries {
		c := command(first + i)
		c.Method = store.MethodPut
		entries[i] = c.Marshal()
	}
}

// BenchmarkApply is each kind of write in a store of a hundred thousand keys.
func BenchmarkApply(b *testing.B) {
	const keys = 100_000
	value := strings.Repeat("x", 100)
	path := func(i int) string { return benchPath(i * 7919 % keys) }
	yes := true
	for _, bench := range []struct {
		name    string
		command func(i int) store.Command
	}{
		{"set", func(i int) store.Command { return store.Command{Path: path(i), Val: value} }},
		{"set-ttl", func(i int) store.Command {
			return store.Command{Path: path(i), Val: value, Expiration: year2000 * 3}
		}},
		{"set-new", func(i int) store.Command {
			return store.Command{Path: fmt.Sprintf("/1/new%03d/%d", i%1000, i), Val: value}
		}},
		{"update", func(i int) store.Command {
			return store.Command{Path: path(i), Val: value, PrevExist: &yes}
		}},
		{"swap-refused", func(i int) store.Command {
			return store.Command{Path: path(i), Val: value, PrevIndex: 1 << 60}
		}},
	} {
		b.Run(bench.name, func(b *testing.B) { applyInBatches(b, filledStore(keys), 32, bench.command) })
	}
}

// BenchmarkApplySize is one write in a small and in a big store: the cost must not grow.
func BenchmarkApplySize(b *testing.B) {
	value := strings.Repeat("x", 100)
	for _, keys := range []int{1000, 1_000_000} {
		s := filledStore(keys)
		for _, batch := range []int{1, 32} {
			b.Run(fmt.Sprintf("keys=%d/batch=%d", keys, batch), func(b *testing.B) {
				applyInBatches(b, s, batch, func(i int) store.Command {
					return store.Command{Path: benchPath(i * 7919 % keys), Val: value}
				})
			})
		}
	}
}

// BenchmarkApplyBesideWatchers is a write that none of the watchers waits for: the cost must not grow. The ratio is that of two stores that
// take turns, so that what else the machine does falls on both.
func BenchmarkApplyBesideWatchers(b *testing.B) {
	const keys, watchers, turn = 100_000, 100_000, 1000
	alone, beside := filledStore(keys), filledStore(keys)
	for i := range watchers {
		w, err := beside.Watch(fmt.Sprintf("/1/watched/%d", i), i%2 == 0, i%4 == 0, 0, nil)
		if err != nil {
			b.Fatal(err)
		}
		defer w.Close()
	}
	write := func(i int) store.Command { return store.Command{Path: benchPath(i * 7919 % keys), Val: "value"} }
	b.Run("watchers=0", func(b *testing.B) { applyInBatches(b, alone, 1, write) })
	b.Run(fmt.Sprintf("watchers=%d", watchers), func(b *testing.B) { applyInBatches(b, beside, 1, write) })
	b.Run("in-turns", func(b *testing.B) {
		entries := make([][]byte, 1<<14)
		encode(entries, 0, write)
		var took [2]time.Duration
		for i := 0; b.Loop(); i++ {
			began := time.Now()
			for n := range turn {
				c, err := store.Unmarshal(entries[(i/2*turn+n)%len(entries)])
				if err != nil {
					b.Fatal(err)
				}
				s := []*store.Store{alone, beside}[i%2]
				s.Apply(1, 1, c)
				s.Publish(1, 1)
				s.Notify()
			}
			took[i%2] += time.Since(began)
		}
		if took[1] > 0 {
			b.ReportMetric(float64(took[1])/float64(took[0]), "beside/alone")
		}
	})
}

// BenchmarkPublish is what a batch costs beside its commands.
func BenchmarkPublish(b *testing.B) {
	s := store.New(store.Options{})
	b.ReportAllocs()
	for range b.N {
		s.Publish(1, 1)
	}
}

// TestApplyAllocates holds the hot path to its allocations: the event, and what the tree keeps.
func TestApplyAllocates(t *testing.T) {
	s := store.New(store.Options{})
	for i := range 20 {
		apply(t, s, put(fmt.Sprintf("/1/dir/key%02d", i), "value"))
	}
	set := put("/1/dir/key05", "value")
	if n := testing.AllocsPerRun(100, func() { s.Apply(1, 1, set) }); n > 3 {
		t.Errorf("a set in a batch allocates %v times, more than 3", n)
	}
	refused := store.Command{Method: store.MethodPut, Path: "/1/dir/key05", PrevIndex: 1 << 60}
	if n := testing.AllocsPerRun(100, func() { s.Apply(1, 1, refused) }); n > 6 {
		t.Errorf("a refused swap allocates %v times, more than 6", n)
	}
	if n := testing.AllocsPerRun(100, func() { set.Marshal() }); n > 1 {
		t.Errorf("Marshal allocates %v times, more than once", n)
	}
}
