package fsys

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

// Whatever is done to it, a Memory shows what the real file system shows.
func TestMemoryIsLikeTheRealOne(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	real, memory := t.TempDir(), "/root"
	m := NewMemory()
	if err := m.MkdirAll(memory, 0o700); err != nil {
		t.Fatal(err)
	}
	for i := range 3000 {
		act, name, other, off, size := rng.IntN(7), string(rune('a'+rng.IntN(4))), string(rune('a'+rng.IntN(4))), rng.Int64N(3000), max(0, rng.IntN(2000)-50)
		a, aErr := actOn(OS, filepath.Join(real, name), filepath.Join(real, other), act, off, size)
		b, bErr := actOn(m, filepath.Join(memory, name), filepath.Join(memory, other), act, off, size)
		if !slices.Equal(a, b) || (aErr == nil) != (bErr == nil) || errors.Is(aErr, fs.ErrNotExist) != errors.Is(bErr, fs.ErrNotExist) {
			t.Fatalf("action %d (%d on %s): %d bytes, %v; the real one has %d, %v", i, act, name, len(b), bErr, len(a), aErr)
		}
	}
}

// actOn does one thing and returns what it shows.
func actOn(f FS, name, other string, act int, off int64, size int) ([]byte, error) {
	switch act {
	case 0:
		return nil, f.Rename(name, other)
	case 1:
		return nil, f.Remove(name)
	case 2:
		entries, err := f.ReadDir(filepath.Dir(name))
		var names []byte
		for _, e := range entries {
			names = append(names, e.Name()...)
		}
		return names, err
	}
	flags := os.O_RDWR
	if act == 3 {
		flags |= os.O_CREATE
	}
	file, err := f.OpenFile(name, flags, 0o600)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	switch act {
	case 3:
		_, err = file.WriteAt(make([]byte, size), off)
	case 4:
		_, err = file.Write([]byte(name[len(name)-1:] + "written"))
	case 5:
		err = file.Truncate(off)
	}
	info, statErr := file.Stat()
	b := make([]byte, info.Size())
	_, readErr := file.ReadAt(b, 0)
	return b, errors.Join(err, statErr, readErr)
}

// A power cut leaves what was synced, and ends what is open.
func TestMemoryPowerCut(t *testing.T) {
	m := NewMemory()
	if err := m.MkdirAll("/d", 0o700); err != nil {
		t.Fatal(err)
	}
	file := openFile(t, m, "/d/a")
	put(t, file, 0, "synced")
	if err := errors.Join(file.Lock(), file.Sync(), m.SyncDir("/d")); err != nil {
		t.Fatal(err)
	}
	put(t, file, 6, " and not")
	put(t, openFile(t, m, "/d/b"), 0, "x")
	m.PowerCut(none)
	if _, err := file.WriteAt([]byte("x"), 0); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("a file that was open: %v", err)
	}
	if entries, err := m.ReadDir("/d"); err != nil || len(entries) != 1 {
		t.Errorf("%d files, %v", len(entries), err)
	}
	again := openFile(t, m, "/d/a")
	b := make([]byte, 6)
	if n, err := again.ReadAt(b, 0); err != nil || string(b[:n]) != "synced" {
		t.Errorf("%q, %v", b[:n], err)
	}
	if info, err := again.Stat(); err != nil || info.Size() != 6 {
		t.Errorf("%v, %v", info, err)
	}
	if err := again.Lock(); err != nil {
		t.Errorf("the lock of the process that is gone: %v", err)
	}
	m.OnCall(func(c Call) Fault { return Fault{Err: syscall.EIO} })
	if err := again.Sync(); !errors.Is(err, syscall.EIO) {
		t.Errorf("a fault: %v", err)
	}
}
