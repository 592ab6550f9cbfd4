package fsys

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestHook: every call but reads is told of, with what it is told by, and is not made where the function refuses it.
func TestHook(t *testing.T) {
	var told []Call
	var refuse error
	f := Hook(OS, func(c Call) error {
		c.Name = filepath.Base(c.Name)
		told = append(told, c)
		return refuse
	})
	dir := t.TempDir()
	a, b, sub := filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "sub")
	file := openFile(t, f, a)
	added, err := f.OpenFile(b, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer added.Close()
	calls := []struct {
		want Call
		do   func() error
	}{
		{Call{Kind: MkdirAll, Name: "sub"}, func() error { return f.MkdirAll(sub, 0o700) }},
		{Call{Kind: Write, Name: "a", Size: 4, Grows: true}, func() error { _, err := file.WriteAt([]byte("abcd"), 0); return err }},
		{Call{Kind: Write, Name: "a", Size: 2, At: 2}, func() error { _, err := file.WriteAt([]byte("xy"), 2); return err }},
		{Call{Kind: Write, Name: "a", Size: 2, At: 3, Grows: true}, func() error { _, err := file.WriteAt([]byte("xy"), 3); return err }},
		{Call{Kind: Write, Name: "b", Size: 1, Grows: true}, func() error { _, err := added.Write([]byte("1")); return err }},
		{Call{Kind: Truncate, Name: "a"}, func() error { return file.Truncate(2) }},
		{Call{Kind: Sync, Name: "a"}, file.Sync},
		{Call{Kind: Datasync, Name: "a"}, file.Datasync},
		{Call{Kind: Lock, Name: "a"}, file.Lock},
		{Call{Kind: SyncDir, Name: filepath.Base(dir)}, func() error { return f.SyncDir(dir) }},
		{Call{Kind: Stat, Name: "a"}, func() error { _, err := f.Stat(a); return err }},
		{Call{Kind: ReadDir, Name: "sub"}, func() error { _, err := f.ReadDir(sub); return err }},
		{Call{Kind: Rename, Name: "c"}, func() error { return f.Rename(b, filepath.Join(dir, "c")) }},
		{Call{Kind: Remove, Name: "c"}, func() error { return f.Remove(filepath.Join(dir, "c")) }},
		{Call{Kind: RemoveAll, Name: "sub"}, func() error { return f.RemoveAll(sub) }},
	}
	for _, c := range calls {
		told, refuse = nil, syscall.EIO
		if err := c.do(); !errors.Is(err, syscall.EIO) {
			t.Errorf("%v refused: %v", c.want, err)
		}
		refuse = nil
		if err := c.do(); err != nil {
			t.Errorf("%v: %v", c.want, err)
		}
		if len(told) != 2 || told[0] != c.want || told[1] != c.want {
			t.Errorf("told %+v, want %+v twice", told, c.want)
		}
	}
	if text, err := os.ReadFile(a); err != nil || string(text) != "ab" {
		t.Errorf("the file holds %q, %v", text, err)
	}
}
