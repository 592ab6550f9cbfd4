package eventhistory

import (
	"context"
	"errors"
)

// Hub is the window of past events and everybody who waits for the next one.
type Hub struct{}

// Change is an event on its way into the window.
type Change struct {
	Event *Event
	// Removed says whether path was a node that this event took away; nil unless the event removes a directory.
	Removed func(path string) bool
}

// Watcher is one client's wait for events.
type Watcher struct{}

var (
	// ErrCleared ends a stream that the window has passed.
	ErrCleared = errors.New("the history that this stream had still to send has been cleared")
	// ErrStopped ends every watch when the server stops.
	ErrStopped = errors.New("the server is stopping")
)

// ClearedError refuses a watch that asks for events older than the window.
type ClearedError struct {
	Oldest, Asked, Index uint64
}

func (e *ClearedError) Error() string { return "" }

func New(capacity int) *Hub { return &Hub{} }

func (h *Hub) Publish(batch []Change)                       {}
func (h *Hub) Notify()                                      {}
func (h *Hub) Stop()                                        {}
func (h *Hub) Events() []*Event                             { return nil }
func (h *Hub) Restore(events []*Event, currentIndex uint64) {}
func (h *Hub) Len() int                                     { return 0 }
func (h *Hub) Watchers() int                                { return 0 }
func (h *Hub) Watch(path string, recursive, stream bool, waitIndex uint64) (*Watcher, error) {
	return &Watcher{}, nil
}

func (w *Watcher) StartIndex() uint64                       { return 0 }
func (w *Watcher) Next(ctx context.Context) (*Event, error) { <-ctx.Done(); return nil, ctx.Err() }
func (w *Watcher) Close()                                   {}
