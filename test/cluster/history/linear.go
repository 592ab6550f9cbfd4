package history

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// register is a key as one machine that does one thing at a time would hold it.
type register struct {
	exists bool
	value  string
}

// step says whether an operation can have happened to the register at this point, and what the register holds after it.
func (r register) step(o *Op) (bool, register) {
	known := o.Outcome != Unknown
	same := r.exists == o.Had && r.value == o.Found
	switch {
	case known && !same:
		return false, r
	case o.Kind == Get || o.Outcome == Refused:
		return o.Kind != CAS || o.Outcome != Refused || !r.exists || r.value != o.Prev, r
	case o.Kind == Delete:
		return !known || r.exists, register{}
	case o.Kind == CAS && (!r.exists || r.value != o.Prev):
		return !known, r
	}
	return true, register{exists: true, value: o.Value}
}

var model = porcupine.Model{
	Init: func() any { return register{} },
	Step: func(state, input, _ any) (bool, any) {
		ok, next := state.(register).step(input.(*Op))
		return ok, next
	},
}

// CheckLinear reports every key whose operations cannot be put in one order that explains all answers and in which an
// operation that was answered comes before those sent later. Jobs are left out, see CheckJobs. Each key has to be decided
// within limit. All keys have to be absent when the history begins.
func CheckLinear(ops []*Op, limit time.Duration) error {
	byKey := map[string][]*Op{}
	for _, o := range ops {
		if o.Kind != Post {
			byKey[o.Key] = append(byKey[o.Key], o)
		}
	}
	var all []error
	for key, ops := range byKey {
		switch porcupine.CheckOperationsTimeout(model, operations(ops), limit) {
		case porcupine.Illegal:
			all = append(all, fmt.Errorf("%s is not linearizable:\n%s", key, transcript(ops)))
		case porcupine.Unknown:
			all = append(all, fmt.Errorf("%s: not decided within %v (%d operations)", key, limit, len(ops)))
		}
	}
	return errors.Join(all...)
}

// operations leaves out what cannot tell anything: reads without an answer, operations that never happened, and writes of
// unknown outcome whose value nobody ever saw: every answer tells the value that was there, so such a write either did
// not happen or was replaced by another one before anybody looked. A write that somebody saw had happened by then.
func operations(ops []*Op) []porcupine.Operation {
	seen := map[string]time.Duration{} // value to the earliest time that somebody had seen it
	see := func(value string, at time.Duration) {
		if before, ok := seen[value]; !ok || at < before {
			seen[value] = at
		}
	}
	for _, o := range ops {
		if o.Had {
			see(o.Found, o.Return)
		}
		if o.Kind == CAS && o.Outcome == Unknown {
			see(o.Prev, math.MaxInt64)
		}
	}
	var history []porcupine.Operation
	for _, o := range ops {
		end := o.Return
		if o.Outcome == Never {
			continue
		}
		if o.Outcome == Unknown {
			at, ok := seen[o.Value]
			if o.Kind == Get || o.Kind != Delete && !ok {
				continue
			}
			end = math.MaxInt64
			if o.Kind != Delete {
				end = max(at, o.Call)
			}
		}
		history = append(history, porcupine.Operation{ClientId: o.Client, Input: o, Call: int64(o.Call), Return: int64(end)})
	}
	return history
}

// transcript lists the end of a history, which is where a reader looks first.
func transcript(ops []*Op) string {
	const most = 200
	ops = slices.SortedFunc(slices.Values(ops), func(a, b *Op) int { return cmp.Compare(a.Call, b.Call) })
	var b strings.Builder
	for _, o := range ops[max(0, len(ops)-most):] {
		fmt.Fprintln(&b, o)
	}
	return b.String()
}

// CheckOrder reports writes that were given a lower index than one that had been acknowledged before they were sent.
func CheckOrder(ops []*Op) error {
	var done []*Op
	for _, o := range ops {
		if o.Writes() && o.Outcome == Done {
			done = append(done, o)
		}
	}
	slices.SortFunc(done, func(a, b *Op) int { return cmp.Compare(a.Index, b.Index) })
	var latest *Op // of those with lower indexes the one that was sent last
	for i, o := range done {
		if i > 0 && o.Index == done[i-1].Index {
			return fmt.Errorf("one index for two writes:\n%v\n%v", done[i-1], o)
		}
		if latest != nil && o.Return < latest.Call {
			return fmt.Errorf("the later write has the lower index:\n%v\n%v", o, latest)
		}
		if latest == nil || o.Call > latest.Call {
			latest = o
		}
	}
	return nil
}

// CheckJobs compares the queue as it was read in the end, from key to value, with what was posted to it: each job that was
// acknowledged is there under the key that its answer told, and nothing is there that was not posted or is there twice. Nobody may
// have taken jobs out.
func CheckJobs(ops []*Op, queue map[string]string) error {
	posted := map[string]*Op{} // by value
	for _, o := range ops {
		if o.Kind == Post {
			posted[o.Value] = o
		}
	}
	var all []error
	found := map[string]string{}
	for job, value := range queue {
		o := posted[value]
		switch {
		case o == nil || o.Outcome == Never:
			all = append(all, fmt.Errorf("%s holds %q, which was never posted", job, value))
		case found[value] != "":
			all = append(all, fmt.Errorf("posted once, there twice, also as %s: %v", job, o))
		case o.Outcome == Done && o.Job != job:
			all = append(all, fmt.Errorf("there as %s: %v", job, o))
		}
		found[value] = job
	}
	for value, o := range posted {
		if o.Outcome == Done && found[value] == "" {
			all = append(all, fmt.Errorf("acknowledged and lost: %v", o))
		}
	}
	return errors.Join(all...)
}
