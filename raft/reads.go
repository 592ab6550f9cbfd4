package raft

import (
	"context"
	"encoding/binary"
	"sync"
)

// maxWaitingReads bounds the reads that wait for an index, a count.
const maxWaitingReads = 100_000

// readQueue batches linearizable reads: those that come while a question is on its way
// join the next one (replication design, section 6). Callers put, the loop does the rest.
type readQueue struct {
	mu      sync.Mutex
	waiting []chan error // for the next question
	asked   []askedReads // in the order of their questions
	count   int          // of all reads
	refuse  error
}

// askedReads are those that a question was the first one for. Its answer is good for
// them, and that of every later question.
type askedReads struct {
	question uint64
	reads    []chan error
}

func (q *readQueue) put(c chan error) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.refuse != nil:
		return q.refuse
	case q.count >= maxWaitingReads:
		return ErrTooManyRequests
	}
	q.waiting = append(q.waiting, c)
	q.count++
	return nil
}

// ask makes the waiting reads those of a question; false if there is nothing to ask for.
func (q *readQueue) ask(question uint64) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) > 0 {
		q.asked = append(q.asked, askedReads{question, q.waiting})
		q.waiting = nil
	}
	return len(q.asked) > 0
}

// answered hands over the reads that the answer to a question is good for.
func (q *readQueue) answered(question uint64) []chan error {
	q.mu.Lock()
	defer q.mu.Unlock()
	var out []chan error
	for len(q.asked) > 0 && q.asked[0].question <= question {
		out = append(out, q.asked[0].reads...)
		q.asked = q.asked[1:]
	}
	q.count -= len(out)
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
	for _, a := range append(q.asked, askedReads{reads: q.waiting}) {
		for _, c := range a.reads {
			c <- err
		}
	}
	q.waiting, q.asked, q.count = nil, nil, 0
}

// ReadIndex waits until everything that was committed when it was called has
// been applied here. A read of the state machine after it is linearizable.
func (n *Node) ReadIndex(ctx context.Context) error {
	c := make(chan error, 1)
	if err := n.reads.put(c); err != nil {
		return err
	}
	n.loop.drive()
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

// askReads sends the next question unless the last one may still be answered. It is asked
// again with a new number after a tick, because the library drops one silently when
// there is no leader or a message is lost. The answer may still come: where the way is
// long, it always comes after a tick. With etcd members a question goes through the log.
func (l *loop) askReads() {
	if l.rules.level == 0 && l.n.cfg.Barrier != nil {
		l.readAsked = false
		l.askByBarrier()
		return
	}
	l.forgetBarrier()
	if l.readAsked || !l.servesReads() || !l.n.reads.ask(l.readCounter+1) {
		return
	}
	l.readCounter++
	l.readAsked = true
	l.rn.ReadIndex(binary.BigEndian.AppendUint64(nil, l.readCounter))
}

// servesReads: a question makes sense once a leader is known. A leader must
// have applied an entry of its own term first: until then its commit index may
// lag behind what it acknowledged before a restart. Where one member votes, the library takes
// it for the leader, which then asks nobody; but the leader may be another one, that was
// removed, and the voter may lead in a later term already.
func (l *loop) servesReads() bool {
	if !l.leading {
		return l.lead != 0
	}
	return l.ownTerm && (l.lone() || len(l.conf.GetVoters()) > 1)
}

// firstQuestion is the number before the first question of a process. Answers to an earlier
// one of this member may still be on their way, and say what was committed then.
func firstQuestion(life uint64) uint64 { return life >> 1 }

// readAnswered takes the index for a question.
func (l *loop) readAnswered(ctx []byte, index uint64) {
	if len(ctx) != 8 {
		return
	}
	question := binary.BigEndian.Uint64(ctx)
	if question <= firstQuestion(l.forwarding.life) || question > l.readCounter {
		return
	}
	l.readAsked = l.readAsked && question < l.readCounter
	l.pending = append(l.pending, pendingRead{index: index, reads: l.n.reads.answered(question)})
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
