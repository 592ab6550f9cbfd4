package eventhistory

// Restore replaces the window by the events of a snapshot, oldest first, at etcd index currentIndex, and calls show as
// Publish does. Events that do not lead up to currentIndex without a gap are left out: the window then starts later,
// and a watcher is refused rather than told half.
//
// Parked watchers and streams go on where the new window reaches back to what they have seen, and get what they missed
// with the next Notify. The others end with ErrCleared. Which nodes a directory had that was removed in between is not
// known: everybody below it is told.
func (h *Hub) Restore(events []*Event, currentIndex uint64, show func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.deliverPending()
	old := h.window
	events = consecutive(events, currentIndex)
	h.window = newWindow(len(old.slots), currentIndex-uint64(len(events)))
	for _, e := range events {
		h.restore(e, &old)
	}
	h.cutOff(old.last)
	if show != nil {
		show()
	}
}

// restore appends an event. For one that this member has seen the old window knows who was below a removed directory.
func (h *Hub) restore(e *Event, old *window) {
	switch {
	case e.Index() > old.last && e.removesDirectory():
		h.append(Change{Event: e, Removed: everything{}})
	case e.Index() > old.last:
		h.append(Change{Event: e})
	case e.Index() >= old.oldest:
		h.window.append(*old.at(e.Index()))
	default:
		h.window.append(slot{event: e})
	}
}

// everything is a directory of which nothing is known: it has whatever is asked for.
type everything struct{}

func (everything) Child(string) Subtree { return everything{} }

// cutOff ends the parked watchers that saw the events up to seen and cannot be told all those that came after.
func (h *Hub) cutOff(seen uint64) {
	var cut []*Watcher
	h.eachParked(func(w *Watcher) {
		if max(w.from, seen+1) < h.window.oldest {
			cut = append(cut, w)
		}
	})
	for _, w := range cut {
		h.end(w, ErrCleared)
	}
}
