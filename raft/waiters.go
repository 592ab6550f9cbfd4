package raft

import (
	"bytes"
	"cmp"
	"slices"
	"sync"
	"time"
)

// proposal is one request on its way through the log. Its outcome is sent once,
// to a channel with room for it, by whoever takes it out of the waiters.
type proposal struct {
	id      uint64
	data    []byte
	done    chan outcome
	queued  time.Time
	dropped bool // its caller has left while it was queued; guarded by the queue's lock

	unknown     bool   // it may have been carried out: never to be proposed again; the loop's
	stamp       uint64 // term in which it was last proposed, 0 while it is queued; the loop's
	proposed    moment // when it last left the queue; none until then
	foreignTerm uint64 // another member's, for the leader of this term; nobody waits for it here
}

type outcome struct {
	result any
	err    error
	timing Timing // of a success
}

// waiters holds the proposals whose callers wait, by ID. An applied entry wakes
// one only if its bytes are equal: IDs of two members can collide (replication
// design, section 1).
type waiters struct {
	mu    sync.Mutex
	byID  map[uint64]*proposal
	bytes int // of their data
}

func newWaiters() *waiters { return &waiters{byID: make(map[uint64]*proposal)} }

// add registers a proposal; false if one with this ID already waits, or too much does.
func (w *waiters) add(p *proposal) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, taken := w.byID[p.id]; taken || w.bytes+len(p.data) > maxWaiting {
		return false
	}
	w.byID[p.id] = p
	w.bytes += len(p.data)
	return true
}

// none reports whether nobody waits.
func (w *waiters) none() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.byID) == 0
}

// forget wants the lock held.
func (w *waiters) forget(p *proposal) {
	delete(w.byID, p.id)
	w.bytes -= len(p.data)
}

// remove forgets a proposal whose caller has left.
func (w *waiters) remove(p *proposal) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.byID[p.id] == p {
		w.forget(p)
	}
}

// applied is the result of one entry, kept until its batch is published.
type applied struct {
	id     uint64
	data   []byte
	result any
	begun  time.Time // of its batch
}

// wake gives the proposers of a batch their results.
func (w *waiters) wake(batch []applied) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	for _, a := range batch {
		p, ok := w.byID[a.id]
		if !ok || !bytes.Equal(p.data, a.data) {
			continue
		}
		w.forget(p)
		p.done <- outcome{result: a.result, timing: p.timing(a.begun, now)}
	}
}

// waiting returns those of ps whose callers still wait.
func (w *waiters) waiting(ps []*proposal) []*proposal {
	w.mu.Lock()
	defer w.mu.Unlock()
	kept := ps[:0]
	for _, p := range ps {
		if w.byID[p.id] == p {
			kept = append(kept, p)
		}
	}
	return kept
}

// stampedBefore returns the waiting proposals that were proposed before the given
// term, oldest first, as not proposed. Loop only.
func (w *waiters) stampedBefore(term uint64) []*proposal {
	w.mu.Lock()
	defer w.mu.Unlock()
	var ps []*proposal
	for _, p := range w.byID {
		if p.stamp != 0 && p.stamp < term && !p.unknown {
			p.stamp = 0
			ps = append(ps, p)
		}
	}
	slices.SortFunc(ps, func(a, b *proposal) int { return cmp.Compare(a.id, b.id) })
	return ps
}

// forgetUpTo keeps the proposals that were proposed up to the given term from being
// proposed again: entries up to that term were not seen here, and they may be among
// them. Loop only.
func (w *waiters) forgetUpTo(term uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.byID {
		if p.stamp != 0 && p.stamp <= term {
			p.unknown = true
		}
	}
}

// fail gives every proposer the same error; used when the node stops.
func (w *waiters) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.byID {
		w.forget(p)
		p.done <- outcome{err: err}
	}
}
