package fault

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"pando/test/server"
)

// written starts a fresh server, writes n keys and kills it.
func written(t *testing.T, n int, args ...string) (s *server.Server, c content, index uint64) {
	t.Helper()
	s, c = server.Start(t, server.Options{Args: args}), content{}
	index = c.fill(t, s, n)
	s.Kill()
	return s, c, index
}

// copyTo copies a data directory, so that one can be damaged in several ways.
func copyTo(t *testing.T, dir string) (copied string) {
	t.Helper()
	copied = filepath.Join(t.TempDir(), "data")
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return copied
}

// A power cut in the middle of the last write: nobody was told of it, so it is cut away, wherever it broke.
func TestTornLastWrite(t *testing.T) {
	s, c := server.Start(t, server.Options{}), content{}
	index := c.fill(t, s, 20)
	file := files(t, s.Dir, "wal")[0]
	from := end(t, file)
	last := content{}
	last.put(t, s, "/last", string(bytes.Repeat([]byte("x"), 300)))
	to := end(t, file)
	s.Kill()
	for _, tear := range []struct {
		name string
		at   int64
		how  func(*testing.T, string, int64)
	}{
		{"zeros from its second byte on", from + 1, blank},
		{"zeros behind its length", from + frameHeader, blank},
		{"zeros from its middle on", (from + to) / 2, blank},
		{"zeros instead of its last byte", to - 1, blank},
		{"cut before it", from, truncate},
		{"cut in its length", from + 3, truncate},
		{"cut in its middle", (from + to) / 2, truncate},
		{"cut before its last byte", to - 1, truncate},
		{"a bit of it turned", (from + to) / 2, flip},
	} {
		t.Run(tear.name, func(t *testing.T) {
			dir := copyTo(t, s.Dir)
			tear.how(t, files(t, dir, "wal")[0], tear.at)
			again := server.Start(t, server.Options{Dir: dir})
			c.served(t, again, index)
			if tear.at != from {
				said(t, again.Log(), "WARN", "torn")
			}
			more := content{}
			more.put(t, again, "/more", "after the repair")
			again.Kill()
			more["/fill/0000"] = c["/fill/0000"]
			third := restart(t, again)
			want := content{"/more": "after the repair"}
			for k, v := range c {
				want[k] = v
			}
			want.served(t, third, index+1)
		})
	}
}

// A bit that turned inside what was acknowledged: refused, not guessed.
func TestBitFlippedLog(t *testing.T) {
	s, _, _ := written(t, 20)
	file := files(t, s.Dir, "wal")[0]
	list := frames(t, file)
	for _, n := range []int{1, len(list) / 2, len(list) * 3 / 4} {
		t.Run(fmt.Sprintf("record %d of %d", n, len(list)), func(t *testing.T) {
			dir := copyTo(t, s.Dir)
			file := files(t, dir, "wal")[0]
			flip(t, file, (list[n].offset+frameHeader+list[n].end)/2)
			refused(t, dir, "ERROR", file, "damaged")
		})
	}
}

// What file systems leave behind the last record after a power cut does no harm.
func TestZerosBehindTheLastRecord(t *testing.T) {
	s, c, index := written(t, 20)
	file := files(t, s.Dir, "wal")[0]
	blank(t, file, end(t, file))
	extend(t, file, make([]byte, 100_000))
	again := restart(t, s)
	c.served(t, again, index)
}

// Garbage behind the last record is a write that was never acknowledged.
func TestGarbageBehindTheLastRecord(t *testing.T) {
	s, c, index := written(t, 20)
	garbage := make([]byte, 5000)
	random := rand.NewChaCha8([32]byte{1})
	for name, put := range map[string]func(*testing.T, string){
		"at its end":          func(t *testing.T, file string) { overwrite(t, file, end(t, file), garbage) },
		"behind a short file": func(t *testing.T, file string) { truncate(t, file, end(t, file)); extend(t, file, garbage) },
		"behind the file":     func(t *testing.T, file string) { extend(t, file, garbage) },
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := random.Read(garbage); err != nil {
				t.Fatal(err)
			}
			dir := copyTo(t, s.Dir)
			put(t, files(t, dir, "wal")[0])
			again := server.Start(t, server.Options{Dir: dir})
			c.served(t, again, index)
		})
	}
}

// A log that is gone is never taken for a fresh start.
func TestLogGone(t *testing.T) {
	s, _, _ := written(t, 40, "--snapshot-count", "10")
	for name, remove := range map[string]func(dir string) error{
		"its files":  func(dir string) error { return os.Remove(files(t, dir, "wal")[0]) },
		"its folder": func(dir string) error { return os.RemoveAll(filepath.Join(dir, "member", "wal")) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := copyTo(t, s.Dir)
			if err := remove(dir); err != nil {
				t.Fatal(err)
			}
			refused(t, dir, "ERROR", "holds snapshots but", "holds no log")
		})
	}
}

// A log file without a byte in it held something.
func TestEmptyLogFile(t *testing.T) {
	s, _, _ := written(t, 5)
	file := files(t, s.Dir, "wal")[0]
	truncate(t, file, 0)
	refused(t, s.Dir, "ERROR", file)
}

// A file that is missing between two others held acknowledged writes.
func TestLogFileMissing(t *testing.T) {
	s, c := server.Start(t, server.Options{}), content{}
	megabyte := string(bytes.Repeat([]byte("m"), 1<<20))
	for n := range 18 {
		c.put(t, s, fmt.Sprintf("/big/%d", n), megabyte)
	}
	s.Kill()
	list := files(t, s.Dir, "wal")
	if len(list) < 3 {
		t.Fatalf("18 MB went into %d files", len(list))
	}
	if err := os.Remove(list[1]); err != nil {
		t.Fatal(err)
	}
	refused(t, s.Dir, "ERROR", "damaged")
}
