package raft

import (
	"context"
	"sync"
	"testing"
	"time"

	"pando/fsys"
)

// witness counts what an Observer is told.
type witness struct {
	mu              sync.Mutex
	synced, applied int
	saved           int
	last            uint64
	snapshots       chan int64 // their sizes
	leaders         []uint64
}

func (w *witness) Synced(time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.synced++
}

func (w *witness) Saved(entries int, last uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.saved += entries
	w.last = last
}

func (w *witness) Applied(entries int, took time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if took >= 0 {
		w.applied += entries
	}
}

func (w *witness) SnapshotWritten(bytes int64, _ time.Duration) { w.snapshots <- bytes }

func (w *witness) LeaderChanged(leader uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.leaders = append(w.leaders, leader)
}

func TestObserver(t *testing.T) {
	w := &witness{snapshots: make(chan int64, 10)}
	cfg := testConfig(t, fsys.OS, t.TempDir())
	cfg.Observer = w
	r := launch(t, cfg).ready()
	const writes = 10
	for range writes {
		var timing Timing
		id := r.ids.Next()
		if _, err := r.node.ProposeTimed(t.Context(), id, command(id, "x"), 0, &timing); err != nil {
			t.Fatal(err)
		}
		if timing.Queue < 0 || timing.Commit <= 0 || timing.Apply < 0 {
			t.Errorf("a write took %+v", timing)
		}
	}
	r.node.RequestSnapshot()
	r.mustPropose("y")
	select {
	case size := <-w.snapshots:
		if size == 0 {
			t.Error("the snapshot is empty")
		}
	case <-time.After(patience):
		t.Fatal("no snapshot was told of")
	}
	engine, err := r.node.Engine(t.Context())
	if err != nil || len(engine.Progress) != 1 || engine.Lead != r.node.Status().MemberID {
		t.Errorf("the engine says %+v, %v", engine, err)
	}
	r.close()
	if _, err := r.node.Engine(context.Background()); err == nil {
		t.Error("an engine that has stopped answers")
	}
	if n := r.node.Pending(); n != 0 {
		t.Errorf("%d proposals wait after all were answered", n)
	}
	// The member of the bootstrap and the leader's empty entry are entries too.
	const entries = writes + 3
	if w.synced < writes || w.saved != entries || w.applied != entries || w.last != entries || len(w.leaders) != 1 {
		t.Errorf("told of %+v, want %d entries", w, entries)
	}
}
