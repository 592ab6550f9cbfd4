package raft

import (
	"fmt"
	"slices"
	"sync"
)

// queue holds proposals until the loop takes them. Callers put, the loop takes;
// it is bounded by bytes.
type queue struct {
	mu     sync.Mutex
	items  []*proposal
	bytes  int
	refuse error // when set, put answers it: the node is stopping
	full   error // when set, put answers it: the log cannot grow
}

// put adds a proposal at the end.
func (q *queue) put(p *proposal) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.refuse != nil:
		return q.refuse
	case q.full != nil:
		return q.full
	case len(p.data) > maxProposal:
		return ErrTooLarge
	case q.bytes+len(p.data) > maxQueued && q.bytes > 0:
		return ErrTooManyRequests
	}
	q.items = append(q.items, p)
	q.bytes += len(p.data)
	return nil
}

// putAll adds all proposals of another member, or none.
func (q *queue) putAll(ps []*proposal) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	size := 0
	for _, p := range ps {
		size += len(p.data)
	}
	switch {
	case q.refuse != nil:
		return q.refuse
	case q.full != nil:
		return q.full
	case q.bytes+size > maxQueued && q.bytes > 0:
		return ErrTooManyRequests
	}
	q.items = append(q.items, ps...)
	q.bytes += size
	return nil
}

// take removes the oldest proposals up to maxBatch bytes, leaving out those
// whose callers have left: what was answered with an error while it was queued
// is never proposed.
func (q *queue) take() []*proposal {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) == 0 {
		return nil
	}
	out := make([]*proposal, 0, len(q.items))
	size, n := 0, 0
	for _, p := range q.items {
		if size > 0 && size+len(p.data) > maxBatch {
			break
		}
		n++
		q.bytes -= len(p.data)
		if !p.dropped {
			out = append(out, p)
			size += len(p.data)
		}
	}
	rest := copy(q.items, q.items[n:])
	clear(q.items[rest:])
	q.items = q.items[:rest]
	return out
}

// putBack returns proposals that could not be stepped to the front.
func (q *queue) putBack(ps []*proposal) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.items = append(append(make([]*proposal, 0, len(ps)+len(q.items)), ps...), q.items...)
	for _, p := range ps {
		q.bytes += len(p.data)
	}
}

// drop marks a proposal whose caller leaves. It stays in place, and its bytes
// counted, until the loop passes it.
func (q *queue) drop(p *proposal) {
	q.mu.Lock()
	p.dropped = true
	q.mu.Unlock()
}

// sweep forgets the proposals whose callers have left, while the loop takes none.
func (q *queue) sweep() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.items = slices.DeleteFunc(q.items, func(p *proposal) bool {
		if p.dropped {
			q.bytes -= len(p.data)
		}
		return p.dropped
	})
}

// setRefuse makes every later put fail with err.
func (q *queue) setRefuse(err error) {
	q.mu.Lock()
	q.refuse = err
	q.mu.Unlock()
}

// setFull makes every put fail with ErrDiskFull until it is called with nil.
func (q *queue) setFull(why error) {
	if why != nil {
		why = fmt.Errorf("%w: %w", ErrDiskFull, why)
	}
	q.mu.Lock()
	q.full = why
	q.mu.Unlock()
}

// empty reports whether nothing waits.
func (q *queue) empty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items) == 0
}
