package store

import (
	"bytes"
	"sync"
	"testing"
)

// TestCountedIgnoresSnapshots: a scrape sees what happened in this process; a counter that jumped with each snapshot that is
// installed would look like a burst of requests.
func TestCountedIgnoresSnapshots(t *testing.T) {
	other := New(Options{})
	for range 5 {
		other.Apply(1, 1, Command{Method: MethodPut, Path: "/1/a", Val: "v"})
		other.View().CountGet(false, true)
	}
	other.Publish(1, 1)
	var image bytes.Buffer
	if _, err := other.Image().WriteTo(&image); err != nil {
		t.Fatal(err)
	}

	s := New(Options{})
	s.Apply(1, 1, Command{Method: MethodPut, Path: "/1/a", Val: "v"})
	s.View().CountGet(true, false)
	s.View().CountGet(true, true)
	if err := s.Restore(&image); err != nil {
		t.Fatal(err)
	}
	s.View().CountGet(true, true)
	s.View().CountGet(false, true)

	counted := s.Counted()
	for name, want := range map[string]Count{"set": {1, 0}, "get": {1, 0}, "getRecursive": {2, 1}} {
		if counted[name] != want {
			t.Errorf("%s was counted as %v, want %v", name, counted[name], want)
		}
	}
	if got := s.Stats(); got.SetSuccess != 5 || got.GetSuccess != 7 {
		t.Errorf("the stats do not go on from the snapshot: %+v", got)
	}
}

// TestKeySpace: the size leaves the cluster's own records out.
func TestKeySpace(t *testing.T) {
	s := New(Options{})
	s.Apply(1, 1, Command{Method: MethodPut, Path: "/0/members/1/attributes", Val: "{}"})
	s.Apply(2, 1, Command{Method: MethodPut, Path: "/1/dir/_hidden", Val: "12345"})
	s.Publish(2, 1)
	if got := s.View().KeySpace(); got.Nodes != 2 || got.Bytes != int64(len("dir")+len("_hidden")+5) {
		t.Errorf("the key space is %+v", got)
	}
	s.Apply(3, 1, Command{Method: MethodDelete, Path: "/1/dir", Recursive: true, Dir: true})
	s.Publish(3, 1)
	if got := s.View().KeySpace(); got.Nodes != 0 || got.Bytes != 0 {
		t.Errorf("the empty key space is %+v", got)
	}
}

// TestCountedWhileRestored: nor is there a moment at which a scrape would see one.
func TestCountedWhileRestored(t *testing.T) {
	s := New(Options{})
	var scrapes sync.WaitGroup
	stop := make(chan struct{})
	scrapes.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if c := s.Counted()["set"]; c != (Count{}) {
				t.Errorf("%+v", c)
				return
			}
		}
	})
	for i := range uint64(200_000) {
		s.stats.restore(Stats{SetSuccess: i % 2 * 1000, SetFail: i % 2 * 500})
	}
	close(stop)
	scrapes.Wait()
	if got := s.Stats(); got != (Stats{SetSuccess: 1000, SetFail: 500}) {
		t.Errorf("%+v", got)
	}
}
