package eventhistory

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

// A stream with a waitIndex in the past gets all matching events of the window, then live ones. (The reference stops
// after one: keys-api spec, section 15.4, an accident.)
func TestStreamReplaysAllThenLive(t *testing.T) {
	b := newBench(t, 10)
	b.set("/d/a", "/x", "/d/b", "/d/_h")
	w := b.watch("/d", true, true, 1)
	b.set("/d/c", "/d/_h") // live rules hold from here on: the hidden key is not told
	b.wants(w, 1, 3, 4, 5)
	b.set("/d/d")
	b.wants(w, 7)
}

// Section 15.4: the reference tells a stream on the key itself twice of its removal; here it is told once.
func TestStreamIsToldOnceOfARemoval(t *testing.T) {
	b := newBench(t, 10)
	b.do(b.store.put("/d", true))
	w := b.watch("/d", true, true, 0)
	b.do(b.store.remove("delete", "/d"))
	b.set("/d/k")
	b.wants(w, 2, 3)
}

// A stream that was behind when a directory was removed is told by the same rule as one that was waiting: only if its
// path existed then (section 15.2, rule 3).
func TestRemovalReachesAStreamThatIsBehind(t *testing.T) {
	b := newBench(t, 10)
	b.set("/d/k", "/d/x")
	existed, not := b.watch("/d/k", false, true, 0), b.watch("/d/none", false, true, 0)
	b.set("/d/k", "/d/k") // behind: one event is in its hand, one in the window
	b.do(b.store.remove("delete", "/d"))
	b.set("/d/k", "/d/none")
	b.wants(existed, 3, 4, 5, 6)
	b.wants(not, 7)
}

// Only a stream that the window has passed is cut; what it was handed comes first (replication spec, section 9).
func TestSlowStreamIsCutWhenOvertaken(t *testing.T) {
	b := newBench(t, 4)
	slow, kept, idle := b.watch("/k", false, true, 0), b.watch("/k", false, true, 0), b.watch("/idle", false, true, 0)
	b.set("/k", "/k", "/k", "/k", "/k")
	b.wants(kept, 1, 2, 3, 4, 5) // one in the hand and four in the window: just in time
	b.set("/k")
	if e, err := poll(slow); err != nil || e.Index() != 1 {
		t.Errorf("got %v, %v; want the event that was handed over", e, err)
	}
	for range 2 {
		if e, err := poll(slow); !errors.Is(err, ErrCleared) {
			t.Errorf("got %v, %v; want ErrCleared", e, err)
		}
	}
	b.wants(kept, 6)
	b.set("/idle")
	b.wants(idle, 7)
}

func TestBatchLargerThanTheWindow(t *testing.T) {
	b := newBench(t, 4)
	once, stream := b.watch("/k", false, false, 0), b.watch("/", true, true, 0)
	batch := []Change{b.store.put("/k", false)}
	for range 10 {
		batch = append(batch, b.store.put("/other", false))
	}
	b.do(batch...)
	b.wants(once, 1)
	if e, err := poll(stream); err != nil || e.Index() != 1 {
		t.Errorf("got %v, %v", e, err)
	}
	if e, err := poll(stream); !errors.Is(err, ErrCleared) {
		t.Errorf("got %v, %v; want ErrCleared", e, err)
	}
}

func TestCloseFreesEverything(t *testing.T) {
	b := newBench(t, 10)
	var all []*Watcher
	for _, path := range []string{"/", "/a", "/a/b", "/a/c", "/a/b/c/d", "/x", "/a/b", "/a/d", "/a/e/f"} {
		for i := range 4 {
			all = append(all, b.watch(path, i&1 == 0, i&2 == 0, 0))
		}
	}
	if n := b.hub.Watchers(); n != len(all) {
		t.Errorf("%d watchers, want %d", n, len(all))
	}
	b.set("/a/b", "/x")
	for i := range all {
		all[i*7%len(all)].Close()
		all[i*7%len(all)].Close()
	}
	checkEmpty(t, b.hub)
	if _, err := poll(all[len(all)-1]); !errors.Is(err, ErrStopped) {
		t.Errorf("after Close: %v", err)
	}
}

// checkEmpty fails unless every trace of watchers is gone.
func checkEmpty(t *testing.T, h *Hub) {
	t.Helper()
	p := &h.root
	if h.Watchers() != 0 || p.watchers != 0 || p.first != nil || p.more != nil || p.plain.head != nil || p.recursive.head != nil {
		t.Errorf("left behind: %d watchers, %+v", h.Watchers(), p)
	}
}

// Next waits, and comes back for an event, for its context and for Stop.
func TestNextWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 10)
		got := make(chan error)
		next := func(ctx context.Context, w *Watcher) {
			_, err := w.Next(ctx)
			got <- err
		}
		once, stream, left := b.watch("/a", false, false, 0), b.watch("/b", false, true, 0), b.watch("/c", false, true, 0)
		ctx, cancel := context.WithCancel(t.Context())
		go next(t.Context(), once)
		go next(t.Context(), stream)
		go next(ctx, left)
		synctest.Wait()
		b.set("/a")
		if err := <-got; err != nil {
			t.Errorf("the event: %v", err)
		}
		cancel()
		if err := <-got; !errors.Is(err, context.Canceled) {
			t.Errorf("the context: %v", err)
		}
		b.hub.Stop()
		if err := <-got; !errors.Is(err, ErrStopped) {
			t.Errorf("the end: %v", err)
		}
	})
}

func TestStop(t *testing.T) {
	b := newBench(t, 10)
	has, waits, behind := b.watch("/k", false, false, 0), b.watch("/x", false, false, 0), b.watch("/k", false, true, 1)
	b.set("/k")
	b.hub.Stop()
	b.wants(has, 1) // handed over before: still comes
	for _, w := range []*Watcher{waits, behind} {
		if w == behind {
			if e, err := poll(w); err != nil || e.Index() != 1 {
				t.Errorf("got %v, %v", e, err)
			}
		}
		if _, err := poll(w); !errors.Is(err, ErrStopped) {
			t.Errorf("%v, want ErrStopped", err)
		}
	}
	if _, err := b.hub.Watch("/k", false, false, 0, nil); !errors.Is(err, ErrStopped) {
		t.Errorf("a new watch: %v", err)
	}
}
