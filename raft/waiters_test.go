package raft

import (
	"errors"
	"testing"
	"time"
)

// IDs begin with 16 bits of the member ID, so the entry of another member may
// carry the ID that somebody waits for here (replication design, section 1).
func TestOnlyTheOwnBytesWakeAProposer(t *testing.T) {
	w := newWaiters()
	p := &proposal{id: 7, data: []byte("mine"), done: make(chan outcome, 1)}
	if !w.add(p) {
		t.Fatal("the first proposal with an ID is refused")
	}
	if w.add(&proposal{id: 7, data: []byte("other"), done: make(chan outcome, 1)}) {
		t.Error("a second proposal with the same ID is taken")
	}
	w.wake([]applied{{id: 7, data: []byte("theirs"), result: "wrong"}})
	select {
	case o := <-p.done:
		t.Fatalf("woken by another member's entry with %v", o.result)
	default:
	}
	w.wake([]applied{{id: 7, data: []byte("mine"), result: "right"}})
	if o := <-p.done; o.result != "right" || o.err != nil {
		t.Errorf("got %v, %v", o.result, o.err)
	}
}

// A follower's queue is empty as soon as it was sent to the leader, so what bounds its memory
// while the leader does nothing is what waits.
func TestWaitersAreBounded(t *testing.T) {
	w := newWaiters()
	data := make([]byte, maxProposal)
	all := 0
	for all < 100 && w.add(&proposal{id: uint64(all), data: data}) {
		all++
	}
	if size := all * maxProposal; size > maxWaiting || size < maxWaiting-maxProposal {
		t.Errorf("%d MiB wait, where the bound is %d", size>>20, maxWaiting>>20)
	}
	w.remove(w.byID[0])
	if !w.add(&proposal{id: 1000, data: data}) {
		t.Error("nothing is taken after somebody has left")
	}
}

func TestStoppingAnswersEveryProposer(t *testing.T) {
	w := newWaiters()
	ps := proposals(1, 1, 1)
	for _, p := range ps {
		w.add(p)
	}
	w.remove(ps[1])
	w.fail(ErrStopped)
	for _, i := range []int{0, 2} {
		if o := <-ps[i].done; !errors.Is(o.err, ErrStopped) {
			t.Errorf("proposal %d got %v", i, o.err)
		}
	}
	if len(ps[1].done) != 0 {
		t.Error("a proposer that had left was answered")
	}
}

// etcd-compat spec, section 3: 16 bits of member, 40 of milliseconds, 8 of counter.
func TestIDs(t *testing.T) {
	now := time.UnixMilli(0x123456789a)
	g := NewIDs(0xce2a822cea30bfca, now)
	if got, want := g.Next(), uint64(0xbfca_123456789a_01); got != want {
		t.Errorf("the first ID is %x, want %x", got, want)
	}
	seen := map[uint64]bool{}
	for range 1000 {
		id := g.Next()
		if seen[id] || id>>48 != 0xbfca {
			t.Fatalf("ID %x repeats or lost its member", id)
		}
		seen[id] = true
	}
}
