package wal

import (
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"pando/fsys"
)

// forgetful is a file system that takes what it could not write for written, as Linux does: a sync fails once, and the next one
// has nothing to do.
type forgetful struct {
	fsys.FS
	mu    sync.Mutex
	fails bool
	files map[string]*platter
}

// platter is what of a file is on the disk, and what is still to be written there.
type platter struct {
	disk    []byte
	pending []piece
}

type piece struct {
	at   int64
	data []byte
}

type forgetfulFile struct {
	fsys.File
	fs *forgetful
	on *platter
}

func (f *forgetful) OpenFile(name string, flag int, perm fs.FileMode) (fsys.File, error) {
	file, err := f.FS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.files[name] == nil {
		f.files[name] = &platter{}
	}
	return &forgetfulFile{file, f, f.files[name]}, nil
}

func (f *forgetful) Rename(from, to string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.files[to] = f.files[from]
	delete(f.files, from)
	return f.FS.Rename(from, to)
}

func (f *forgetful) Remove(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.files, name)
	return f.FS.Remove(name)
}

func (f *forgetfulFile) WriteAt(b []byte, at int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	f.on.pending = append(f.on.pending, piece{at, append([]byte(nil), b...)})
	return f.File.WriteAt(b, at)
}

func (f *forgetfulFile) Sync() error { return f.Datasync() }

func (f *forgetfulFile) Datasync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	pending := f.on.pending
	f.on.pending = nil
	if f.fs.fails {
		return syscall.EIO
	}
	for _, p := range pending {
		if more := int(p.at) + len(p.data) - len(f.on.disk); more > 0 {
			f.on.disk = append(f.on.disk, make([]byte, more)...)
		}
		copy(f.on.disk[p.at:], p.data)
	}
	return nil
}

// powerCut leaves of the segments what is on the disk.
func (f *forgetful) powerCut(t *testing.T) {
	for name, p := range f.files {
		if filepath.Ext(name) == ".wal" {
			if err := os.WriteFile(name, p.disk, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestAfterAFailedSync: the start behind a failed sync goes on with what it read, and all of that is on the disk then.
func TestAfterAFailedSync(t *testing.T) {
	f := &forgetful{FS: fsys.OS, files: map[string]*platter{}}
	dir := filepath.Join(t.TempDir(), "wal")
	inline := Options{Inline: true, SegmentSize: 64 << 10}
	w, err := Create(f, dir, testMetadata, inline)
	if err != nil {
		t.Fatal(err)
	}
	appendTo(t, w, Batch{Entries: entries(1, 20), Sync: true})
	f.fails = true
	if err := w.Append(Batch{Entries: entries(21, 40), Sync: true}); err == nil {
		t.Fatal("the sync did not fail")
	}
	f.fails = false
	w.Close()
	w, r, err := openLog(f, dir, Position{}, inline)
	if err != nil {
		t.Fatal(err)
	}
	next := uint64(len(r.Entries)) + 1
	appendTo(t, w, Batch{Entries: entries(next, next), Sync: true})
	w.Close()
	f.powerCut(t)
	w, after, err := openLog(fsys.OS, dir, Position{}, inline)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := equal(after.Entries, entries(1, next)); err != nil {
		t.Errorf("with %d entries of the failed batch: %v", next-21, err)
	}
}
