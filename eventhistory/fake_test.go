package eventhistory

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// fakeStore is a tree of paths just good enough to make the events that a store would make.
type fakeStore struct {
	nodes map[string]*Node
	index uint64
}

func newFakeStore() *fakeStore {
	return &fakeStore{nodes: map[string]*Node{"/": {Key: "/", Dir: true}}}
}

// put sets a key to a value or makes a directory, parents included.
func (f *fakeStore) put(key string, dir bool) Change {
	f.index++
	n := &Node{Key: key, Dir: dir, ModifiedIndex: f.index, CreatedIndex: f.index}
	if !dir {
		v := "v"
		n.Value = &v
	}
	for p := key; p != "/"; {
		p = p[:max(strings.LastIndexByte(p, '/'), 1)]
		if f.nodes[p] == nil {
			f.nodes[p] = &Node{Key: p, Dir: true}
		}
	}
	e := &Event{Action: "set", Node: *n, PrevNode: f.nodes[key]}
	f.nodes[key] = n
	return Change{Event: e}
}

func (f *fakeStore) refresh(key string) Change {
	c := f.put(key, false)
	c.Event.Action, c.Event.Refresh = "update", true
	return c
}

// remove takes a node away with everything below.
func (f *fakeStore) remove(action, key string) Change {
	f.index++
	prev := f.nodes[key]
	gone := make(map[string]bool)
	for p := range f.nodes {
		if p == key || below(p, key) {
			gone[p] = true
			delete(f.nodes, p)
		}
	}
	c := Change{Event: &Event{Action: action, PrevNode: prev, Node: Node{Key: key, ModifiedIndex: f.index}}}
	if prev.Dir {
		c.Removed = fakeSubtree{gone, key}
	}
	return c
}

// bench is a hub with a fake store behind it.
type bench struct {
	t     testing.TB
	hub   *Hub
	store *fakeStore
}

func newBench(t testing.TB, capacity int) *bench {
	return &bench{t: t, hub: New(capacity), store: newFakeStore()}
}

// do publishes changes and tells those who wait.
func (b *bench) do(batch ...Change) {
	b.hub.Publish(batch, nil)
	b.hub.Notify()
}

func (b *bench) set(keys ...string) {
	for _, k := range keys {
		b.do(b.store.put(k, false))
	}
}

func (b *bench) watch(path string, recursive, stream bool, waitIndex uint64) *Watcher {
	b.t.Helper()
	w, err := b.hub.Watch(path, recursive, stream, waitIndex, nil)
	if err != nil {
		b.t.Fatalf("watch %s from %d: %v", path, waitIndex, err)
	}
	b.t.Cleanup(w.Close)
	return w
}

var done = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// poll returns what the watcher has without waiting: an event, no event, or the error that ended it.
func poll(w *Watcher) (*Event, error) {
	e, err := w.Next(done)
	if errors.Is(err, context.Canceled) {
		return nil, nil
	}
	return e, err
}

// wants checks that the next polls give the events with these indexes and then nothing.
func (b *bench) wants(w *Watcher, indexes ...uint64) {
	b.t.Helper()
	for _, i := range indexes {
		if e, err := poll(w); err != nil || e == nil || e.Index() != i {
			b.t.Fatalf("%s: got %v, %v; want the event %d", w.path, e, err, i)
		}
	}
	if !w.stream && len(indexes) > 0 {
		return // its event stays
	}
	if e, err := poll(w); e != nil || err != nil {
		b.t.Errorf("%s: got %v, %v; want nothing more", w.path, e, err)
	}
}

// fakeSubtree is a node at a path of those that were removed.
type fakeSubtree struct {
	gone map[string]bool
	path string
}

func (f fakeSubtree) Child(name string) Subtree {
	f.path += "/" + name
	if !f.gone[f.path] {
		return nil
	}
	return f
}

// existed says whether path was a node below a directory at key that was removed.
func existed(removed Subtree, key, path string) bool {
	for rest := path[len(key):]; rest != "" && removed != nil; {
		var name string
		name, rest = element(rest)
		removed = removed.Child(name)
	}
	return removed != nil
}
