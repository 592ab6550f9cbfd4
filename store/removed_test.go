package store_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"pando/eventhistory"
	"pando/store"
)

// apply carries out commands that have to succeed, as one batch.
func apply(t *testing.T, s *store.Store, commands ...store.Command) {
	t.Helper()
	for _, c := range commands {
		if r := s.Apply(1, 1, c); r.Err != nil {
			t.Fatalf("%+v: %v", c, r.Err)
		}
	}
	s.Publish(1, 1)
	s.Notify()
}

func put(path, value string) store.Command {
	return store.Command{Method: store.MethodPut, Path: path, Val: value}
}

func watch(t *testing.T, s *store.Store, path string) *eventhistory.Watcher {
	t.Helper()
	w, err := s.Watch(path, false, false, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

// told returns the event that a watcher has, nil if there is none.
func told(t *testing.T, w *eventhistory.Watcher) *eventhistory.Event {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	e, err := w.Next(ctx)
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	return e
}

// TestRemovedDirectoryTellsItsNodes: a directory of a thousand keys goes in one event, and exactly those who watch a
// node that went with it are told (keys-api spec, section 15.2, rule 3).
func TestRemovedDirectoryTellsItsNodes(t *testing.T) {
	due := time.Now().Add(time.Hour).UnixNano()
	for action, remove := range map[string]store.Command{
		"delete": {Method: store.MethodDelete, Path: "/1/d", Recursive: true},
		"expire": {Method: store.MethodSync, Time: due},
	} {
		t.Run(action, func(t *testing.T) {
			s := store.New(store.Options{})
			apply(t, s, store.Command{Method: store.MethodPut, Path: "/1/d", Dir: true, Expiration: due}, put("/1/dx", ""))
			var inside []*eventhistory.Watcher
			for i := range 1000 {
				path := fmt.Sprintf("/1/d/_sub%d/%d", i%10, i)
				c := put(path, "v")
				if i%2 == 0 {
					c.Expiration = due + int64(i) + 1
				}
				apply(t, s, c)
				inside = append(inside, watch(t, s, path))
			}
			inside = append(inside, watch(t, s, "/1/d"), watch(t, s, "/1/d/_sub3"))
			var outside []*eventhistory.Watcher
			for _, path := range []string{"/", "/1", "/1/dx", "/1/d/missing", "/1/d/_sub3/missing", "/1/d/_sub3/3/below"} {
				outside = append(outside, watch(t, s, path))
			}

			index := s.View().Index
			// Made again in the same batch: it is the old directory that counts.
			apply(t, s, remove, put("/1/d/missing/now", "v"))

			if got := s.View().Index; got != index+2 {
				t.Errorf("%d indexes were taken, not 2", got-index)
			}
			for i, w := range inside {
				if e := told(t, w); e == nil || e.Action != action || e.Node.Key != "/1/d" || e.Index() != index+1 {
					t.Fatalf("watcher %d got %+v", i, e)
				}
			}
			for i, w := range outside {
				if e := told(t, w); e != nil {
					t.Errorf("watcher %d outside got %s of %s", i, e.Action, e.Node.Key)
				}
			}
			if at, ok := s.NextExpiration(); ok {
				t.Errorf("something is still due at %d", at)
			}
		})
	}
}

// TestThousandKeysExpire: each takes an index and an event, in the order of expiration, and those not due stay.
func TestThousandKeysExpire(t *testing.T) {
	const first = year2000 * 2
	s := store.New(store.Options{HistorySize: 5000})
	for i := range 1000 {
		c := put(fmt.Sprintf("/1/%d", i), "v")
		c.Expiration = first + int64(i*7919%1000)
		apply(t, s, c)
	}
	apply(t, s, store.Command{Method: store.MethodSync, Time: first + 899})

	events := s.Hub().Events()[1000:]
	if len(events) != 900 {
		t.Fatalf("%d keys expired, not 900", len(events))
	}
	for i, e := range events {
		if e.Action != "expire" || e.Node.Value != nil || e.PrevNode.Expiration != first+int64(i) {
			t.Fatalf("event %d is %s of %s, due %d", i, e.Action, e.Node.Key, e.PrevNode.Expiration)
		}
	}
	if n := s.View().Root().Child("1").Len(); n != 100 {
		t.Errorf("%d keys are left, not 100", n)
	}
	if at, ok := s.NextExpiration(); !ok || at != first+900 {
		t.Errorf("the next is due at %d", at)
	}
	if n := s.Stats().ExpireCount; n != 900 {
		t.Errorf("%d expirations are counted", n)
	}
}
