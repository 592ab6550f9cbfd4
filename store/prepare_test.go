package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"pando/eventhistory"
)

// A member gets a snapshot of another one while it goes on: nothing changes until it is installed, and then watches
// go on if the history that came along reaches back to what they have seen (replication spec, section 9).
func TestPreparedStateIsInstalledLater(t *testing.T) {
	ahead, behind := imageStore(10), imageStore(10)
	for i := range 5 {
		applyAll(ahead, putKey("/a", fmt.Sprint(i)))
		applyAll(behind, putKey("/a", fmt.Sprint(i)))
	}
	parked, err := behind.Watch("/1/b", false, false, 0, nil)
	must(t, err)
	stream, err := behind.Watch("/1", true, true, 0, nil)
	must(t, err)
	applyAll(ahead, putKey("/b", "x"), putKey("/c", "y"))
	install, err := behind.Prepare(bytes.NewReader(imageOf(t, ahead.Image())))
	must(t, err)
	applyAll(ahead, putKey("/d", "z"))
	if v := behind.View(); v.Index != 5 {
		t.Fatalf("index %d before anything is installed", v.Index)
	}
	install()
	behind.Publish(1000, 7)
	behind.Notify()
	if v := behind.View(); v.Index != 7 || v.RaftIndex != 1000 || v.RaftTerm != 7 {
		t.Errorf("index %d, as of log entry %d of term %d", v.Index, v.RaftIndex, v.RaftTerm)
	}
	next(t, parked, "/1/b")
	next(t, stream, "/1/b")
	next(t, stream, "/1/c")
	applyAll(behind, putKey("/e", "more"))
	next(t, stream, "/1/e")
}

// A watch that missed more than the history holds is cut.
func TestInstallingCutsWatchesThatMissedTooMuch(t *testing.T) {
	ahead, behind := imageStore(10), imageStore(10)
	w, err := behind.Watch("/1/a", false, true, 0, nil)
	must(t, err)
	for i := range 50 {
		applyAll(ahead, putKey("/a", fmt.Sprint(i)))
	}
	mustRestore(t, behind, imageOf(t, ahead.Image()))
	if e, err := w.Next(ended()); !errors.Is(err, eventhistory.ErrCleared) {
		t.Errorf("%v, %v", e, err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func next(t *testing.T, w *eventhistory.Watcher, key string) {
	t.Helper()
	e, err := w.Next(ended())
	if err != nil || e == nil || e.Node.Key != key {
		t.Fatalf("%+v, %v, want an event of %s", e, err, key)
	}
}

// ended is a context with which Next does not wait.
func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
