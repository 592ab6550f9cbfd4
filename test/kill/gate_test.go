package kill

import (
	"context"
	"sync"
)

// gate tells the clients whether the server is meant to run. It starts open.
type gate struct {
	mu         sync.Mutex
	generation int           // counts closings
	opened     chan struct{} // closed while the gate is open
}

func newGate() *gate {
	g := &gate{opened: make(chan struct{})}
	close(g.opened)
	return g
}

// close is called before a kill.
func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.generation++
	g.opened = make(chan struct{})
}

// open is called once the server has been restarted and looked at.
func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	close(g.opened)
}

// closings is how often the gate has been closed: a request during which the number stays the same must succeed.
func (g *gate) closings() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.generation
}

// pass waits until the gate is open; false if ctx ended first.
func (g *gate) pass(ctx context.Context) bool {
	g.mu.Lock()
	opened := g.opened
	g.mu.Unlock()
	select {
	case <-opened:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
