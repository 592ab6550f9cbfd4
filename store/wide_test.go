package store_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"pando/store"
)

// wide draws commands for directories with so many children that pages split and merge, a few that are deep, names that are long or
// no UTF-8, and values that no buffer holds.
type wide struct {
	*rand.Rand
	m *model
	// shrinking: more goes than comes.
	shrinking bool
}

func (w *wide) oneIn(n int) bool { return w.IntN(n) == 0 }

func (w *wide) name() string {
	switch w.IntN(12) {
	case 0:
		return fmt.Sprint("_", w.IntN(30))
	case 1:
		return strings.Repeat("p", w.IntN(40)) + string([]byte{byte(0x30 + w.IntN(0xd0))})
	case 2:
		return fmt.Sprint(strings.Repeat("long", 100*w.IntN(3)), w.IntN(20))
	}
	return fmt.Sprint(w.IntN(400))
}

func (w *wide) path() string {
	if w.shrinking || w.oneIn(3) {
		paths := slices.Sorted(maps.Keys(w.m.nodes))
		if path := paths[w.IntN(len(paths))]; !strings.HasPrefix(path, "/0") {
			return path
		}
	}
	path := []string{"/1", "/1/a", "/1/a/b", "/1/_h", "/2"}[w.IntN(5)]
	if w.oneIn(40) {
		path += strings.Repeat("/d", w.IntN(60))
	}
	return path + "/" + w.name()
}

func (w *wide) command() store.Command {
	c := store.Command{Method: store.MethodPut, Path: w.path(), Val: strings.Repeat("v", w.IntN(60)), Dir: w.oneIn(12)}
	if w.oneIn(500) {
		c.Val = strings.Repeat("\xffvalue", 20_000)
	}
	if w.oneIn(5) {
		c.Expiration = year2000 + w.Int64N(1_000_000)
	}
	if w.oneIn(8) {
		c.PrevExist = new(w.oneIn(2))
	}
	if w.oneIn(8) {
		c.Refresh = new(w.oneIn(2))
	}
	if w.oneIn(8) {
		c.PrevIndex = w.m.index - min(w.m.index, w.Uint64N(50))
	}
	switch n := w.IntN(100); {
	case n < 4:
		c.Method = store.MethodPost
	case n < 5:
		c.Method, c.Time = store.MethodSync, year2000+w.Int64N(100_000)
	case n < 15, n < 70 && w.shrinking:
		c.Method, c.Dir = store.MethodDelete, w.oneIn(2)
		c.Recursive = strings.Count(c.Path, "/") > 2 && w.oneIn(3)
	}
	return c
}

// moment is a View and what is in it.
type moment struct {
	view  *store.View
	nodes map[string]modelNode
}

// TestWideDirectories applies and replays random commands in batches. Each has to leave what the model says, and earlier Views as they
// were, while others read them; now and then the store is exchanged for one that its image was read into.
func TestWideDirectories(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	w := &wide{Rand: rand.New(rand.NewPCG(seed, 0)), m: newModel()}
	options := store.Options{HistorySize: 50}
	s := store.New(options)
	moments := make(chan moment, 8)
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			var old []moment
			for m := range moments {
				if old = append(old, m); len(old) > 6 {
					m, old = old[0], old[1:]
				}
				if got := dump(m.view); !maps.Equal(got, m.nodes) {
					t.Errorf("the View of %d has %d nodes and had %d", m.view.Index, len(got), len(m.nodes))
				}
			}
		})
	}
	defer readers.Wait()
	defer close(moments)
	for batch := range uint64(60) {
		w.shrinking = batch%30 >= 20
		replay := w.oneIn(4)
		for range w.IntN(200) {
			c := w.command()
			want := w.m.apply(c)
			if replay {
				s.Replay(batch, 1, c)
			} else if got := showResult(s.Apply(batch, 1, c)); got != want {
				t.Fatalf("%+v:\n got %s\nwant %s", c, got, want)
			}
		}
		s.Publish(batch, 1)
		s.Notify()
		v := s.View()
		due, _ := s.NextExpiration()
		if got := dump(v); !maps.Equal(got, w.m.nodes) || v.Index != w.m.index || due != w.m.nextExpiration() {
			t.Fatalf("batch %d: %d nodes at index %d, the next one due at %d; the model has %d at %d, %d",
				batch, len(got), v.Index, due, len(w.m.nodes), w.m.index, w.m.nextExpiration())
		}
		moments <- moment{v, maps.Clone(w.m.nodes)}
		if w.oneIn(6) {
			s = reread(t, s, options)
		}
	}
	t.Logf("%d nodes at index %d", len(w.m.nodes), w.m.index)
}

// reread returns a store that the image of s was read into. Its own image is the same.
func reread(t *testing.T, s *store.Store, o store.Options) *store.Store {
	t.Helper()
	again := store.New(o)
	var image, second bytes.Buffer
	if _, err := s.Image().WriteTo(&image); err != nil {
		t.Fatal(err)
	}
	if err := again.Restore(iotest.HalfReader(bytes.NewReader(image.Bytes()))); err != nil {
		t.Fatal(err)
	}
	again.Publish(1, 1)
	again.Notify()
	if _, err := again.Image().WriteTo(&second); err != nil || !bytes.Equal(image.Bytes(), second.Bytes()) {
		t.Fatalf("%v; an image of %d bytes became one of %d", err, image.Len(), second.Len())
	}
	return again
}
