package fault

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"testing"

	"pando/test/fault/keys"
	"pando/test/server"
)

// sector is what a disk writes as a whole, in bytes.
const sector = 512

// tear is what a power cut left of a write.
type tear struct {
	name string
	// kept reports whether a sector of the write reached the disk; the others are as they were before.
	kept func(n int) bool
}

var tears = []tear{
	{"nothing", func(int) bool { return false }},
	{"the first sector", func(n int) bool { return n == 0 }},
	{"the first two", func(n int) bool { return n < 2 }},
	{"all but the second", func(n int) bool { return n != 1 }},
	{"all but the first", func(n int) bool { return n != 0 }},
	{"every second one", func(n int) bool { return n%2 == 0 }},
}

// tornWrite makes a directory in which the last write was acknowledged, and the log file as it was before that write.
type tornWrite struct {
	dir      string
	before   []byte
	from, to int64 // of the write in the log file
}

// lastWrite writes one more key of some sectors and kills the server before it writes anything else. The commit index,
// which follows a little later, may come first: then it is tried again.
func lastWrite(t *testing.T, s *server.Server, key string) tornWrite {
	t.Helper()
	file := newestLog(t, s.Dir)
	w := tornWrite{dir: s.Dir, before: read(t, file), from: end(t, file)}
	content{}.put(t, s, key, string(bytes.Repeat([]byte(key), 3000/len(key))))
	s.Kill()
	w.to = end(t, file)
	writes := 0
	for _, f := range frames(t, file) {
		if f.begins && f.offset >= w.from {
			writes++
		}
	}
	if writes > 1 {
		s = restart(t, s)
		if a := do(t, s, http.MethodDelete, keys.Path(key)); !a.OK() {
			t.Fatalf("DELETE %s: %s", key, a)
		}
		return lastWrite(t, s, key)
	}
	if (w.to-1)/sector-w.from/sector < 4 {
		t.Fatalf("the last write goes from %d to %d, which is less than five sectors", w.from, w.to)
	}
	return w
}

// apply puts back what a log file had before the write in those sectors that did not reach the disk.
func (w tornWrite) apply(t *testing.T, file string, torn tear) {
	t.Helper()
	first := w.from / sector
	for at := first; at <= w.to/sector; at++ {
		if !torn.kept(int(at - first)) {
			overwrite(t, file, at*sector, w.before[at*sector:(at+1)*sector])
		}
	}
}

func newestLog(t *testing.T, dir string) string {
	t.Helper()
	list := files(t, dir, "wal")
	return list[len(list)-1]
}

// A power cut in the middle of the last write: nobody was told of it, so it is cut away, wherever it broke. And so it
// is when that happens once more to the first write after the repair.
func TestTornLastWrite(t *testing.T) {
	t.Parallel()
	s, c := server.Start(t, server.Options{}), content{}
	index := c.fill(t, s, 20)
	first := lastWrite(t, s, "/last")
	for _, torn := range tears {
		t.Run(torn.name, func(t *testing.T) {
			dir := copyTo(t, first.dir)
			first.apply(t, newestLog(t, dir), torn)
			again := server.Start(t, server.Options{Dir: dir})
			c.served(t, again, index)
			if torn.kept(0) {
				said(t, again.Log(), "WARN", "cut a torn write from the end of the log; it was never acknowledged")
			}
			second := lastWrite(t, again, "/second")
			for _, torn := range tears[2:5] {
				t.Run("and then "+torn.name, func(t *testing.T) {
					dir := copyTo(t, second.dir)
					second.apply(t, newestLog(t, dir), torn)
					third, all := server.Start(t, server.Options{Dir: dir}), maps.Clone(c)
					all.served(t, third, index+1)
					all.put(t, third, "/third", "after two repairs")
					third.Kill()
					all.served(t, restart(t, third), index+2)
				})
			}
		})
	}
}

// A copy of the log that was cut off, in the middle of the last write or before it.
func TestShortenedLog(t *testing.T) {
	s, c := server.Start(t, server.Options{}), content{}
	index := c.fill(t, s, 20)
	w := lastWrite(t, s, "/last")
	for _, at := range []int64{w.from, w.from + 1, w.from + frameHeader, (w.from + w.to) / 2, w.to - 1} {
		t.Run(fmt.Sprintf("by %d of %d bytes", w.to-at, w.to-w.from), func(t *testing.T) {
			dir := copyTo(t, s.Dir)
			truncate(t, newestLog(t, dir), at)
			c.served(t, server.Start(t, server.Options{Dir: dir}), index)
		})
	}
}
