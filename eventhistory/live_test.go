package eventhistory

import (
	"strings"
	"testing"
)

// keys-api spec, section 15.2: which live events a watcher gets. Before each case there are /d (with /d/k, /d/s/k and
// /d/_h/k), /dx and /f.
func TestLiveRules(t *testing.T) {
	put := func(key string) func(*fakeStore) Change {
		return func(f *fakeStore) Change { return f.put(key, false) }
	}
	mkdir := func(key string) func(*fakeStore) Change {
		return func(f *fakeStore) Change { return f.put(key, true) }
	}
	remove := func(action, key string) func(*fakeStore) Change {
		return func(f *fakeStore) Change { return f.remove(action, key) }
	}
	refresh := func(f *fakeStore) Change { return f.refresh("/d/k") }
	for _, c := range []struct {
		why       string
		change    func(*fakeStore) Change
		path      string
		recursive bool
		told      bool
	}{
		{"rule 1: the key itself", put("/d/k"), "/d/k", false, true},
		{"rule 1: recursive as well", put("/d/k"), "/d/k", true, true},
		{"rule 1: a key that did not exist", put("/new"), "/new", false, true},
		{"rule 1: a hidden key by its name", put("/d/_h/k"), "/d/_h/k", false, true},
		{"rule 1: mkdir", mkdir("/d/new"), "/d/new", false, true},
		{"rule 1: implicit creation is no event", put("/new/k"), "/new", false, false},
		{"another key", put("/d/k"), "/f", false, false},
		{"a plain watch is not told of children", put("/d/k"), "/d", false, false},
		{"rule 2: child", put("/d/k"), "/d", true, true},
		{"rule 2: grandchild", put("/d/s/k"), "/d", true, true},
		{"rule 2: removal of a child", remove("delete", "/d/k"), "/d", true, true},
		{"rule 2: everything is below the root", put("/d/k"), "/", true, true},
		{"rule 2: /d is no ancestor of /dx", put("/dx"), "/d", true, false},
		{"rule 2: not upwards", put("/f"), "/f/below", true, false},
		{"rule 2: hidden child", put("/d/_h"), "/d", true, false},
		{"rule 2: below a hidden child", put("/d/_h/k"), "/d", true, false},
		{"rule 2: hidden from the root", put("/d/_h/k"), "/", true, false},
		{"rule 2: inside a hidden directory", put("/d/_h/k"), "/d/_h", true, true},
		{"rule 2: hidden above the watched path only", put("/_a/b/c"), "/_a/b", true, true},
		{"rule 2: an underscore inside a name", put("/d/a_b"), "/d", true, true},
		{"rule 3: child of a removed directory", remove("delete", "/d"), "/d/k", false, true},
		{"rule 3: recursive child", remove("delete", "/d"), "/d/s", true, true},
		{"rule 3: grandchild", remove("expire", "/d"), "/d/s/k", false, true},
		{"rule 3: hidden child", remove("delete", "/d"), "/d/_h/k", false, true},
		{"rule 3: the directory itself", remove("delete", "/d"), "/d", false, true},
		{"rule 3: a path that did not exist", remove("delete", "/d"), "/d/none", false, false},
		{"rule 3: below a path that did not exist", remove("delete", "/d"), "/d/none/k", true, false},
		{"rule 3: below a file", remove("delete", "/d"), "/d/k/below", false, false},
		{"rule 3: the name merely starts alike", remove("delete", "/d"), "/dx", true, false},
		{"rule 3: below a removed file", remove("delete", "/f"), "/f/x", false, false},
		{"expiry of a file", remove("expire", "/f"), "/f", false, true},
		{"compareAndDelete", remove("compareAndDelete", "/f"), "/", true, true},
		{"section 14: refresh, plain", refresh, "/d/k", false, false},
		{"section 14: refresh, recursive", refresh, "/d", true, false},
	} {
		for _, stream := range []bool{false, true} {
			b := newBench(t, 100)
			b.set("/d/k", "/d/s/k", "/d/_h/k", "/dx", "/f")
			w := b.watch(c.path, c.recursive, stream, 0)
			b.do(c.change(b.store))
			e, err := poll(w)
			if err != nil || (e != nil) != c.told || c.told && e.Index() != 6 {
				t.Errorf("%s (stream %t): got %v, %v", c.why, stream, e, err)
			}
			if again, err := poll(w); stream && (again != nil || err != nil) {
				t.Errorf("%s: told twice, %v", c.why, err)
			}
		}
	}
}

// Section 15.2: all watchers of a path are told; section 14: the expiry after a refresh is told as usual.
func TestEveryWatcherIsTold(t *testing.T) {
	b := newBench(t, 10)
	var all []*Watcher
	for i := range 100 {
		all = append(all, b.watch("/k", i%2 == 0, i%3 == 0, 0))
	}
	b.do(b.store.refresh("/k"))
	b.do(b.store.remove("expire", "/k"))
	for _, w := range all {
		b.wants(w, 2)
	}
}

// Section 15.3: a watch beyond the current index passes over the events below it, live.
func TestWaitForAnIndexToCome(t *testing.T) {
	b := newBench(t, 10)
	once, stream := b.watch("/k", false, false, 4), b.watch("/k", false, true, 4)
	never := b.watch("/k", false, false, 1<<64-1)
	b.set("/k", "/k", "/k")
	b.wants(once)
	b.wants(stream)
	b.set("/k", "/k")
	b.wants(once, 4)
	b.wants(stream, 4, 5)
	b.wants(never)
}

// A one-shot watcher answers its event however late it gets to run, and again when asked again (replication spec, section 9).
func TestOneShotKeepsItsEvent(t *testing.T) {
	b := newBench(t, 4)
	w := b.watch("/k", false, false, 0)
	b.set("/k")
	for range 20 {
		b.set("/other", "/k")
	}
	b.wants(w, 1)
	b.wants(w, 1)
	if n := b.hub.Watchers(); n != 0 {
		t.Errorf("%d watchers after the event was handed over", n)
	}
}

// Between Publish and Notify a new watch finds the batch in the window, and is not told it again.
func TestWatchBetweenPublishAndNotify(t *testing.T) {
	b := newBench(t, 10)
	old := b.watch("/k", false, true, 0)
	shown := false
	b.hub.Publish([]Change{b.store.put("/k", false)}, func() { shown = true })
	if !shown {
		t.Error("the tree was not shown")
	}
	now, past := b.watch("/k", false, true, 0), b.watch("/k", false, true, 1)
	b.wants(old)
	b.wants(past, 1)
	if now.StartIndex() != 1 {
		t.Errorf("accepted at %d, want 1", now.StartIndex())
	}
	b.hub.Notify()
	b.wants(old, 1)
	b.wants(past)
	b.wants(now)
}

// countedSubtree is a chain of directories, each called a, that counts what it is asked.
type countedSubtree struct {
	depth int
	asked *int
}

func (c countedSubtree) Child(name string) Subtree {
	*c.asked++
	if c.depth--; c.depth == 0 || name != "a" {
		return nil
	}
	return c
}

// A removal looks at each watched path once, however deep: whoever writes waits for it.
func TestARemovalOfDeepDirectoriesCostsWhatIsWatched(t *testing.T) {
	const depth = 4000
	h := New(10)
	deepest := "/d" + strings.Repeat("/a", depth)
	plain, err := h.Watch(deepest, false, false, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	other, err := h.Watch("/d/b"+deepest, true, true, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	asked := 0
	e := &Event{Action: "delete", Node: Node{Key: "/d", ModifiedIndex: 1}, PrevNode: &Node{Key: "/d", Dir: true}}
	h.Publish([]Change{{Event: e, Removed: countedSubtree{depth + 1, &asked}}}, nil)
	h.Notify()
	if got, err := plain.Next(t.Context()); got != e || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	if other.event.Load() != nil || asked != depth+1 {
		t.Errorf("%d questions for %d watched directories", asked, depth+1)
	}
}
