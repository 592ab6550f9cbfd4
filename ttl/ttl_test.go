package ttl_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"pando/ttl"
)

var paths = rapid.Custom(func(t *rapid.T) string {
	elements := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "ab", "a-", "a0"}), 1, 3).Draw(t, "elements")
	return "/" + strings.Join(elements, "/")
})

// due lists a map in the order in which its paths are due.
func due(m map[string]int64) []string {
	return slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		return cmp.Or(cmp.Compare(m[a], m[b]), strings.Compare(a, b))
	})
}

// TestModel runs random calls against a map, and at the end takes everything out in order.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, m := ttl.New(), map[string]int64{}
		t.Repeat(map[string]func(*rapid.T){
			"set": func(t *rapid.T) {
				path, at := paths.Draw(t, "path"), rapid.Int64Range(-3, 3).Draw(t, "expiration")
				x.Set(path, at)
				m[path] = at
			},
			"remove": func(t *rapid.T) {
				path := paths.Draw(t, "path")
				x.Remove(path)
				delete(m, path)
			},
			"remove below": func(t *rapid.T) {
				dir := paths.Draw(t, "dir")
				x.RemoveBelow(dir)
				maps.DeleteFunc(m, func(p string, _ int64) bool { return strings.HasPrefix(p, dir+"/") })
			},
			"": func(t *rapid.T) {
				path, at, ok := x.Next()
				if x.Len() != len(m) || ok != (len(m) > 0) || ok && (path != due(m)[0] || at != m[path]) {
					t.Fatalf("next of %d is %q at %d; the model says %v", x.Len(), path, at, m)
				}
			},
		})
		for _, want := range due(m) {
			path, _, ok := x.Next()
			if !ok || path != want {
				t.Fatalf("next is %q, want %q", path, want)
			}
			x.Remove(path)
		}
	})
}

func TestRemoveBelowRoot(t *testing.T) {
	x := ttl.New()
	for i := range 1000 {
		x.Set(fmt.Sprintf("/%d/%d", i%7, i), int64(i))
	}
	x.Set("/", 1)
	x.RemoveBelow("/")
	if path, _, ok := x.Next(); !ok || path != "/" || x.Len() != 1 {
		t.Errorf("left are %d, first %q", x.Len(), path)
	}
}

// BenchmarkRemoveBelow removes ten paths among so many others: the time has to be nearly the same.
func BenchmarkRemoveBelow(b *testing.B) {
	for _, others := range []int{1000, 300_000} {
		b.Run(fmt.Sprintf("others=%d", others), func(b *testing.B) {
			x := ttl.New()
			for i := range others {
				x.Set(fmt.Sprintf("/1/other/%d", i), int64(i))
			}
			var below [10]string
			for i := range below {
				below[i] = fmt.Sprintf("/1/dir/%d", i)
			}
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				for i, path := range below {
					x.Set(path, int64(i))
				}
				x.RemoveBelow("/1/dir")
			}
		})
	}
}
