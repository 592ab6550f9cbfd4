package kill

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pando/test/fault/keys"
)

// rig is the clients of one run and what they know.
type rig struct {
	t      *testing.T
	client *keys.Client
	gate   *gate
	ledger *ledger

	life   context.Context // of the reader and the writers
	cancel context.CancelFunc
	wg     sync.WaitGroup

	writers []writer
	acked   atomic.Int64  // writes acknowledged, of all writers
	highest atomic.Uint64 // the highest index that any answer carried
	pulse   chan struct{} // capacity 1: acked has grown
}

func newRig(t *testing.T, endpoint string) *rig {
	r := &rig{t: t, client: client(endpoint), gate: newGate(), ledger: newLedger(), pulse: make(chan struct{}, 1)}
	r.life, r.cancel = context.WithCancel(context.Background())
	for id := range writers {
		r.writers = append(r.writers, newWriter(r, id))
	}
	r.wg.Add(1 + len(r.writers))
	go r.read()
	for _, w := range r.writers {
		go func() {
			defer r.wg.Done()
			for r.gate.enter(r.life) {
				w.write()
				r.gate.leave()
			}
		}()
	}
	return r
}

// stopWriters ends the writers and the reader after the request that each is at.
func (r *rig) stopWriters() {
	r.cancel()
	r.wg.Wait()
}

func (r *rig) end() {
	r.stopWriters()
	r.client.Close()
}

// awaitWrites waits until n more writes have been acknowledged.
func (r *rig) awaitWrites(n int) {
	late := time.NewTimer(patience)
	defer late.Stop()
	for target := r.acked.Load() + int64(n); r.acked.Load() < target && !r.t.Failed(); {
		select {
		case <-r.pulse:
		case <-late.C:
			r.t.Errorf("%d writes did not happen within %v", n, patience)
		}
	}
}

// ask sends a request. It returns nil if the server was killed meanwhile; any other failure is the test's.
func (r *rig) ask(method, target string, form ...string) *keys.Answer {
	closed := r.gate.closed()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	a, err := r.client.Do(ctx, method, target, keys.Form(form...))
	if err != nil {
		if closed == r.gate.closed() {
			r.t.Errorf("%s %s failed while the server ran: %v", method, target, err)
		}
		return nil
	}
	if a.Status >= http.StatusInternalServerError {
		r.t.Errorf("%s %s: %s", method, target, a)
	}
	return a
}

// acknowledge notes what a write's answer said, and everything that follows from it.
func (r *rig) acknowledge(a *keys.Answer) {
	r.raise(a.Node.ModifiedIndex)
	r.note(&a.Event)
	r.acked.Add(1)
	select {
	case r.pulse <- struct{}{}:
	default:
	}
}

func (r *rig) note(e *keys.Event) {
	if err := r.ledger.note(e); err != nil {
		r.t.Error(err)
	}
}

// raise remembers that somebody has been told this index.
func (r *rig) raise(index uint64) {
	for {
		old := r.highest.Load()
		if index <= old || r.highest.CompareAndSwap(old, index) {
			return
		}
	}
}

// read is a client that reads all the time: the index that it is told never goes back.
func (r *rig) read() {
	defer r.wg.Done()
	for r.gate.enter(r.life) {
		known := r.highest.Load()
		if a := r.ask(http.MethodGet, keys.Path("/")); a != nil {
			if a.Index < known {
				r.t.Errorf("X-Etcd-Index %d was answered after %d was known", a.Index, known)
			}
			r.raise(a.Index)
		}
		r.gate.leave()
	}
}
