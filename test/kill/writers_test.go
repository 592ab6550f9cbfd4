package kill

import (
	"fmt"
	"maps"
	"net/http"
	"strconv"

	"pando/test/fault/keys"
)

// writer is a client with keys of its own, of which it knows what the last acknowledged and the last attempted value was.
type writer interface {
	// write sends one request. One goroutine calls it, inside the gate.
	write()
	// check compares what the server has with what the writer knows, while the gate is closed and nobody is inside.
	check()
}

// newWriter gives each kind of writer its turn.
func newWriter(r *rig, id int) writer {
	switch c := count(0); id % 3 {
	case 0:
		return &setter{r: r, key: fmt.Sprintf("/set/%d", id), attempted: c, acked: c}
	case 1:
		return &chain{r: r, key: fmt.Sprintf("/cas/%d", id), attempted: c, acked: c}
	default:
		return &poster{r: r, key: fmt.Sprintf("/post/%d", id), attempted: c, acked: map[string]string{}}
	}
}

// count is a value: the number of the write that made it.
type count int

func (c count) String() string { return strconv.Itoa(int(c)) }

// between fails the test unless what the server has is at least what was acknowledged and at most what was attempted.
func (r *rig) between(key string, acked count, a *keys.Answer, attempted count) {
	got := count(0)
	if a.OK() {
		n, err := strconv.Atoi(a.Node.Value)
		if err != nil {
			r.t.Errorf("%s: %v", key, err)
		}
		got = count(n)
	} else if a.Status != http.StatusNotFound {
		r.t.Errorf("%s: %s", key, a)
	}
	if got < acked || got > attempted {
		r.t.Errorf("%s is %v: %v was acknowledged and %v attempted", key, got, acked, attempted)
	}
}

// setter writes 1, 2, 3, … with plain PUTs. What it does not hear of it gives up.
type setter struct {
	r   *rig
	key string

	attempted, acked count
}

func (w *setter) write() {
	w.attempted++
	value := w.attempted
	a := w.r.ask(http.MethodPut, keys.Path(w.key), "value", value.String())
	if a == nil {
		return
	}
	if !a.OK() || a.Node.Value != value.String() {
		w.r.t.Errorf("PUT %s=%v: %s", w.key, value, a)
		return
	}
	w.acked = value
	w.r.acknowledge(a)
}

func (w *setter) check() {
	if a := w.r.ask(http.MethodGet, keys.Path(w.key)); a != nil {
		w.r.between(w.key, w.acked, a, w.attempted)
	}
}

// chain writes 1, 2, 3, …, each only in place of the one before. When it does not hear of one it reads the key.
type chain struct {
	r   *rig
	key string

	attempted, acked count
	unsure           bool // the last write was not answered
}

func (w *chain) write() {
	if w.unsure {
		w.find()
		return
	}
	previous := w.acked
	w.attempted = previous + 1
	condition := []string{"prevValue", previous.String()}
	if previous == 0 {
		condition = []string{"prevExist", "false"}
	}
	a := w.r.ask(http.MethodPut, keys.Path(w.key, condition...), "value", (previous + 1).String())
	if a == nil {
		w.unsure = true
		return
	}
	if !a.OK() {
		w.r.t.Errorf("PUT %s=%v after %v: %s", w.key, previous+1, previous, a)
		return
	}
	w.acked = previous + 1
	w.r.acknowledge(a)
}

// find reads which of two values the key has after a write that was not answered.
func (w *chain) find() {
	a := w.r.ask(http.MethodGet, keys.Path(w.key))
	if a == nil {
		return
	}
	w.r.between(w.key, w.acked, a, w.attempted)
	if a.OK() && a.Node.Value == w.attempted.String() {
		w.acked = w.attempted
	}
	w.unsure = false
}

func (w *chain) check() {
	if a := w.r.ask(http.MethodGet, keys.Path(w.key)); a != nil {
		w.r.between(w.key, w.acked, a, w.attempted)
	}
}

// poster appends 1, 2, 3, … as in-order keys. What it does not hear of is there once or not at all.
type poster struct {
	r   *rig
	key string // of the directory

	attempted count
	acked     map[string]string // key → value
}

func (w *poster) write() {
	w.attempted++
	value := w.attempted.String()
	a := w.r.ask(http.MethodPost, keys.Path(w.key), "value", value)
	if a == nil {
		return
	}
	if a.Status != http.StatusCreated || a.Node.Value != value {
		w.r.t.Errorf("POST %s=%s: %s", w.key, value, a)
		return
	}
	w.acked[a.Node.Key] = value
	w.r.acknowledge(a)
}

func (w *poster) check() {
	missing := maps.Clone(w.acked)
	a := w.r.ask(http.MethodGet, keys.Path(w.key, "sorted", "true"))
	if a == nil || a.Status == http.StatusNotFound && len(missing) == 0 {
		return
	}
	if !a.OK() {
		w.r.t.Errorf("%s: %s", w.key, a)
		return
	}
	last := 0
	a.Node.Leaves(func(n *keys.Node) {
		value, err := strconv.Atoi(n.Value)
		if err != nil || value <= last {
			w.r.t.Errorf("%s=%s comes after %d", n.Key, n.Value, last)
		}
		if want, ok := missing[n.Key]; ok && want != n.Value {
			w.r.t.Errorf("%s=%s was acknowledged as %s", n.Key, n.Value, want)
		}
		last = value
		delete(missing, n.Key)
	})
	if count(last) > w.attempted {
		w.r.t.Errorf("%s has %d, which nobody has written", w.key, last)
	}
	for k, v := range missing {
		w.r.t.Errorf("%s=%s was acknowledged and is lost", k, v)
	}
}
