package raft

import (
	"errors"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"pando/fsys"
	"pando/raft/wal"
)

// withoutTicks is a configuration in which the clock does nothing during a test.
func withoutTicks(t *testing.T, f fsys.FS, dir string) Config {
	cfg := testConfig(t, f, dir)
	cfg.Heartbeat, cfg.Election = 10*time.Second, 50*time.Second
	return cfg
}

// etcd 2.3 panics over a commit index in front of the snapshot that it starts
// from, so the log must not say that at any moment.
func TestSnapshotRecordSaysThatItIsCommitted(t *testing.T) {
	dir, image := t.TempDir(), t.TempDir()
	disk, err := fsys.NewFaulty(fsys.OS, dir)
	if err != nil {
		t.Fatal(err)
	}
	r := launch(t, withoutTicks(t, disk, dir)).ready()
	r.mustPropose("a", "b")
	r.node.RequestSnapshot()
	r.mustPropose("c") // its commit index is not written: no tick, and no other write
	waitForFiles(t, filepath.Join(dir, "member", "snap", "*.snap"))
	if err := disk.Crash(image, func() bool { return true }); err != nil {
		t.Fatal(err)
	}
	logDir := filepath.Join(image, "member", "wal")
	ps, err := wal.Positions(fsys.OS, logDir)
	if err != nil {
		t.Fatal(err)
	}
	log, err := wal.Look(fsys.OS, logDir, wal.Position{}, wal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w, err := log.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if last := ps[len(ps)-1]; last.Index == 0 || log.Replay.State.Commit < last.Index {
		t.Errorf("the log knows a snapshot at %d and says that %d is committed", last.Index, log.Replay.State.Commit)
	}
}

// While a write waits for room, the record of a snapshot is written if it fits:
// what is removed behind the snapshot may be the room that is missing.
func TestFullDiskStillTakesSnapshotRecords(t *testing.T) {
	dir := t.TempDir()
	disk, err := fsys.NewFaulty(fsys.OS, dir)
	if err != nil {
		t.Fatal(err)
	}
	cfg := withoutTicks(t, disk, dir)
	cfg.segmentSize, cfg.retry = 4<<10, 10*time.Millisecond
	r := launch(t, cfg).ready()
	disk.OnCall(func(c fsys.Call) fsys.Fault {
		if c.Kind == fsys.OpenFile && filepath.Ext(c.Name) == ".tmp" {
			return fsys.Fault{Err: syscall.ENOSPC}
		}
		return fsys.Fault{}
	})
	written := make(chan error)
	go func() {
		for range 4 {
			err := r.propose(strings.Repeat("x", 2<<10))
			for errors.Is(err, ErrDiskFull) {
				r.node.queue.setFull(nil) // it comes before the disk is known to be full
				err = r.propose(strings.Repeat("x", 2<<10))
			}
			written <- err
		}
	}()
	late := time.After(patience)
	for done := 0; r.node.disk.noRoom.Load() == nil; {
		select {
		case err := <-written:
			if done++; err != nil || done == 4 {
				t.Fatalf("write %d with a full disk: %v", done, err)
			}
		case <-time.After(time.Millisecond):
		case <-late:
			t.Fatal("no write waits for room")
		}
	}
	s := r.node.Status()
	if err := r.node.disk.ask(snapshotRecord{at: wal.Position{Index: s.Applied, Term: s.Term}}); err != nil {
		t.Errorf("a snapshot record: %v", err)
	}
	disk.OnCall(nil)
	for range 4 {
		select {
		case err := <-written:
			if err != nil {
				t.Errorf("a write when there was room again: %v", err)
			}
		case <-late:
			t.Fatal("the write still waits")
		}
		if len(r.sm.texts()) == 4 {
			break
		}
	}
	r.close()
	cfg.FS = fsys.OS
	if got := len(launch(t, cfg).ready().sm.texts()); got != 4 {
		t.Errorf("%d writes after a restart, want 4", got)
	}
}
