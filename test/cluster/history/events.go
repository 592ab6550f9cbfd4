package history

import (
	"errors"
	"fmt"
)

// CheckEvents reports what is wrong with one watcher's events: an index that does not grow (told twice, or out of order), or a
// change of a key that begins where the change told before did not end (one was left out). The keys have to be absent
// when the watch begins.
func CheckEvents(events []Event) error {
	held := map[string]Event{}
	var all []error
	for i, e := range events {
		if i > 0 && e.Index <= events[i-1].Index {
			all = append(all, fmt.Errorf("event %d after event %d", e.Index, events[i-1].Index))
		}
		before, was := held[e.Key]
		if !was && e.Prev != 0 || was && before.Index != e.Prev {
			all = append(all, fmt.Errorf("%s: event %d (%s) replaces index %d, and the event before it was %d", e.Key, e.Index, e.Action, e.Prev, before.Index))
		}
		held[e.Key] = e
		if e.Ended {
			delete(held, e.Key)
		}
	}
	return errors.Join(all...)
}

// CheckTold compares the events of a watcher that was there from the beginning to the end with what clients were told: every write
// that was acknowledged is an event with the same index and value, and every event is a write that somebody sent and was
// not refused.
func CheckTold(ops []*Op, events []Event) error {
	told := map[uint64]Event{}
	for _, e := range events {
		told[e.Index] = e
	}
	wrote := map[string]*Op{}
	deletes := map[string]int{} // deletions that may have happened without the client knowing, by key
	var all []error
	for _, o := range ops {
		if !o.Writes() {
			continue
		}
		if o.Value != "" {
			wrote[o.Value] = o
		}
		if o.Kind == Delete && o.Outcome == Unknown {
			deletes[o.Key]++
		}
		if o.Outcome != Done {
			continue
		}
		e, ok := told[o.Index]
		key := o.Key
		if o.Kind == Post {
			key = o.Job
		}
		if !ok || e.Key != key || e.Ended != (o.Kind == Delete) || e.Value != o.Value {
			all = append(all, fmt.Errorf("acknowledged and lost: %v\nat that index: %+v", o, e))
		}
		delete(told, o.Index)
	}
	for _, e := range told {
		if e.Ended {
			if deletes[e.Key]--; deletes[e.Key] < 0 {
				all = append(all, fmt.Errorf("nobody deleted: %+v", e))
			}
			continue
		}
		if o := wrote[e.Value]; o == nil || o.Outcome != Unknown {
			all = append(all, fmt.Errorf("nobody wrote: %+v, by %v", e, o))
		}
	}
	return errors.Join(all...)
}

// CheckSame reports the first event in which two watchers of the same directory differ, up to the end of the one that got less
// far.
func CheckSame(a, b []Event) error {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Errorf("event %d differs: %+v and %+v", i, a[i], b[i])
		}
	}
	return nil
}
