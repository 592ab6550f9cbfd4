// Package ttl keeps the paths that have a TTL, in the order in which they are due.
package ttl

// Index holds paths, each with the time at which it is due. One goroutine uses it.
type Index struct{}

// New returns an empty index.
func New() *Index { return &Index{} }

// Set adds a path, or changes when it is due: expiration in nanoseconds since 1970.
func (x *Index) Set(path string, expiration int64) {}

// Remove takes a path out.
func (x *Index) Remove(path string) {}

// RemoveBelow takes out every path strictly below dir.
func (x *Index) RemoveBelow(dir string) {}

// Next returns the path that is due first, of several that are due at once the first in byte order. ok is false if there is none.
func (x *Index) Next() (path string, expiration int64, ok bool) { return "", 0, false }
