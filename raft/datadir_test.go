package raft

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"pando/fsys"
	"pando/raft/wal"
)

func exists(t *testing.T, path ...string) bool {
	t.Helper()
	_, err := os.Stat(filepath.Join(path...))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return err == nil
}

// begun makes a data directory in which "a" was acknowledged.
func begun(t *testing.T, cfg Config) {
	t.Helper()
	r := launch(t, cfg).ready()
	r.mustPropose("a")
	r.close()
}

// refused insists that a start ends with an error of class ErrDataDir.
func refused(t *testing.T, cfg Config) {
	t.Helper()
	if n, err := Start(cfg, &list{}); !errors.Is(err, ErrDataDir) {
		t.Fatalf("got node %v and error %v", n, err)
	}
}

// Wherever --wal-dir points, also at the name that the log had in etcd 2.0, the
// next start goes on with what is there.
func TestLogDirectoryOfItsOwn(t *testing.T) {
	for _, where := range []string{"wal", "log", "member/wal", "member/log", "a/b/c"} {
		t.Run(where, func(t *testing.T) {
			dir := t.TempDir()
			cfg := testConfig(t, fsys.OS, dir)
			cfg.WALDir = filepath.Join(dir, where)
			for round := range 3 {
				r := launch(t, cfg).ready()
				if got := len(r.sm.texts()); got != round {
					t.Fatalf("start %d replayed %d commands", round+1, got)
				}
				r.mustPropose(fmt.Sprint(round))
				r.close()
			}
		})
	}
}

// The directories of etcd 2.0 are moved, also when that was interrupted.
func TestOldLayoutIsAdopted(t *testing.T) {
	for _, moved := range [][]string{{"snap", "wal"}, {"wal"}} {
		dir := t.TempDir()
		cfg := testConfig(t, fsys.OS, dir)
		begun(t, cfg)
		for _, name := range moved {
			if err := os.Rename(filepath.Join(dir, "member", name), filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
		elsewhere := cfg
		elsewhere.WALDir = filepath.Join(dir, "other")
		refused(t, elsewhere)
		check(t, launch(t, cfg).ready().sm.texts(), map[int][]string{0: {"a"}})
		if exists(t, dir, "wal") || exists(t, dir, "snap") {
			t.Errorf("after %v were in the old place something is left there", moved)
		}
	}
}

// Two logs, of which nobody knows which one counts.
func TestOldLayoutBesideTheNewIsRefused(t *testing.T) {
	dir := t.TempDir()
	cfg := testConfig(t, fsys.OS, dir)
	begun(t, cfg)
	if err := os.CopyFS(filepath.Join(dir, "wal"), os.DirFS(filepath.Join(dir, "member", "wal"))); err != nil {
		t.Fatal(err)
	}
	refused(t, cfg)
}

// What lies about under one of the old names is not an old layout.
func TestStrayDirectoriesAreLeftAlone(t *testing.T) {
	dir := t.TempDir()
	cfg := testConfig(t, fsys.OS, dir)
	for _, name := range []string{"snap", "wal"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	begun(t, cfg)
	check(t, launch(t, cfg).ready().sm.texts(), map[int][]string{0: {"a"}})
	if !exists(t, dir, "wal") || !exists(t, dir, "snap") {
		t.Error("a directory that is not ours was moved")
	}
}

// A power cut must not take a parent directory away with all that is below.
func TestNewDirectoriesAreDurable(t *testing.T) {
	root := t.TempDir()
	disk, err := fsys.NewFaulty(fsys.OS, root)
	if err != nil {
		t.Fatal(err)
	}
	var synced []string
	disk.OnCall(func(c fsys.Call) fsys.Fault {
		if c.Kind == fsys.SyncDir {
			synced = append(synced, c.Name)
		}
		return fsys.Fault{}
	})
	dir := filepath.Join(root, "a", "b", "data")
	begun(t, testConfig(t, disk, dir))
	for _, parent := range []string{root, filepath.Join(root, "a"), filepath.Join(root, "a", "b"), dir, filepath.Join(dir, "member")} {
		if !slices.Contains(synced, parent) {
			t.Errorf("the names in %s were not made durable", parent)
		}
	}
}

// A log directory that cannot be looked into is not an empty one: nothing is begun over it.
func TestUnreadableLogDirectoryIsRefused(t *testing.T) {
	dir := t.TempDir()
	cfg := testConfig(t, fsys.OS, dir)
	begun(t, cfg)
	disk, err := fsys.NewFaulty(fsys.OS, dir)
	if err != nil {
		t.Fatal(err)
	}
	once := true
	disk.OnCall(func(c fsys.Call) fsys.Fault {
		if c.Kind == fsys.ReadDir && filepath.Base(c.Name) == "wal" && once {
			once = false
			return fsys.Fault{Err: syscall.EIO}
		}
		return fsys.Fault{}
	})
	broken := cfg
	broken.FS = disk
	broken.Bootstrap = func() (Bootstrap, error) {
		t.Error("a new cluster is about to begin")
		return Bootstrap{}, errors.New("never")
	}
	refused(t, broken)
	check(t, launch(t, cfg).ready().sm.texts(), map[int][]string{0: {"a"}})
}

// A snapshot says that there were entries which the log does not have: log files
// are missing, perhaps all but the first, and starting would forget them.
func TestLogThatEndsInFrontOfASnapshotIsRefused(t *testing.T) {
	dir := t.TempDir()
	cfg := testConfig(t, fsys.OS, dir)
	cfg.MaxWALs, cfg.segmentSize = 0, 4<<10
	r := launch(t, cfg).ready()
	for i := range 40 {
		r.mustPropose(fmt.Sprint(i, strings.Repeat("x", 200)))
	}
	r.node.RequestSnapshot()
	r.mustPropose("last")
	waitForFiles(t, filepath.Join(dir, "member", "snap", "*.snap"))
	r.close()
	logs, err := filepath.Glob(filepath.Join(dir, "member", "wal", "*.wal"))
	if err != nil || len(logs) < 3 {
		t.Fatalf("%d log files, %v", len(logs), err)
	}
	for _, keep := range []int{len(logs) / 2, 1} {
		for _, name := range logs[keep:] {
			if err := os.Rename(name, name+".away"); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
		}
		refused(t, cfg)
	}
	for _, name := range logs[1:] {
		if err := os.Rename(name+".away", name); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(launch(t, cfg).ready().sm.texts()); got != 41 {
		t.Errorf("with its log back the node has %d commands", got)
	}
}

// A bootstrap that was cut off begins again only if the flags allow it; until
// then the log, which says who this member was to be, stays.
func TestBeginningAgainAsksTheFlagsFirst(t *testing.T) {
	dir := t.TempDir()
	cfg := testConfig(t, fsys.OS, dir)
	l := layoutOf(cfg)
	b, err := cfg.Bootstrap()
	if err != nil {
		t.Fatal(err)
	}
	st, err := create(cfg, l, b)
	if err != nil {
		t.Fatal(err)
	}
	if err := st.wal.Close(); err != nil {
		t.Fatal(err)
	}
	errFlags := errors.New("flags that are refused")
	cfg.Bootstrap = func() (Bootstrap, error) { return Bootstrap{}, errFlags }
	if _, err := Start(cfg, &list{}); !errors.Is(err, errFlags) {
		t.Errorf("got %v", err)
	}
	if found, err := wal.Exists(fsys.OS, l.wal); !found || err != nil {
		t.Errorf("the log: %v, %v", found, err)
	}
}

// A second process must not set aside a snapshot that the first is writing.
func TestSecondNodeTouchesNoSnapshot(t *testing.T) {
	dir := t.TempDir()
	cfg := testConfig(t, fsys.OS, dir)
	cfg.SnapshotCount = 2
	r := launch(t, cfg).ready()
	r.mustPropose("a", "b", "c", "d", "e")
	pattern := filepath.Join(dir, "member", "snap", "*.snap")
	snaps := waitForFiles(t, pattern)
	if err := os.Truncate(snaps[len(snaps)-1], 1); err != nil { // as if it were not finished
		t.Fatal(err)
	}
	if n, err := Start(cfg, &list{}); !errors.Is(err, fsys.ErrLocked) {
		t.Errorf("got node %v and error %v", n, err)
	}
	if broken, _ := filepath.Glob(pattern + ".broken"); len(broken) > 0 {
		t.Errorf("%v were set aside", broken)
	}
}
