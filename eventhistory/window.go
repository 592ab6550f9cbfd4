package eventhistory

// window is the ring of the last events. Indexes are consecutive, so the event of index i is in slot i modulo the size.
type window struct {
	slots []slot
	// oldest and last are the indexes of the first and the last event that are kept; oldest is last+1 when there is none.
	oldest, last uint64
}

type slot struct {
	event *Event
	// removed holds, in order, the paths below a removed directory that were watched when it was removed and existed:
	// streams that read the event later have to know.
	removed []string
}

func newWindow(capacity int, last uint64) window {
	return window{slots: make([]slot, max(capacity, 1)), oldest: last + 1, last: last}
}

func (w *window) at(index uint64) *slot { return &w.slots[index%uint64(len(w.slots))] }

func (w *window) len() int { return int(w.last + 1 - w.oldest) }

// append adds the next event. An index that does not follow the last one starts the window anew: what lies in between
// was lost, and a watcher has to be told so.
func (w *window) append(s slot) {
	index := s.event.Index()
	if index != w.last+1 {
		w.oldest = index
	}
	w.last = index
	if size := uint64(len(w.slots)); index-w.oldest >= size {
		w.oldest = index - size + 1
	}
	*w.at(index) = s
}

// consecutive returns the longest run of events that ends with index last and has no gap; a window may hold nothing else.
func consecutive(events []*Event, last uint64) []*Event {
	from := len(events)
	for from > 0 && events[from-1].Index() == last {
		from--
		last--
	}
	return events[from:]
}
