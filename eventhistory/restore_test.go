package eventhistory

import (
	"errors"
	"testing"
)

// behind is a member that has seen the first events, while the store went on to make those that a snapshot brings.
func behind(t *testing.T, seen int, keys ...string) (b *bench, missed []*Event) {
	b = newBench(t, 8)
	for i, k := range keys {
		c := b.store.put(k, false)
		if missed = append(missed, c.Event); i < seen {
			b.do(c)
		}
	}
	return b, missed
}

// A watcher goes on where the history that came with the snapshot reaches back to what it has seen (replication spec,
// section 9).
func TestRestoreContinuesWatches(t *testing.T) {
	b, events := behind(t, 2, "/a", "/b", "/c", "/d", "/c")
	parked, stream := b.watch("/c", false, false, 0), b.watch("/c", false, true, 0)
	slow, other := b.watch("/", true, true, 1), b.watch("/none", false, false, 0)
	shown := false
	b.hub.Restore(events[1:], 5, func() { shown = true })
	if !shown {
		t.Error("the tree was not shown")
	}
	b.wants(parked) // not before Notify
	b.hub.Notify()
	b.wants(parked, 3)
	b.wants(stream, 3, 5)
	b.wants(other)
	if e, err := poll(slow); !errors.Is(err, ErrCleared) {
		t.Errorf("a stream that had still to see index 1: %v, %v", e, err)
	}
	b.set("/none")
	b.wants(other, 6)
}

func TestRestoreCutsThoseItCannotTell(t *testing.T) {
	b, events := behind(t, 2, "/a", "/b", "/c", "/d", "/c")
	has := b.watch("/b", false, false, 2)
	lost, stream, later := b.watch("/x", false, false, 0), b.watch("/x", true, true, 0), b.watch("/x", false, false, 5)
	b.hub.Restore(events[3:], 5, nil) // index 3 is missing
	b.wants(has, 2)
	for _, w := range []*Watcher{lost, stream} {
		if _, err := poll(w); !errors.Is(err, ErrCleared) {
			t.Errorf("%v, want ErrCleared", err)
		}
	}
	b.wants(later) // it wants no event that is missing
	var cleared *ClearedError
	if _, err := b.hub.Watch("/c", false, false, 3, nil); !errors.As(err, &cleared) || cleared.Oldest != 4 {
		t.Errorf("a watch from 3: %v", err)
	}
}

// An event that was published but not told of before the snapshot came is told.
func TestRestoreTellsWhatIsPending(t *testing.T) {
	b, events := behind(t, 1, "/a", "/b", "/c")
	w := b.watch("/b", false, false, 0)
	b.hub.Publish([]Change{{Event: events[1]}}, nil)
	b.hub.Restore(events[2:], 3, nil)
	b.hub.Notify()
	b.wants(w, 2)
}

// A history with a gap, or one that does not lead up to the index, counts from behind the gap.
func TestRestoreDropsWhatHasAGap(t *testing.T) {
	_, events := behind(t, 0, "/a", "/b", "/c", "/d")
	for _, c := range []struct {
		events []*Event
		index  uint64
		kept   int
	}{
		{events, 4, 4},
		{[]*Event{events[0], events[2], events[3]}, 4, 2},
		{events[:3], 4, 0},
		{nil, 4, 0},
		{nil, 0, 0},
	} {
		h := New(8)
		h.Restore(c.events, c.index, nil)
		if h.Len() != c.kept {
			t.Errorf("kept %d events, want %d", h.Len(), c.kept)
		}
		w, err := h.Watch("/x", false, false, c.index+1, nil)
		if err != nil || w.StartIndex() != c.index {
			t.Errorf("a watch from the next index: %v", err)
		}
	}
}

// More events than the window holds: the newest stay.
func TestRestoreIntoASmallerWindow(t *testing.T) {
	_, events := behind(t, 0, "/a", "/b", "/c", "/d")
	h := New(2)
	h.Restore(events, 4, nil)
	if got := h.Events(); len(got) != 2 || got[0].Index() != 3 || got[1].Index() != 4 {
		t.Errorf("kept %v", got)
	}
}

// Which nodes a directory had that was removed meanwhile is not known: everybody below it is told.
func TestRestoreTellsAllBelowARemovedDirectory(t *testing.T) {
	b := newBench(t, 8)
	b.set("/d/k")
	w, beside := b.watch("/d/none", false, false, 0), b.watch("/dx", false, false, 0)
	removal := b.store.remove("delete", "/d").Event
	b.hub.Restore([]*Event{removal}, 2, nil)
	b.hub.Notify()
	b.wants(w, 2)
	b.wants(beside)
}
