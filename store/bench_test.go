package store_test

import (
	"fmt"
	"strings"
	"testing"

	"pando/store"
)

// BenchmarkApply measures commands as the apply goroutine meets them, decoding and publishing in batches of 32 included, in
// a store of a hundred thousand keys.
func BenchmarkApply(b *testing.B) {
	const keys = 100_000
	value := strings.Repeat("x", 100)
	path := func(i int) string { return fmt.Sprintf("/1/dir%03d/key%06d", i%keys/1000, i%keys) }
	yes := true
	for _, bench := range []struct {
		name    string
		command func(i int) store.Command
	}{
		{"set", func(i int) store.Command { return store.Command{Path: path(i * 7919), Val: value} }},
		{"set-ttl", func(i int) store.Command {
			return store.Command{Path: path(i * 7919), Val: value, Expiration: year2000 * 3}
		}},
		{"set-new", func(i int) store.Command {
			return store.Command{Path: fmt.Sprintf("/1/new%03d/%d", i%1000, i), Val: value}
		}},
		{"update", func(i int) store.Command {
			return store.Command{Path: path(i * 7919), Val: value, PrevExist: &yes}
		}},
		{"swap-refused", func(i int) store.Command {
			return store.Command{Path: path(i * 7919), Val: value, PrevIndex: 1 << 60}
		}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			s := store.New(store.Options{})
			for i := range keys {
				s.Apply(1, 1, put(path(i), strings.Clone(value)))
				if i%1000 == 0 {
					s.Publish(1, 1)
				}
			}
			entries := make([][]byte, 1<<14)
			for i := range entries {
				c := bench.command(i)
				c.Method = store.MethodPut
				entries[i] = c.Marshal()
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				c, err := store.Unmarshal(entries[i%len(entries)])
				if err != nil {
					b.Fatal(err)
				}
				s.Apply(1, 1, c)
				if i%32 == 31 {
					s.Publish(1, 1)
					s.Notify()
				}
			}
		})
	}
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
