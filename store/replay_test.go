package store

import (
	"math/rand/v2"
	"testing"
	"time"
)

// A log that is replayed leaves what it left when it was applied: tree, counters, what is due, and the events that the history
// has room for, wherever batches end. What was published before does not change.
func TestReplayLeavesWhatApplyDoes(t *testing.T) {
	base := uint64(time.Now().UnixNano())
	for seed := base; seed < base+60; seed++ {
		rng := rand.New(rand.NewPCG(seed, 0))
		history := 1 + rng.IntN(12)
		applied, replayed := imageStore(history), imageStore(history)
		for range 4 {
			commands := randomCommands(rng, rng.IntN(100), imageNames)
			for _, c := range commands {
				applied.Apply(1, 1, c)
				if rng.IntN(10) == 0 {
					replayed.Apply(1, 1, c) // as a membership change is
					continue
				}
				shared, err := UnmarshalShared(c.Marshal())
				if err != nil {
					t.Fatal(err)
				}
				replayed.Replay(1, 1, shared)
			}
			applied.Publish(1, 1)
			replayed.Publish(1, 1)
			if got, want := visibleState(replayed), visibleState(applied); got != want {
				t.Fatalf("seed %d: got\n%s\nwant\n%s", seed, got, want)
			}
		}
	}
}

// What stays of a command when its event is forgotten is not a part of the log.
func TestReplaySharesNothingForGood(t *testing.T) {
	s := imageStore(1)
	for _, entry := range []Command{
		{Method: MethodPut, Path: "/1/dir/key", Val: "value", Expiration: imageClock.UnixNano()},
		{Method: MethodPut, Path: "/1/empty"},
		{Method: MethodPut, Path: "/1/made", Dir: true},
		{Method: MethodPut, Path: "/1/due", Expiration: imageClock.UnixNano()},
	} {
		data := entry.Marshal()
		c, err := UnmarshalShared(data)
		must(t, err)
		s.Replay(1, 1, c)
		s.Replay(2, 1, putKey("/other", "x"))
		s.Publish(2, 1)
		clear(data)
		if n, err := s.View().Lookup(entry.Path); err != nil || n.Value() != entry.Val {
			t.Errorf("%v, %v", n, err)
		}
	}
	s.Apply(3, 1, Command{Method: MethodSync, Time: imageClock.UnixNano() + 1})
	s.Publish(3, 1)
	if _, err := s.View().Lookup("/1/dir/key"); err == nil {
		t.Error("the key did not expire")
	}
}

// What Apply answered stays as it was, however much is replayed behind it.
func TestReplayLeavesAnswersAlone(t *testing.T) {
	s := imageStore(2)
	answered := s.Apply(1, 1, putKey("/a", "answered")).Event
	for i := range uint64(20) {
		s.Replay(2+i, 1, putKey("/b", "replayed"))
	}
	if answered.Node.Key != "/1/a" || *answered.Node.Value != "answered" || answered.Index() != 1 {
		t.Errorf("%+v", answered.Node)
	}
}

// What was taken back is not kept where nobody looks.
func TestReplayKeepsNothingBehind(t *testing.T) {
	s := imageStore(4)
	for i := range uint64(11) {
		s.Replay(i, 1, putKey("/a", "x"))
	}
	for _, c := range s.pending[len(s.pending):cap(s.pending)] {
		if c.Event != nil {
			t.Errorf("the event of index %d is kept", c.Event.Index())
		}
	}
	for _, r := range s.records[len(s.records):cap(s.records)] {
		if r != nil {
			t.Errorf("the record of index %d is kept", r.Index())
		}
	}
}

// Who watches hears of everything.
func TestReplayTellsWatchers(t *testing.T) {
	s := imageStore(2)
	w, err := s.Watch("/1", true, false, 0, nil)
	must(t, err)
	for i := range uint64(10) {
		s.Replay(i, 1, putKey("/a", "x"))
	}
	s.Publish(10, 1)
	s.Notify()
	if e, err := w.Next(ended()); err != nil || e.Index() != 1 {
		t.Errorf("%v, %v", e, err)
	}
}
