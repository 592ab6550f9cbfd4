package fault

import (
	"bytes"
	"fmt"
	"net/http"
	"path/filepath"
	"testing"

	"pando/test/fault/keys"
	"pando/test/server"
)

// withSnapshots makes a directory with at least three snapshots and a log that reaches back to the beginning.
func withSnapshots(t *testing.T) (s *server.Server, c content, index uint64) {
	t.Helper()
	s, c = server.Start(t, server.Options{Args: []string{"--snapshot-count", "10"}}), content{}
	for range 30 {
		index = c.fill(t, s, 10)
		if list, _ := filepath.Glob(filepath.Join(s.Dir, "member", "snap", "*.snap")); len(list) >= 3 {
			s.Kill()
			return s, c, index
		}
	}
	t.Fatalf("300 keys and --snapshot-count=10 have not made three snapshots")
	return nil, nil, 0
}

// damages are the ways in which a file can be unreadable.
var damages = map[string]func(*testing.T, string){
	"cut in half": func(t *testing.T, file string) { truncate(t, file, int64(len(read(t, file))/2)) },
	"empty":       func(t *testing.T, file string) { truncate(t, file, 0) },
	"a bit turned in its middle": func(t *testing.T, file string) {
		flip(t, file, int64(len(read(t, file))/2))
	},
	"a bit turned in a value, so that it still is JSON": func(t *testing.T, file string) {
		const value = `"Value":"`
		flip(t, file, int64(bytes.LastIndex(read(t, file), []byte(value+"v"))+len(value)))
	},
	"a bit turned at its beginning": func(t *testing.T, file string) { flip(t, file, 1) },
}

// The newest snapshot cannot be read: it is set aside, and the one before it and the log have everything.
func TestNewestSnapshotDamaged(t *testing.T) {
	s, c, index := withSnapshots(t)
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			dir := copyTo(t, s.Dir)
			list := files(t, dir, "snap")
			newest := list[len(list)-1]
			damage(t, newest)
			again := server.Start(t, server.Options{Dir: dir})
			c.served(t, again, index)
			said(t, again.Log(), "set aside a snapshot that cannot be read", newest)
			if len(read(t, newest+".broken")) == 0 && name != "empty" {
				t.Error("the damaged file was not kept")
			}
		})
	}
}

// No snapshot can be read, and the log reaches back to the beginning.
func TestAllSnapshotsDamaged(t *testing.T) {
	s, c, index := withSnapshots(t)
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			dir := copyTo(t, s.Dir)
			for _, file := range files(t, dir, "snap") {
				damage(t, file)
			}
			c.served(t, server.Start(t, server.Options{Dir: dir}), index)
		})
	}
}

// No snapshot can be read, and the beginning of the log has been removed since: what is left is not the whole.
func TestAllSnapshotsDamagedAndLogPurged(t *testing.T) {
	t.Parallel()
	s, c := server.Start(t, server.Options{Args: []string{"--snapshot-count", "10", "--max-wals", "1", "--max-snapshots", "2"}}), content{}
	megabyte := string(bytes.Repeat([]byte("m"), 1<<20))
	purged := func() bool {
		return filepath.Base(files(t, s.Dir, "wal")[0])[:16] != fmt.Sprintf("%016x", 0)
	}
	for n := 0; !purged(); n++ {
		if n == 200 {
			t.Fatal("200 MB, and no log file has been removed")
		}
		c.put(t, s, "/big", megabyte)
	}
	s.Kill()
	for _, file := range files(t, s.Dir, "snap") {
		truncate(t, file, 100)
	}
	again := server.Launch(t, server.Options{Dir: s.Dir})
	status := exitStatus(again.Wait(patience))
	sentence(t, again.Log(), status, "ERROR", "pando cannot go on")
}

// A snapshot that was being written when the power went is not taken for one.
func TestHalfWrittenSnapshotIsIgnored(t *testing.T) {
	s, c, index := withSnapshots(t)
	list := files(t, s.Dir, "snap")
	half := read(t, list[len(list)-1])[:100]
	create(t, filepath.Join(s.Dir, "member", "snap", "tmp-1"), half)
	create(t, list[len(list)-1]+".tmp", half)
	again := restart(t, s)
	c.served(t, again, index)
	if a := do(t, again, http.MethodGet, "/health"); a.Status != http.StatusOK {
		t.Errorf("/health: %s", a)
	}
	if a := do(t, again, http.MethodGet, keys.Path("/fill/0000", "quorum", "true")); !a.OK() {
		t.Errorf("a quorum read: %s", a)
	}
}
