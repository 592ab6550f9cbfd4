package metrics

import (
	"sync"
	"time"
)

// notes is how many moments are remembered of a window: the answer is exact to about that part of it.
const notes = 64

// history knows how old the oldest event is that a watcher can still ask for. Events carry no time, so the index is noted now and
// then as batches are applied.
type history struct {
	span func() (oldest, last uint64)

	mu    sync.Mutex
	noted []note // oldest first
}

type note struct {
	index uint64 // of the last event at that time
	at    time.Time
}

// note remembers the last index, unless it has hardly moved since the last time.
func (h *history) note(now time.Time) {
	oldest, last := h.span()
	h.mu.Lock()
	defer h.mu.Unlock()
	n := len(h.noted)
	if n > 0 && last-h.noted[n-1].index <= (last-oldest)/notes && last >= h.noted[n-1].index {
		return
	}
	if n > 0 && last < h.noted[n-1].index { // another state was installed
		h.noted = h.noted[:0]
	}
	for len(h.noted) > 0 && h.noted[0].index+1 < oldest { // something later has left the window
		h.noted = h.noted[1:]
	}
	h.noted = append(h.noted, note{last, now})
}

// window is how far back the window reaches at least, as far as this process knows: whatever happened since is in it.
func (h *history) window(now time.Time) time.Duration {
	oldest, _ := h.span()
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, n := range h.noted {
		if n.index+1 >= oldest {
			return now.Sub(n.at)
		}
	}
	return 0
}
