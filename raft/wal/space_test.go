package wal

import (
	"errors"
	"path/filepath"
	"reflect"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"pando/fsys"
)

// When the disk is full the log stays as it is, and goes on by itself when there is room again.
func TestNoSpace(t *testing.T) {
	root := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		f, err := fsys.NewFaulty(fsys.OS, root)
		if err != nil {
			t.Fatal(err)
		}
		w, err := Create(f, filepath.Join(root, "wal"), testMetadata, small)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		synctest.Wait() // the next segment is ready
		f.OnCall(func(c fsys.Call) fsys.Fault {
			if c.Kind == fsys.Write && filepath.Ext(c.Name) == scratchSuffix && c.Size == minSegment {
				return fsys.Fault{Err: syscall.ENOSPC, Short: 1000}
			}
			return fsys.Fault{}
		})
		var want []Entry
		for {
			b := Batch{Entries: entries(uint64(len(want))+1, uint64(len(want))+3), Sync: true}
			if err = w.Append(b); err != nil {
				break
			}
			want = append(want, b.Entries...)
		}
		if !errors.Is(err, ErrNoSpace) || !errors.Is(err, syscall.ENOSPC) || !errors.Is(w.PrepareErr(), ErrNoSpace) {
			t.Fatalf("%v; %v", err, w.PrepareErr())
		}
		if got, _, err := readAsEtcd23(w.dir); err != nil || equal(got, want) != nil {
			t.Errorf("the log has %d entries of %d: %v", len(got), len(want), err)
		}
		f.OnCall(nil)
		<-time.After(2 * defaultRetry) // on the clock of the bubble
		synctest.Wait()
		if err := w.PrepareErr(); err != nil {
			t.Error(err)
		}
		more := entries(uint64(len(want))+1, uint64(len(want))+3)
		if err := w.Append(Batch{Entries: more, Sync: true}); err != nil {
			t.Fatal(err)
		}
		if got, _, err := readAsEtcd23(w.dir); err != nil || equal(got, append(want, more...)) != nil {
			t.Errorf("afterwards the log has %d entries: %v", len(got), err)
		}
	})
}

func TestReleaseAndPurge(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "wal")
	w := create(t, dir, small)
	for i := uint64(1); i < 300; i += 3 {
		appendTo(t, w, Batch{Entries: entries(i, i+2), State: &HardState{Term: 1, Commit: i}, Sync: true})
	}
	appendTo(t, w, Batch{Snapshot: &Position{Index: 150, Term: 1}})
	before, err := list(fsys.OS, dir)
	if err != nil {
		t.Fatal(err)
	}
	if removed, err := w.Purge(150, 0); err != nil || removed != nil {
		t.Fatalf("%v, %v", removed, err)
	}
	if removed, err := w.Purge(150, len(before)-1); err != nil || !reflect.DeepEqual(removed, []string{before[0].name}) {
		t.Fatalf("%v, %v", removed, err)
	}
	if removed, err := w.Purge(150, 1); err != nil || len(removed) == 0 {
		t.Fatalf("%v, %v", removed, err)
	}
	appendTo(t, w, Batch{Entries: entries(301, 301)})
	w.Close()
	if ps, err := Positions(fsys.OS, dir); err != nil || !reflect.DeepEqual(ps, []Position{{Index: 150, Term: 1}}) {
		t.Errorf("%v, %v", ps, err)
	}
	_, r := open(t, dir, Position{Index: 150, Term: 1}, small)
	if err := equal(r.Entries, entries(151, 301)); err != nil {
		t.Error(err)
	}
	if want := (HardState{Term: 1, Commit: 298}); r.State != want {
		t.Errorf("state %+v", r.State)
	}
}

// A snapshot from another member replaces what the log has, unless it fits.
func TestInstalledSnapshot(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "wal")
	w := create(t, dir, small)
	appendTo(t, w, Batch{Entries: entries(1, 60)})
	at := Position{Index: 50, Term: 7} // the log has entry 50 of term 1
	appendTo(t, w, Batch{Snapshot: &at})
	w.Close()
	w, r := open(t, dir, Position{}, small) // its file was never renamed: it does not count
	if err := equal(r.Entries, entries(1, 60)); err != nil {
		t.Error(err)
	}
	w.Close()
	w, r = open(t, dir, at, small)
	if len(r.Entries) != 0 {
		t.Errorf("%d entries of a log that was replaced", len(r.Entries))
	}
	appendTo(t, w, Batch{Entries: []Entry{{Term: 7, Index: 51}}})
	w.Close()
	if _, _, err := openLog(fsys.OS, dir, Position{}, small); !errors.Is(err, ErrDamaged) {
		t.Errorf("without the snapshot that the log goes on from: %v", err)
	}
	_, r = open(t, dir, at, small)
	if err := equal(r.Entries, []Entry{{Term: 7, Index: 51}}); err != nil {
		t.Error(err)
	}
}
