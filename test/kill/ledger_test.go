package kill

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"pando/test/fault/keys"
)

// window is how many events the server keeps.
const window = 1000

// ledger is what is known to have happened at each index, from answers and from the history.
type ledger struct {
	mu     sync.Mutex
	events map[uint64]string
	latest map[string]uint64 // key → the last index known to have changed it
}

func newLedger() *ledger { return &ledger{events: map[uint64]string{}, latest: map[string]uint64{}} }

// note enters an event; an error tells that the ledger has another one for its index.
func (l *ledger) note(e *keys.Event) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := fmt.Sprintf("%s %s=%s created at %d", e.Action, e.Node.Key, e.Node.Value, e.Node.CreatedIndex)
	index := e.Node.ModifiedIndex
	if was, ok := l.events[index]; ok && was != text {
		return fmt.Errorf("index %d was %q and is now %q", index, was, text)
	}
	l.events[index] = text
	l.latest[e.Node.Key] = max(l.latest[e.Node.Key], index)
	return nil
}

// has reports whether the event of an index is known.
func (l *ledger) has(index uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ok := l.events[index]
	return ok
}

// noted counts the events that are known in a span of indexes.
func (l *ledger) noted(from, to uint64) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := from; i <= to; i++ {
		if _, ok := l.events[i]; ok {
			n++
		}
	}
	return n
}

func (l *ledger) changedLast(key string) (index uint64, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	index, ok = l.latest[key]
	return index, ok
}

// check looks at a server that has just been restarted, while the gate is closed and nobody is inside.
func (r *rig) check() {
	known := r.highest.Load()
	a := r.ask(http.MethodGet, keys.Path("/", "quorum", "true"))
	if a == nil || !a.OK() {
		r.t.Fatalf("after the restart: %v", a)
	}
	if a.Index < known {
		r.t.Errorf("X-Etcd-Index was %d before and is %d now", known, a.Index)
	}
	r.raise(a.Index)
	for _, w := range r.writers {
		w.check()
	}
	r.checkHistory()
	r.checkTree()
}

// checkHistory replays the window and compares it with all that is known. A marker ends it: behind the last write the
// server itself may have written what a watcher does not see.
func (r *rig) checkHistory() {
	marker := r.ask(http.MethodPut, keys.Path("/marker"), "value", "x")
	if marker == nil || !marker.OK() {
		r.t.Fatalf("the marker could not be written: %v", marker)
	}
	end := marker.Node.ModifiedIndex
	r.raise(end)
	from := max(end, window) - window + 1
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	known, seen, last := r.ledger.noted(from, end-1), 0, uint64(0)
	err := r.client.Stream(ctx, "/", from, func(e *keys.Event) bool {
		if e.Node == nil {
			r.t.Errorf("in the history: %d %s (%s)", e.ErrorCode, e.Message, e.Cause)
			return false
		}
		if e.Node.ModifiedIndex <= last {
			r.t.Errorf("in the history %d comes after %d", e.Node.ModifiedIndex, last)
		}
		last = e.Node.ModifiedIndex
		if r.ledger.has(last) {
			seen++
		}
		r.note(e)
		return last < end
	})
	if err != nil && !errors.Is(err, context.Canceled) {
		r.t.Errorf("the history broke off at %d, before %d: %v", last, end, err)
	}
	if seen < known {
		r.t.Errorf("%d events between %d and %d are known, the history has only %d of them", known, from, end-1, seen)
	}
}

// checkTree compares the index of every key with the last change that anybody has heard of.
func (r *rig) checkTree() {
	a := r.ask(http.MethodGet, keys.Path("/", "recursive", "true"))
	if a == nil || !a.OK() {
		r.t.Fatalf("the tree cannot be read: %v", a)
	}
	a.Node.Leaves(func(n *keys.Node) {
		if index, ok := r.ledger.changedLast(n.Key); !ok || index != n.ModifiedIndex {
			r.t.Errorf("%s was changed at %d; the last change anybody heard of was at %d", n.Key, n.ModifiedIndex, index)
		}
	})
}
