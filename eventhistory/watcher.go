package eventhistory

import (
	"context"
	"errors"
	"sync/atomic"
)

// Watcher is one client's wait for events. One goroutine uses it; it has to be closed.
type Watcher struct {
	hub       *Hub
	path      string
	recursive bool
	stream    bool
	accepted  uint64

	// event has been handed over and not been taken yet. It is set under the hub's mutex and taken without.
	event atomic.Pointer[Event]
	// wake has room for one token: look again. nil if there is call instead.
	wake chan struct{}
	call func()

	// The rest belongs to the hub's mutex.

	// point is where the watcher is registered; nil when it no longer is.
	point      *point
	prev, next *Watcher // in one of the point's lists, while parked
	parked     bool
	// from is the first index that the watcher wants: of those to come while it is parked, of those in the window
	// while it is behind.
	from uint64
	// err is why there will be no further event.
	err error
}

var (
	// ErrCleared ends a watch whose next event may have left the window before it could be handed over: a stream that
	// was too slow, or any watch when a snapshot was installed that does not reach back far enough.
	ErrCleared = errors.New("the history that this watch has still to see has been cleared")
	// ErrStopped ends every watch when the server stops.
	ErrStopped = errors.New("the server is stopping")
)

// StartIndex is the etcd index at which the watch was accepted, what its X-Etcd-Index says.
func (w *Watcher) StartIndex() uint64 { return w.accepted }

// Poll returns the event of a one-shot watcher, or the next one of a stream, if there is one already; nil without an error if
// there is none yet. The errors are ErrCleared and ErrStopped.
func (w *Watcher) Poll() (*Event, error) {
	if e := w.take(); e != nil {
		return e, nil
	}
	return w.hub.advance(w)
}

// Next waits for the event of a one-shot watcher, or the next one of a stream. The error is ErrCleared, ErrStopped or that
// of ctx; after one of the latter a call may be repeated. A one-shot watcher answers its event again when asked again.
func (w *Watcher) Next(ctx context.Context) (*Event, error) {
	for {
		if e, err := w.Poll(); e != nil || err != nil {
			return e, err
		}
		select {
		case <-w.wake:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (w *Watcher) take() *Event {
	if w.stream {
		return w.event.Swap(nil)
	}
	return w.event.Load()
}

// Close ends the watch and frees what it held, in constant time. It may be repeated.
func (w *Watcher) Close() {
	if !w.stream && w.event.Load() != nil {
		return // a one-shot watcher that has its event holds nothing
	}
	w.hub.mu.Lock()
	defer w.hub.mu.Unlock()
	w.hub.end(w, ErrStopped)
}
