package eventhistory

import (
	"errors"
	"fmt"
	"sync"
)

// Hub is the window of past events and everybody who waits for the next one.
type Hub struct {
	mu     sync.Mutex
	window window
	// root is the tree of watched paths.
	root point
	// pending are the events that those who waited when they were published have not been told of.
	pending []slot
	// woken have been handed an event and are still to be woken. Only the goroutine that applies touches it.
	woken   []*Watcher
	count   int    // of watchers that are registered
	asked   uint64 // watches, accepted or not
	step    int    // how many events one who is behind looks at before others get their turn
	stopped bool
}

// eventsPerTurn take some ten microseconds to look at.
const eventsPerTurn = 1000

// Change is an event on its way into the window.
type Change struct {
	Event *Event
	// Removed is the directory that the event took away, nil unless it removes one. It is walked during Publish only.
	Removed Subtree
}

// Subtree is a node that was removed with all that was below it.
type Subtree interface {
	// Child is the node of that name in a directory; nil if there was none, or if this is a file.
	Child(name string) Subtree
}

// ClearedError refuses a watch that asks for events older than the window: v2 error 401.
type ClearedError struct {
	// Oldest is the first index that can be asked for, Asked the one that was, Index the current etcd index.
	Oldest, Asked, Index uint64
}

// Error is the cause that the reply shows.
func (e *ClearedError) Error() string {
	return fmt.Sprintf("the requested history has been cleared [%d/%d]", e.Oldest, e.Asked)
}

// New returns an empty hub at index 0 that keeps the last capacity events. The keys API promises 1000.
func New(capacity int) *Hub {
	return &Hub{window: newWindow(capacity, 0), step: eventsPerTurn}
}

// Publish adds a batch to the window and calls show, which makes the tree after the batch visible to readers. No watch is
// accepted or answered between the two. Those who wait are told by Notify. Show is called with the hub locked: it stores
// a pointer and calls nothing of the hub. It may be nil.
func (h *Hub) Publish(batch []Change, show func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range batch {
		h.append(c)
	}
	if show != nil {
		show()
	}
}

func (h *Hub) append(c Change) {
	s := slot{event: c.Event}
	if c.Removed != nil && h.count > 0 {
		s.removed = h.root.removedBelow(c.Event.Node.Key, c.Removed)
	}
	h.window.append(s)
	if h.count > 0 && !c.Event.Refresh {
		h.pending = append(h.pending, s)
	}
}

// Watch registers a watcher at path. A waitIndex of 0 means from now on; one inside the window finds past events; one
// beyond the current index waits for it. One older than the window is answered with a *ClearedError, and any with
// ErrStopped when the hub has stopped.
//
// wake is called whenever Poll may have something to tell, from any goroutine, some of which have others waiting for them: it has to be
// quick, and calls nothing of the hub. A watcher without one is for Next.
func (h *Hub) Watch(path string, recursive, stream bool, waitIndex uint64, wake func()) (*Watcher, error) {
	w := &Watcher{hub: h, path: path, recursive: recursive, stream: stream, from: waitIndex, call: wake}
	if wake == nil {
		w.wake = make(chan struct{}, 1)
	}
	more, err := h.accept(w)
	if more {
		_, err = h.advance(w) // the watcher keeps what it finds
	}
	if errors.Is(err, ErrCleared) { // while it looked, as if it had come now
		oldest, last := h.Span()
		return nil, &ClearedError{Oldest: oldest, Asked: waitIndex, Index: last}
	}
	if err != nil {
		return nil, err
	}
	return w, nil
}

// accept registers a watcher, and parks it unless it is behind. A one-shot watcher has its first turn; more is as in look.
func (h *Hub) accept(w *Watcher) (more bool, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked++
	if h.stopped {
		return false, ErrStopped
	}
	w.accepted = h.window.last
	if w.from == 0 {
		w.from = w.accepted + 1
	}
	if w.from < h.window.oldest {
		return false, &ClearedError{Oldest: h.window.oldest, Asked: w.from, Index: w.accepted}
	}
	w.point = h.root.register(w.path)
	h.count++
	switch {
	case w.from > w.accepted:
		h.park(w)
	case !w.stream:
		_, more, err = h.look(w)
	}
	return more, err
}

// Len is the number of events in the window.
func (h *Hub) Len() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.window.len()
}

// Span returns the indexes of the first and the last event in the window. Without one, oldest is last+1.
func (h *Hub) Span() (oldest, last uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.window.oldest, h.window.last
}

// Asked is how many watches were asked for, refused ones too.
func (h *Hub) Asked() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.asked
}

// Capacity is the number of events that the window can hold.
func (h *Hub) Capacity() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.window.slots)
}

// Watchers is the number of clients who wait, and of streams.
func (h *Hub) Watchers() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.count
}

// Events returns the events of the window, oldest first, in a slice of the caller's own.
func (h *Hub) Events() []*Event {
	h.mu.Lock()
	defer h.mu.Unlock()
	events := make([]*Event, 0, h.window.len())
	for i := h.window.oldest; i <= h.window.last; i++ {
		events = append(events, h.window.at(i).event)
	}
	return events
}

// Stop ends all watches with ErrStopped, now and later. An event that was handed over before still comes first.
func (h *Hub) Stop() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stopped = true
	h.eachParked(func(w *Watcher) { w.signal() })
}
