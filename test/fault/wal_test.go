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
	copied, err := tryCopyTo(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	return copied
}

// tryCopyTo copies in the order of names. Of a directory that is in use, a file may vanish meanwhile.
func tryCopyTo(t *testing.T, dir string) (copied string, err error) {
	t.Helper()
	copied = filepath.Join(t.TempDir(), "data")
	return copied, os.CopyFS(copied, os.DirFS(dir))
}

// A bit that turned inside what was acknowledged: refused, not guessed.
func TestBitFlippedLog(t *testing.T) {
	s, _, _ := written(t, 20)
	file := files(t, s.Dir, "wal")[0]
	list := frames(t, file)
	for _, n := range []int{1, len(list) / 2, len(list) * 3 / 4, len(list) - 1} { // the last one was acknowledged too
		t.Run(fmt.Sprintf("record %d of %d", n, len(list)), func(t *testing.T) {
			dir := copyTo(t, s.Dir)
			file := files(t, dir, "wal")[0]
			flip(t, file, (list[n].offset+frameHeader+list[n].end)/2)
			refused(t, dir, "ERROR", "the log is damaged", file, "at byte", "Restore a backup")
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

// Garbage behind the last record is nothing that a write of Pando's leaves when it is cut off: somebody else has been at
// the file, so it is refused. It says where, and cut there the log is whole again.
func TestGarbageBehindTheLastRecord(t *testing.T) {
	s, c, index := written(t, 20)
	garbage := make([]byte, 5000)
	if _, err := rand.NewChaCha8([32]byte{1}).Read(garbage); err != nil {
		t.Fatal(err)
	}
	for name, put := range map[string]func(t *testing.T, file string) (at int64){
		"at its end": func(t *testing.T, file string) int64 {
			at := end(t, file)
			overwrite(t, file, at, garbage)
			return at
		},
		"behind a file that was cut there": func(t *testing.T, file string) int64 {
			at := end(t, file)
			truncate(t, file, at)
			extend(t, file, garbage)
			return at
		},
		"behind the file": func(t *testing.T, file string) int64 {
			at := int64(len(read(t, file)))
			extend(t, file, garbage)
			return at
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := copyTo(t, s.Dir)
			file := files(t, dir, "wal")[0]
			at := put(t, file)
			refused(t, dir, "ERROR", "the log is damaged", file, fmt.Sprintf("at byte %d:", at))
			truncate(t, file, at)
			c.served(t, server.Start(t, server.Options{Dir: dir}), index)
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
	t.Parallel()
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
	refused(t, s.Dir, "ERROR", "the log is damaged", "Restore a backup")
}
