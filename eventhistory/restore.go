package eventhistory

// Restore replaces the window by the events of a snapshot, oldest first, at etcd index currentIndex. Events that do not
// lead up to currentIndex without a gap are left out: the window then starts later, and a watcher is refused rather
// than told half.
//
// Parked watchers and streams go on where the new window reaches back to what they have seen, and get what they missed
// with the next Notify, which the caller calls when the new tree is visible. The others end with ErrCleared.
// Which nodes a directory had that was removed in between is not known: everybody below it is told.
func (h *Hub) Restore(events []*Event, currentIndex uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.deliverPending()
	seen := h.window.last
	events = consecutive(events, currentIndex)
	h.window = newWindow(len(h.window.slots), currentIndex-uint64(len(events)))
	for _, e := range events {
		s := slot{event: e}
		if e.removesDirectory() {
			s.removed = h.root.removedBelow(e.Node.Key, nil)
		}
		h.window.append(s)
		if e.Index() > seen && !e.Refresh {
			h.pending = append(h.pending, s)
		}
	}
	h.cutOff(seen)
}

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
