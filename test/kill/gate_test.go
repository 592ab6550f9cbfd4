package kill

import (
	"context"
	"sync"
)

// gate tells the clients whether the server is meant to run, and the test whether they have noticed. It starts open.
type gate struct {
	mu       sync.Mutex
	closings int
	opened   chan struct{} // closed while the gate is open
	inside   sync.WaitGroup
}

func newGate() *gate {
	g := &gate{opened: make(chan struct{})}
	close(g.opened)
	return g
}

// enter waits until the gate is open and goes through it; false if ctx ended first. A client that is through calls
// leave after one request.
func (g *gate) enter(ctx context.Context) bool {
	for {
		opened, in := g.tryEnter(ctx)
		if in {
			return true
		}
		select {
		case <-opened:
		case <-ctx.Done():
			return false
		}
	}
}

func (g *gate) tryEnter(ctx context.Context) (opened chan struct{}, in bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-g.opened:
		in = ctx.Err() == nil
	default:
	}
	if in {
		g.inside.Add(1)
	}
	return g.opened, in
}

func (g *gate) leave() { g.inside.Done() }

// close lets nobody in any more; call it before a kill.
func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closings++
	g.opened = make(chan struct{})
}

// empty waits, after close, until everybody has left: what the clients know does not change until the gate opens.
func (g *gate) empty() { g.inside.Wait() }

// open lets the clients in again.
func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	close(g.opened)
}

// closed is how often the gate has been closed: a request during which that stays the same must succeed.
func (g *gate) closed() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closings
}
