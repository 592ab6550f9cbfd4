package raft

import (
	"errors"
	"slices"
	"testing"
)

func proposals(sizes ...int) []*proposal {
	ps := make([]*proposal, len(sizes))
	for i, n := range sizes {
		ps[i] = &proposal{id: uint64(i + 1), data: make([]byte, n), done: make(chan outcome, 1)}
	}
	return ps
}

func idsOf(ps []*proposal) []uint64 {
	ids := make([]uint64, len(ps))
	for i, p := range ps {
		ids[i] = p.id
	}
	return ids
}

func TestQueueGivesWhatWasPutInOrderAndInBatches(t *testing.T) {
	var q queue
	for _, p := range proposals(maxBatch/2, maxBatch/2, 1, maxBatch+1, 1) {
		if err := q.put(p); err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range [][]uint64{{1, 2}, {3}, {4}, {5}} {
		if got := idsOf(q.take()); !slices.Equal(got, want) {
			t.Errorf("batch %d is %v, want %v", i, got, want)
		}
	}
	if !q.empty() || q.bytes != 0 {
		t.Errorf("after everything was taken %d bytes remain", q.bytes)
	}
}

func TestQueueRefusesWhatDoesNotFit(t *testing.T) {
	var q queue
	full := proposals(maxProposal, maxQueued-maxProposal, 1)
	if err := errors.Join(q.put(full[0]), q.put(full[1])); err != nil {
		t.Fatal(err)
	}
	if err := q.put(full[2]); !errors.Is(err, ErrTooManyRequests) {
		t.Errorf("one byte too many: %v", err)
	}
	if err := q.put(proposals(maxProposal + 1)[0]); !errors.Is(err, ErrTooLarge) {
		t.Errorf("one that is too large: %v", err)
	}
	q.take()
	q.take()
	q.setFull(errors.New("no space left on device"))
	if err := q.put(full[2]); !errors.Is(err, ErrDiskFull) {
		t.Errorf("with a full disk: %v", err)
	}
	q.setFull(nil)
	if err := q.put(full[2]); err != nil {
		t.Errorf("with room again: %v", err)
	}
	q.setRefuse(ErrStopped)
	if err := q.put(full[2]); !errors.Is(err, ErrStopped) {
		t.Errorf("when stopping: %v", err)
	}
}

// What was answered with an error while it was queued is never proposed
// (replication design, section 2).
func TestQueueLeavesOutWhoeverLeft(t *testing.T) {
	var q queue
	ps := proposals(10, 20, 30)
	for _, p := range ps {
		if err := q.put(p); err != nil {
			t.Fatal(err)
		}
	}
	q.drop(ps[1])
	if got := idsOf(q.take()); !slices.Equal(got, []uint64{1, 3}) {
		t.Errorf("taken %v, want 1 and 3", got)
	}
	if q.bytes != 0 {
		t.Errorf("%d bytes are still counted", q.bytes)
	}
}

func TestQueueTakesBackAtTheFront(t *testing.T) {
	var q queue
	ps := proposals(1, 1, 1)
	for _, p := range ps[:2] {
		if err := q.put(p); err != nil {
			t.Fatal(err)
		}
	}
	taken := q.take()
	if err := q.put(ps[2]); err != nil {
		t.Fatal(err)
	}
	q.putBack(taken)
	if got := idsOf(q.take()); !slices.Equal(got, []uint64{1, 2, 3}) {
		t.Errorf("taken %v, want 1, 2, 3", got)
	}
}
