package fsys

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func openFile(t *testing.T, f FS, name string) File {
	t.Helper()
	file, err := f.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return file
}

func put(t *testing.T, file File, off int64, text string) {
	t.Helper()
	if _, err := file.WriteAt([]byte(text), off); err != nil {
		t.Fatal(err)
	}
}

func newFaulty(t *testing.T) (*Faulty, string) {
	t.Helper()
	dir := t.TempDir()
	f, err := NewFaulty(OS, dir)
	if err != nil {
		t.Fatal(err)
	}
	return f, dir
}

// crash returns the files of a crash image by name.
func crash(t *testing.T, f *Faulty, keep func() bool) map[string]string {
	t.Helper()
	to := t.TempDir()
	if err := f.Crash(to, keep); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	entries, err := os.ReadDir(to)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(to, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = string(b)
	}
	return files
}

func all() bool  { return true }
func none() bool { return false }

func TestLockKeepsOthersOut(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	a, b := openFile(t, OS, name), openFile(t, OS, name)
	if err := a.Lock(); err != nil {
		t.Fatal(err)
	}
	if err := b.Lock(); !errors.Is(err, ErrLocked) {
		t.Fatalf("second lock: %v", err)
	}
	a.Close()
	if err := b.Lock(); err != nil {
		t.Fatalf("after the first was closed: %v", err)
	}
}

// etcd 2.3 takes the one kind of lock, etcd 3.x the other.
func TestLockSeesBothKinds(t *testing.T) {
	kinds := map[string]func(fd int) error{
		"flock": func(fd int) error { return unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) },
		"open file description": func(fd int) error {
			return unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK})
		},
	}
	for kind, lock := range kinds {
		t.Run(kind, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "f")
			ours := openFile(t, OS, name)
			theirs, err := os.OpenFile(name, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer theirs.Close()
			if err := lock(int(theirs.Fd())); err != nil {
				t.Fatal(err)
			}
			if err := ours.Lock(); !errors.Is(err, ErrLocked) {
				t.Errorf("we took the lock that they hold: %v", err)
			}
			theirs.Close()
			ours.Close()
			again := openFile(t, OS, name)
			if err := again.Lock(); err != nil {
				t.Fatal(err)
			}
			other, err := os.OpenFile(name, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer other.Close()
			if err := lock(int(other.Fd())); err == nil {
				t.Error("they took the lock that we hold")
			}
		})
	}
}

func TestFaults(t *testing.T) {
	f, dir := newFaulty(t)
	file := openFile(t, f, filepath.Join(dir, "f"))
	put(t, file, 0, "0123456789")
	f.OnCall(func(c Call) Fault {
		switch {
		case c.Kind == Write:
			return Fault{Err: syscall.ENOSPC, Short: 3}
		case c.Kind == Datasync:
			return Fault{Err: syscall.EIO}
		case c.Kind == Rename && strings.HasSuffix(c.Name, "g"):
			return Fault{Err: syscall.EROFS}
		}
		return Fault{}
	})
	if n, err := file.WriteAt([]byte("abcdef"), 0); n != 3 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("write: %d, %v", n, err)
	}
	if err := file.Datasync(); !errors.Is(err, syscall.EIO) {
		t.Errorf("sync: %v", err)
	}
	if err := f.Rename(file.Name(), filepath.Join(dir, "g")); !errors.Is(err, syscall.EROFS) {
		t.Errorf("rename: %v", err)
	}
	f.OnCall(nil)
	if b, _ := os.ReadFile(file.Name()); string(b) != "abc3456789" {
		t.Errorf("the file has %q", b)
	}
	if n := f.Calls(); n != 5 {
		t.Errorf("%d calls, want 5", n)
	}
}

func TestCrashKeepsWhatWasSynced(t *testing.T) {
	f, dir := newFaulty(t)
	file := openFile(t, f, filepath.Join(dir, "a"))
	put(t, file, 0, "synced")
	if err := errors.Join(file.Sync(), f.SyncDir(dir)); err != nil {
		t.Fatal(err)
	}
	put(t, file, 6, " and not")
	if err := f.Rename(file.Name(), filepath.Join(dir, "b")); err != nil {
		t.Fatal(err)
	}
	if got := crash(t, f, none); len(got) != 1 || got["a"] != "synced" {
		t.Errorf("at least: %q", got)
	}
	if got := crash(t, f, all); len(got) != 1 || got["b"] != "synced and not" {
		t.Errorf("at most: %q", got)
	}
}

func TestCrashForgetsWithoutSync(t *testing.T) {
	f, dir := newFaulty(t)
	put(t, openFile(t, f, filepath.Join(dir, "a")), 0, "x")
	if got := crash(t, f, none); len(got) != 0 {
		t.Errorf("a name that was not synced: %q", got)
	}
	if err := f.SyncDir(dir); err != nil {
		t.Fatal(err)
	}
	if got := crash(t, f, none); len(got) != 1 || got["a"] != "" {
		t.Errorf("bytes that were not synced: %q", got)
	}
}

func TestLyingSync(t *testing.T) {
	f, dir := newFaulty(t)
	file := openFile(t, f, filepath.Join(dir, "a"))
	f.OnCall(func(c Call) Fault { return Fault{Lie: c.Kind == Sync || c.Kind == SyncDir} })
	put(t, file, 0, "x")
	if err := errors.Join(file.Sync(), f.SyncDir(dir)); err != nil {
		t.Fatal(err)
	}
	if got := crash(t, f, none); len(got) != 0 {
		t.Errorf("%q", got)
	}
}

// A torn write is made of whole sectors, new or old.
func TestCrashTearsAtSectors(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	f, dir := newFaulty(t)
	file := openFile(t, f, filepath.Join(dir, "a"))
	put(t, file, 0, strings.Repeat("o", 4*Sector))
	if err := errors.Join(file.Sync(), f.SyncDir(dir)); err != nil {
		t.Fatal(err)
	}
	put(t, file, 100, strings.Repeat("n", 3*Sector))
	seen := map[string]bool{}
	for range 200 {
		got := crash(t, f, func() bool { return rnd.IntN(2) == 0 })["a"]
		pattern := ""
		for at := 0; at < len(got); at += Sector {
			old := strings.Repeat("o", Sector)
			piece := got[at : at+Sector]
			pattern += string(piece[200])
			if piece != old && strings.Count(piece, "n") != map[int]int{0: Sector - 100, Sector: Sector, 2 * Sector: Sector, 3 * Sector: 100}[at] {
				t.Fatalf("the sector at %d is torn", at)
			}
		}
		seen[pattern] = true
	}
	if len(seen) < 8 {
		t.Errorf("only %d of 8 patterns", len(seen))
	}
}

func TestWhatWasThereIsDurable(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "old"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := NewFaulty(OS, dir)
	if err != nil {
		t.Fatal(err)
	}
	to := t.TempDir()
	if err := f.Crash(to, none); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(to, "old"))
	if info, dirErr := os.Stat(filepath.Join(to, "sub")); err != nil || string(b) != "x" || dirErr != nil || !info.IsDir() {
		t.Errorf("%q, %v, %v", b, err, dirErr)
	}
}
