package eventhistory

import (
	"errors"
	"fmt"
	"testing"
)

// keys-api spec, section 15.3: which past events a watch finds.
func TestReplayRules(t *testing.T) {
	b := newBench(t, 100)
	b.set("/d/k", "/d/_h/k", "/fo/k", "/foo") // 1 2 3 4
	b.do(b.store.refresh("/foo"))             // 5
	b.do(b.store.remove("delete", "/fo"))     // 6
	b.do(b.store.remove("delete", "/foo"))    // 7
	b.do(b.store.put("/d", true))             // 8
	for _, c := range []struct {
		why       string
		path      string
		recursive bool
		from      uint64
		want      uint64 // 0: waits
	}{
		{"rule 1: the key", "/d/k", false, 1, 1},
		{"inclusive", "/foo", false, 4, 4},
		{"section 14: a refresh is passed over", "/foo", false, 5, 7},
		{"rule 2: below", "/d", true, 1, 1},
		{"rule 2: hidden keys are not filtered", "/d", true, 2, 2},
		{"rule 1 in a recursive scan, at a later event than the first", "/d", true, 3, 8},
		{"plain does not look below", "/fo", false, 1, 6},
		{"rule 3: below a removed directory", "/fo/k", false, 4, 6},
		{"rule 3: even what never existed", "/fo/none/x", false, 1, 6},
		{"rule 3: path-wise, not by the start of the name", "/foox", false, 1, 0},
		{"rule 3: not below a removed file", "/foo/x", false, 1, 0},
		{"no match", "/none", true, 1, 0},
	} {
		w := b.watch(c.path, c.recursive, false, c.from)
		e, err := poll(w)
		if err != nil || (e != nil) != (c.want > 0) || e != nil && e.Index() != c.want {
			t.Errorf("%s: got %v, %v; want %d", c.why, e, err, c.want)
		}
		if w.StartIndex() != 8 {
			t.Errorf("%s: accepted at %d, want the current index 8", c.why, w.StartIndex())
		}
	}
}

// Section 15.3: error 401, its arithmetic and its cause.
func TestClearedHistory(t *testing.T) {
	b := newBench(t, 1000)
	b.set("/before", "/before", "/before")
	before := b.store.index
	for range 1100 {
		b.set("/k")
	}
	for _, recursive := range []bool{false, true} {
		for _, stream := range []bool{false, true} {
			b.watch("/k", recursive, stream, before+101)
			_, err := b.hub.Watch("/k", recursive, stream, before+100, nil)
			cleared := new(ClearedError)
			if !errors.As(err, &cleared) || cleared.Index != 1103 {
				t.Fatalf("got %v, want the history cleared at index 1103", err)
			}
			if want := "the requested history has been cleared [104/103]"; err.Error() != want {
				t.Errorf("cause %q, want %q", err, want)
			}
		}
	}
	if b.hub.Len() != 1000 || b.hub.Capacity() != 1000 || b.hub.Events()[0].Index() != 104 {
		t.Errorf("%d of %d events kept", b.hub.Len(), b.hub.Capacity())
	}
}

// Section 15.3: with an empty window index 1 can be asked for, and 0 always means from now on.
func TestEmptyWindow(t *testing.T) {
	b := newBench(t, 3)
	first, now := b.watch("/k", false, false, 1), b.watch("/k", false, false, 0)
	b.set("/k")
	b.wants(first, 1)
	b.wants(now, 1)
}

// Section 15.3: following modifiedIndex+1 from event to event misses nothing, however the window turns.
func TestFollowingMissesNothing(t *testing.T) {
	b := newBench(t, 8)
	next := uint64(1)
	for i := range 100 {
		b.set("/d/a", fmt.Sprint("/other/", i), "/d/b")
		for want := next; ; want++ {
			w := b.watch("/d", true, false, next)
			e, err := poll(w)
			if err != nil {
				t.Fatal(err)
			}
			if e == nil {
				break
			}
			if want%3 == 2 {
				want++ // the other key
			}
			if e.Index() != want {
				t.Fatalf("got %d after %d, want %d", e.Index(), next-1, want)
			}
			next = e.Index() + 1
		}
	}
	if next != b.store.index+1 {
		t.Errorf("followed up to %d of %d", next-1, b.store.index)
	}
}

// A gap in the indexes, which a store never makes, must not show old events under new indexes.
func TestGapStartsTheWindowAnew(t *testing.T) {
	b := newBench(t, 10)
	b.set("/k", "/k")
	b.store.index = 50
	b.set("/k")
	if _, err := b.hub.Watch("/k", false, false, 50, nil); err == nil {
		t.Error("index 50 was never published and is accepted")
	}
	b.wants(b.watch("/k", false, false, 51), 51)
}

func TestEncodedIsShared(t *testing.T) {
	e, calls := &Event{Action: "set"}, 0
	for range 3 {
		got := e.Encoded(func(e *Event) []byte { calls++; return []byte(e.Action) })
		if string(got) != "set" {
			t.Errorf("got %q", got)
		}
	}
	if calls != 1 {
		t.Errorf("encoded %d times", calls)
	}
}

// TestOthersGetTheirTurn: who looks through a long window does it in steps, and what happens between them is told by the rules for
// what happens while one waits.
func TestOthersGetTheirTurn(t *testing.T) {
	b := newBench(t, 100)
	b.hub.step = 10
	b.do(b.store.put("/d", true), b.store.put("/d/x", false))
	for range 33 {
		b.set("/other")
	}
	w := &Watcher{hub: b.hub, path: "/d/gone", from: 3, wake: make(chan struct{}, 1)}
	if more, err := b.hub.accept(w); err != nil || !more || w.from != 13 {
		t.Fatalf("%t, %v, from %d", more, err, w.from)
	}
	for turn := range 2 {
		if e, more, err := b.hub.look(w); e != nil || err != nil || !more || w.from != uint64(23+10*turn) {
			t.Fatalf("turn %d: %v, %v, %t, from %d", turn, e, err, more, w.from)
		}
	}
	b.do(b.store.remove("delete", "/d")) // in which it was not; by the rules for the past it would be told
	if e, more, err := b.hub.look(w); e != nil || err != nil || more || !w.parked {
		t.Fatalf("at the end: %v, %v, %t, parked %t", e, err, more, w.parked)
	}
	b.set("/d/gone")
	b.wants(w, 37)
	w.Close()
	checkEmpty(t, b.hub)
}

// TestClearedInBetween: who is passed by the window while it looks through it is refused as if it had come later.
func TestClearedInBetween(t *testing.T) {
	b := newBench(t, 4)
	b.hub.step = 1
	b.set("/other", "/other", "/other", "/other")
	w := &Watcher{hub: b.hub, path: "/a", from: 1, wake: make(chan struct{}, 1)}
	if more, err := b.hub.accept(w); err != nil || !more {
		t.Fatal(more, err)
	}
	b.set("/other", "/other", "/other")
	if e, err := b.hub.advance(w); e != nil || !errors.Is(err, ErrCleared) {
		t.Errorf("%v, %v", e, err)
	}
	checkEmpty(t, b.hub)
}
