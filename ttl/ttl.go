// Package ttl keeps the paths that have a TTL, ordered by (expiration, path): what is due first, and what lies below a
// directory that goes away.
//
// It promises that every call costs the logarithm of the number of paths with a TTL, and RemoveBelow that for each path it
// removes, however many others there are. It never reads a clock: the caller says what time it is by where it stops.
//
// It asks that paths are clean (absolute, no trailing slash), and that one goroutine at a time uses an Index.
package ttl

import (
	"strings"

	"github.com/tidwall/btree"
)

// entry is one path and when it is due, in nanoseconds since 1970.
type entry struct {
	expiration int64
	path       string
}

// Index holds paths, each with the time at which it is due. The zero value is not ready; New returns one that is.
type Index struct {
	byPath btree.Map[string, int64]
	byTime *btree.BTreeG[entry]
}

// New returns an empty index.
func New() *Index {
	return &Index{byTime: btree.NewBTreeGOptions(before, btree.Options{NoLocks: true})}
}

func before(a, b entry) bool {
	if a.expiration != b.expiration {
		return a.expiration < b.expiration
	}
	return a.path < b.path
}

// Set adds a path, or changes when it is due: expiration is in nanoseconds since 1970.
func (x *Index) Set(path string, expiration int64) {
	if old, replaced := x.byPath.Set(path, expiration); replaced {
		x.byTime.Delete(entry{old, path})
	}
	x.byTime.Set(entry{expiration, path})
}

// Remove takes a path out. Nothing happens if it is not there.
func (x *Index) Remove(path string) {
	if expiration, ok := x.byPath.Delete(path); ok {
		x.byTime.Delete(entry{expiration, path})
	}
}

// RemoveBelow takes out every path strictly below dir, not dir itself.
func (x *Index) RemoveBelow(dir string) {
	prefix := strings.TrimSuffix(dir, "/") + "/"
	var below []entry
	x.byPath.Ascend(prefix, func(path string, expiration int64) bool {
		if !strings.HasPrefix(path, prefix) {
			return false
		}
		if path != dir { // the root is its own prefix
			below = append(below, entry{expiration, path})
		}
		return true
	})
	for _, e := range below {
		x.byPath.Delete(e.path)
		x.byTime.Delete(e)
	}
}

// Next returns the path that is due first; of several that are due at once, the first in byte order. ok is false if the
// index is empty.
func (x *Index) Next() (path string, expiration int64, ok bool) {
	e, ok := x.byTime.Min()
	return e.path, e.expiration, ok
}

// Len is the number of paths.
func (x *Index) Len() int { return x.byPath.Len() }
