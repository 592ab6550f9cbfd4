package eventhistory

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"
)

// model is what the keys API promises, in the plainest words: a list of all changes, and for each watcher the list of
// events that are for it and that it has not taken.
type model struct {
	*bench
	rng      *rand.Rand
	capacity int
	changes  []Change // by index-1
	published,
	notified uint64
	oldest  uint64
	watches []*modelWatch
	stopped bool
}

type modelWatch struct {
	*Watcher
	todo []*Event
	// next is the first index that it may still have to look at.
	next uint64
	// parked says that it had seen everything once and that it never had two events to take since then.
	parked bool
	// passed says that a window began behind next: one that is installed later may reach further back.
	passed bool
}

var modelPaths = []string{"/", "/a", "/a/b", "/a/b/c", "/a/_h", "/a/_h/x", "/ab", "/a/b/d", "/e"}

func TestModel(t *testing.T) {
	base := uint64(time.Now().UnixNano())
	for seed := base; seed < base+400; seed++ {
		if !t.Run("", func(t *testing.T) { runModel(t, seed) }) {
			t.Fatalf("seed %d", seed)
		}
	}
}

func runModel(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 0))
	capacity := 1 + rng.IntN(12)
	m := &model{bench: newBench(t, capacity), rng: rng, capacity: capacity, oldest: 1}
	m.hub.step = 1 + rng.IntN(2*capacity)
	for range 300 {
		switch n := rng.IntN(100); {
		case n < 35:
			m.publish(1 + rng.IntN(3))
		case n < 55:
			m.notify()
		case n < 70:
			m.watch()
		case n < 95:
			m.next()
		case n < 98:
			m.close()
		case n < 99:
			m.restore()
		case rng.IntN(10) == 0:
			m.hub.Stop()
			m.stopped = true
		}
		if t.Failed() {
			return
		}
	}
	for len(m.watches) > 0 {
		m.close()
	}
	checkEmpty(t, m.hub)
}

// change makes a random change that the hub does not know of yet.
func (m *model) change() Change {
	key := modelPaths[1+m.rng.IntN(len(modelPaths)-1)]
	var c Change
	switch prev := m.store.nodes[key]; {
	case prev != nil && m.rng.IntN(3) == 0:
		c = m.store.remove([]string{"delete", "expire"}[m.rng.IntN(2)], key)
	case prev != nil && !prev.Dir && m.rng.IntN(4) == 0:
		c = m.store.refresh(key)
	default:
		c = m.store.put(key, prev != nil && prev.Dir || prev == nil && m.rng.IntN(2) == 0)
	}
	m.changes = append(m.changes, c)
	return c
}

func (m *model) publish(n int) {
	var batch []Change
	for range n {
		batch = append(batch, m.change())
	}
	m.hub.Publish(batch, nil)
	m.reach(batch)
}

func (m *model) notify() {
	m.hub.Notify()
	m.notified = m.published
}

// restore installs a snapshot that is ahead, with as much history as the dice give.
func (m *model) restore() {
	for range m.rng.IntN(2 * m.capacity) {
		if c := m.change(); c.Removed != nil {
			m.changes[len(m.changes)-1].Removed = everything{}
		}
	}
	history := m.changes[len(m.changes)-m.rng.IntN(len(m.changes)+1):]
	var events []*Event
	for _, c := range history {
		events = append(events, c.Event)
	}
	m.hub.Restore(events, m.store.index, nil)
	seen := m.published
	m.reach(m.changes[seen:])
	m.oldest = m.published + 1 - uint64(min(m.capacity, len(events)))
	for _, w := range m.watches {
		answered := !w.stream && len(w.todo) > 0 && w.todo[0].Index() <= seen
		w.parked = w.parked && (answered || max(w.next, seen+1) >= m.oldest) // the others may be cut
		w.passed = w.passed || w.next < m.oldest
	}
}

// reach tells every watcher of changes, by the live rules.
func (m *model) reach(batch []Change) {
	for _, c := range batch {
		for _, w := range m.watches {
			w.offer(c, liveRules)
			w.parked = w.parked && len(w.todo) < 2
		}
	}
	m.published += uint64(len(batch))
	if m.published+1 > uint64(m.capacity) {
		m.oldest = max(m.oldest, m.published+1-uint64(m.capacity))
	}
}

func (w *modelWatch) offer(c Change, rules func(Change, *Watcher) bool) {
	full := !w.stream && len(w.todo) > 0
	if !full && c.Event.Index() >= w.next && !c.Event.Refresh && rules(c, w.Watcher) {
		w.todo = append(w.todo, c.Event)
	}
}

// liveRules is section 15.2, pastRules 15.3, by the letter.
func liveRules(c Change, w *Watcher) bool {
	key := c.Event.Node.Key
	return key == w.path ||
		w.recursive && below(key, w.path) && !hiddenBelow(key, w.path) ||
		c.Removed != nil && below(w.path, key) && existed(c.Removed, key, w.path)
}

func pastRules(c Change, w *Watcher) bool {
	key := c.Event.Node.Key
	return key == w.path || w.recursive && below(key, w.path) || c.Removed != nil && below(w.path, key)
}

func (m *model) watch() {
	path, from := modelPaths[m.rng.IntN(len(modelPaths))], uint64(0)
	if m.rng.IntN(2) == 0 {
		from = uint64(max(0, int(m.published)+3-m.rng.IntN(2*m.capacity+4)))
	}
	w, err := m.hub.Watch(path, m.rng.IntN(2) == 0, m.rng.IntN(2) == 0, from, nil)
	var cleared *ClearedError
	switch {
	case m.stopped:
		if !errors.Is(err, ErrStopped) {
			m.t.Errorf("after Stop: %v", err)
		}
		return
	case from > 0 && from < m.oldest:
		if !errors.As(err, &cleared) || *cleared != (ClearedError{m.oldest, from, m.published}) {
			m.t.Errorf("watch from %d: %v; oldest %d", from, err, m.oldest)
		}
		return
	case err != nil:
		m.t.Errorf("watch from %d: %v", from, err)
		return
	}
	mw := &modelWatch{Watcher: w, next: from, parked: from == 0 || from > m.published}
	if from == 0 {
		mw.next = m.published + 1
	}
	for i := mw.next; i <= m.published; i++ {
		mw.offer(m.changes[i-1], pastRules)
	}
	mw.parked = mw.parked || !mw.stream // a one-shot watcher scans at once
	m.watches = append(m.watches, mw)
}

func (m *model) next() {
	if len(m.watches) == 0 {
		return
	}
	w := m.watches[m.rng.IntN(len(m.watches))]
	e, err := poll(w.Watcher)
	switch {
	case err != nil:
		m.checkEnd(w, err)
	case e == nil:
		if len(w.todo) > 0 && w.todo[0].Index() <= m.notified {
			m.t.Errorf("%s (recursive %t, stream %t) lost %d", w.path, w.recursive, w.stream, w.todo[0].Index())
		}
		w.next, w.passed = max(w.next, m.notified+1), false
		w.parked = len(w.todo) < 2
	case len(w.todo) == 0 || e != w.todo[0]:
		m.t.Errorf("%s (recursive %t, stream %t) got %d, wants %v", w.path, w.recursive, w.stream, e.Index(), w.todo)
	case w.stream:
		w.todo = w.todo[1:]
		w.next, w.passed = e.Index()+1, false
	}
}

// checkEnd checks that a watch that ended was to end: everything stopped, or the window passed what it had to see.
func (m *model) checkEnd(w *modelWatch, err error) {
	switch {
	case errors.Is(err, ErrStopped) && m.stopped:
	case !errors.Is(err, ErrCleared) || w.next >= m.oldest && !w.passed || w.parked:
		m.t.Errorf("%s from %d (stream %t): %v; oldest %d", w.path, w.next, w.stream, err, m.oldest)
	}
	w.todo = nil
}

func (m *model) close() {
	if len(m.watches) == 0 {
		return
	}
	i := m.rng.IntN(len(m.watches))
	m.watches[i].Close()
	m.watches = append(m.watches[:i], m.watches[i+1:]...)
}
