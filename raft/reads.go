package raft

import (
	"context"
	"encoding/binary"
	"sync"
)

// maxWaitingReads bounds the reads that wait for an index, a count.
const maxWaitingReads = 100_000

// readQueue batches linearizable reads: one question is outstanding at a time,
// and reads that come meanwhile join the next one (replication design, section
// 6). Callers put, the loop does the rest.
type readQueue struct {
	mu      sync.Mutex
	waiting []chan error // for the next question
	asked   []chan error // of the outstanding question
	refuse  error
}

func (q *readQueue) put(c chan error) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.refuse != nil:
		return q.refuse
	case len(q.waiting)+len(q.asked) >= maxWaitingReads:
		return ErrTooManyRequests
	}
	q.waiting = append(q.waiting, c)
	return nil
}

// ask moves the waiting reads to the outstanding question; false if there are none.
func (q *readQueue) ask() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.asked = append(q.asked, q.waiting...)
	q.waiting = nil
	return len(q.asked) > 0
}

// answered hands over the reads of the outstanding question.
func (q *readQueue) answered() []chan error {
	q.mu.Lock()
	defer q.mu.Unlock()
	out := q.asked
	q.asked = nil
	return out
}

func (q *readQueue) setRefuse(err error) {
	q.mu.Lock()
	q.refuse = err
	q.mu.Unlock()
}

func (q *readQueue) fail(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, c := range append(q.waiting, q.asked...) {
		c <- err
	}
	q.waiting, q.asked = nil, nil
}

// ReadIndex waits until everything that was committed when it was called has
// been applied here. A read of the state machine after it is linearizable.
func (n *Node) ReadIndex(ctx context.Context) error {
	c := make(chan error, 1)
	if err := n.reads.put(c); err != nil {
		return err
	}
	n.nudge()
	select {
	case err := <-c:
		return err
	case <-ctx.Done():
		return ctx.Err() // its channel has room, so whoever answers it is not held up
	}
}

// pendingReads is the loop's side: answered questions whose index is not applied yet.
type pendingRead struct {
	index uint64
	reads []chan error
}

// askReads sends the next question if none is outstanding. A question is asked
// again with a new context after a tick, because the library drops one silently
// when there is no leader or a message is lost. With etcd members it goes through
// the log.
func (l *loop) askReads() {
	if l.rules.level == 0 && l.n.cfg.Barrier != nil {
		l.readAsked = false // an answer that still comes is not for the reads that join now
		l.askByBarrier()
		return
	}
	l.forgetBarrier() // likewise
	if l.readAsked || !l.servesReads() || !l.n.reads.ask() {
		return
	}
	l.readCounter++
	l.readAsked = true
	l.rn.ReadIndex(binary.BigEndian.AppendUint64(nil, l.readCounter))
}

// servesReads: a question makes sense once a leader is known. A leader must
// have applied an entry of its own term first: until then its commit index may
// lag behind what it acknowledged before a restart.
func (l *loop) servesReads() bool {
	return l.lead != 0 && (!l.leading || l.ownTerm)
}

// readAnswered takes the index for the outstanding question.
func (l *loop) readAnswered(ctx []byte, index uint64) {
	if len(ctx) != 8 || binary.BigEndian.Uint64(ctx) != l.readCounter || !l.readAsked {
		return
	}
	l.readAsked = false
	l.pending = append(l.pending, pendingRead{index: index, reads: l.n.reads.answered()})
	l.releaseReads()
}

// releaseReads answers the reads whose index has been published.
func (l *loop) releaseReads() {
	for len(l.pending) > 0 && l.pending[0].index <= l.applied {
		for _, c := range l.pending[0].reads {
			c <- nil
		}
		l.pending = l.pending[1:]
	}
}

// failReads answers the reads whose index will not be published any more.
func (l *loop) failReads() {
	for _, p := range l.pending {
		for _, c := range p.reads {
			c <- ErrStopped
		}
	}
	l.pending = nil
}
