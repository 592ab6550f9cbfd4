package eventhistory

import "strings"

// Notify tells those who wait of everything that was published since the last call. The mutex is free again when they
// are woken, so that they do not all queue up for it.
func (h *Hub) Notify() {
	h.mu.Lock()
	h.deliverPending()
	h.mu.Unlock()
	for _, w := range h.woken {
		w.signal()
	}
	clear(h.woken)
	h.woken = h.woken[:0]
}

func (w *Watcher) signal() {
	if w.call != nil {
		w.call()
		return
	}
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (h *Hub) deliverPending() {
	for i := range h.pending {
		h.deliver(&h.pending[i])
	}
	clear(h.pending)
	h.pending = h.pending[:0]
}

// deliver hands an event to the parked watchers that it is for: keys-api spec, section 15.2. The rules exclude each
// other: the removed paths lie below the key, the others on the way to it.
func (h *Hub) deliver(s *slot) {
	key := s.event.Node.Key
	hidden := strings.LastIndex(key, "/_")
	p, rest := &h.root, key
	for p != nil && rest != "" {
		if above := len(key) - len(rest); hidden < above {
			h.handAll(&p.recursive, s.event)
		}
		var name string
		name, rest = element(rest)
		p = p.child(name)
	}
	h.handPoint(p, s.event)
	for _, path := range s.removed {
		h.handPoint(h.root.find(path), s.event)
	}
}

func (h *Hub) handPoint(p *point, e *Event) {
	if p != nil {
		h.handAll(&p.plain, e)
		h.handAll(&p.recursive, e)
	}
}

func (h *Hub) handAll(l *list, e *Event) {
	for w := l.head; w != nil; {
		next := w.next
		if e.Index() >= w.from {
			h.hand(w, e)
		}
		w = next
	}
}

// hand gives a parked watcher an event. That is all a one-shot watcher wants. A stream stays parked as long as it takes
// each event before the next one comes; when it does not, it goes on from the window.
func (h *Hub) hand(w *Watcher, e *Event) {
	if !w.event.CompareAndSwap(nil, e) {
		h.unpark(w)
		w.from = e.Index()
		return // it was woken for the event that it has and looks again after that one
	}
	if !w.stream {
		h.unregister(w)
	}
	h.woken = append(h.woken, w)
}

// advance looks for the next event of a watcher that was handed none, and parks one that has seen all there is. Without an
// event or an error the watcher is parked. A window of a million events takes a tenth of a second, in which others may want to
// publish: they get their turns.
func (h *Hub) advance(w *Watcher) (*Event, error) {
	for {
		h.mu.Lock()
		e, more, err := h.look(w)
		h.mu.Unlock()
		if !more {
			return e, err
		}
	}
}

// look is one turn of advance, under the hub's mutex; more says that it needs another one.
func (h *Hub) look(w *Watcher) (e *Event, more bool, err error) {
	if e := w.take(); e != nil {
		return e, false, nil
	}
	if h.stopped {
		h.end(w, ErrStopped)
	}
	if w.err == nil && !w.parked && w.from < h.window.oldest {
		h.end(w, ErrCleared)
	}
	if w.err != nil || w.parked {
		return nil, false, w.err
	}
	for range h.step {
		if w.from > h.window.last {
			h.park(w)
			return nil, false, nil
		}
		s := h.window.at(w.from)
		w.from++
		if s.matches(w) {
			h.found(w, s.event)
			return s.event, false, nil
		}
	}
	return nil, true, nil
}

// found has a one-shot watcher keep the event that it was behind for, which is all that it wants.
func (h *Hub) found(w *Watcher, e *Event) {
	if !w.stream {
		w.event.Store(e)
		h.unregister(w)
	}
}

// matches applies the rules for past events up to the index at which the watch was accepted, the live ones after it.
func (s *slot) matches(w *Watcher) bool {
	if s.event.Index() <= w.accepted {
		return s.matchesPast(w.path, w.recursive)
	}
	return s.matchesLive(w.path, w.recursive)
}

// park puts a watcher that has seen the whole window among those who wait.
func (h *Hub) park(w *Watcher) {
	w.from = max(w.from, h.window.last+1)
	w.parked = true
	w.list().push(w)
}

func (h *Hub) unpark(w *Watcher) {
	if w.parked {
		w.parked = false
		w.list().remove(w)
	}
}

func (w *Watcher) list() *list {
	if w.recursive {
		return &w.point.recursive
	}
	return &w.point.plain
}

func (h *Hub) unregister(w *Watcher) {
	if w.point == nil {
		return
	}
	h.unpark(w)
	w.point.unregister()
	w.point = nil
	h.count--
}

// end makes sure that the watcher gets no further event. The first reason stays.
func (h *Hub) end(w *Watcher, reason error) {
	h.unregister(w)
	if w.err == nil {
		w.err = reason
		w.signal()
	}
}

func (h *Hub) eachParked(visit func(*Watcher)) {
	h.root.each(func(p *point) {
		for _, l := range []*list{&p.plain, &p.recursive} {
			for w := l.head; w != nil; {
				next := w.next
				visit(w)
				w = next
			}
		}
	})
}
