package wal

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pando/fsys"
	"pando/test/nosync"
)

// smallLog writes a log of one segment with a few batches and returns its bytes, its entries and where the last batch is.
func smallLog(t *testing.T) (name string, file []byte, want []Entry, last int64) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "wal")
	w := create(t, dir, small)
	for i := uint64(1); i <= 9; i += 3 {
		b := entries(i, i+2)
		b[1].Data = make([]byte, 300)
		want = append(want, b...)
		last = w.off
		appendTo(t, w, Batch{Entries: b, State: &HardState{Term: 1, Vote: 1, Commit: i}, Sync: true})
	}
	w.Close()
	name = filepath.Join(dir, segmentName(0, 0))
	file, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return name, file, want, last
}

// reopen writes the file and opens the log alone in its directory.
func reopen(t *testing.T, name string, file []byte) (*Replay, error) {
	t.Helper()
	dir := filepath.Dir(name)
	if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700), os.WriteFile(name, file, 0o600)); err != nil {
		t.Fatal(err)
	}
	w, r, err := openLog(nosync.FS, dir, Position{}, small)
	if err != nil {
		if b, _ := os.ReadFile(name); !bytes.Equal(b, file) {
			t.Errorf("a log that was refused (%v) was changed", err)
		}
		return nil, err
	}
	return r, w.Close()
}

// A bit that flips costs no acknowledged entry in silence, not even in the last batch.
func TestEveryBitFlip(t *testing.T) {
	name, file, want, _ := smallLog(t)
	refused, end := 0, len(bytes.TrimRight(file, "\x00"))
	for at := range end {
		for bit := range 8 {
			if bit != at%8 && at > 40 && at < end-60 {
				continue // all bits at both ends, one of each byte between
			}
			bad := bytes.Clone(file)
			bad[at] ^= 1 << bit
			r, err := reopen(t, name, bad)
			switch {
			case errors.Is(err, ErrDamaged):
				refused++
				if !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), whatToDo) {
					t.Fatalf("the message does not help: %v", err)
				}
			case err != nil:
				t.Fatalf("byte %d bit %d: %v", at, bit, err)
			default:
				if err := equal(r.Entries, want); err != nil {
					t.Errorf("byte %d bit %d: %v", at, bit, err)
				}
			}
		}
	}
	t.Logf("%d bytes, %d refused", end, refused)
}

// A file that ends anywhere in the last batch loses that batch and nothing else.
func TestEveryTruncation(t *testing.T) {
	name, file, want, last := smallLog(t)
	end := int64(len(bytes.TrimRight(file, "\x00")))
	for size := last; size < end; size++ {
		r, err := reopen(t, name, file[:size])
		if err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		if equal(r.Entries, want) != nil && equal(r.Entries, want[:6]) != nil {
			t.Errorf("%d bytes: %d entries", size, len(r.Entries))
		}
		if len(r.Entries) == 6 && size > last && (r.Repaired == nil || r.Repaired.Offset != last) {
			t.Errorf("%d bytes: repaired %+v", size, r.Repaired)
		}
	}
	for size := range last - 1 { // in front of it only the end of a batch looks like the end of a log
		r, err := reopen(t, name, file[:size])
		if err == nil && len(r.Entries)%3 != 0 {
			t.Errorf("%d bytes: %d entries", size, len(r.Entries))
		}
	}
}

// A batch that is damaged but has a whole one behind it was acknowledged, also if it looks torn.
func TestDamageInFrontOfWholeBatch(t *testing.T) {
	name, file, _, last := smallLog(t)
	bad := bytes.Clone(file)
	clear(bad[last/sector*sector-sector : last/sector*sector])
	if _, err := reopen(t, name, bad); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "written later") {
		t.Errorf("%v", err)
	}
}

func TestDamagedDirectories(t *testing.T) {
	for what, change := range map[string]func(t *testing.T, dir string, names []string){
		"missing segment": func(t *testing.T, dir string, names []string) { remove(t, names[1]) },
		"missing start":   func(t *testing.T, dir string, names []string) { remove(t, names[0]) },
		"empty segment":   func(t *testing.T, dir string, names []string) { truncate(t, names[len(names)-1], 0) },
		"torn in the middle": func(t *testing.T, dir string, names []string) {
			truncate(t, names[0], 3000)
		},
		"another member's": func(t *testing.T, dir string, names []string) {
			other := filepath.Join(t.TempDir(), "wal")
			w, err := Create(fsys.OS, other, Metadata{NodeID: 1, ClusterID: 2}, small)
			if err != nil {
				t.Fatal(err)
			}
			w.Close()
			if err := os.Rename(filepath.Join(other, segmentName(0, 0)), names[0]); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(what, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "wal")
			w := create(t, dir, small)
			for i := uint64(1); i < 90; i += 3 {
				appendTo(t, w, Batch{Entries: entries(i, i+2), Sync: true})
			}
			w.Close()
			names, _ := filepath.Glob(filepath.Join(dir, "*.wal"))
			if len(names) < 3 {
				t.Fatal(names)
			}
			change(t, dir, names)
			if _, _, err := openLog(fsys.OS, dir, Position{}, small); !errors.Is(err, ErrDamaged) {
				t.Errorf("%v", err)
			}
		})
	}
}

func remove(t *testing.T, name string) {
	t.Helper()
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
}

func truncate(t *testing.T, name string, size int64) {
	t.Helper()
	if err := os.Truncate(name, size); err != nil {
		t.Fatal(err)
	}
}

func TestNoLog(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Join(dir, "none")} {
		if exists, err := Exists(fsys.OS, d); exists || err != nil {
			t.Errorf("a log in %s: %v, %v", d, exists, err)
		}
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Exists(fsys.OS, file); err == nil {
		t.Error("what cannot be looked into counts as no log")
	}
	if _, _, err := openLog(fsys.OS, dir, Position{}, small); !errors.Is(err, ErrNoWAL) {
		t.Errorf("%v", err)
	}
	w := create(t, filepath.Join(dir, "wal"), small)
	if _, err := Create(fsys.OS, filepath.Join(dir, "wal"), testMetadata, small); err == nil {
		t.Error("a second log in the directory")
	}
	if exists, err := Exists(fsys.OS, filepath.Join(dir, "wal")); !exists || err != nil {
		t.Errorf("the log is there: %v, %v", exists, err)
	}
	if err := CheckUnlocked(fsys.OS, filepath.Join(dir, "wal")); !errors.Is(err, ErrLocked) {
		t.Errorf("an open log: %v", err)
	}
	if _, _, err := openLog(fsys.OS, filepath.Join(dir, "wal"), Position{}, small); !errors.Is(err, ErrLocked) {
		t.Errorf("%v", err)
	}
	w.Close()
	if err := CheckUnlocked(fsys.OS, filepath.Join(dir, "wal")); err != nil {
		t.Errorf("a closed log: %v", err)
	}
	if err := w.Append(Batch{Entries: entries(1, 1)}); !errors.Is(err, ErrClosed) {
		t.Errorf("%v", err)
	}
}
