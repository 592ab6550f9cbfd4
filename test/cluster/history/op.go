// Package history records what concurrent clients of a cluster did and saw, and judges it:
//
//   - CheckLinear: each key behaves as one register would that takes the operations one at a time (porcupine);
//   - CheckOrder: indexes follow the order in which writes were acknowledged, over all keys;
//   - CheckJobs: every job that POST acknowledged is in the queue once;
//   - CheckEvents, CheckTold and CheckSame: watchers were told every change, once and in order, and all the same.
//
// An operation whose outcome the client does not know (a timeout, a broken connection) may have happened at any time
// after it was sent, or never. Values are unique within a history, so that whoever sees one knows who wrote it.
package history

import (
	"fmt"
	"sync"
	"time"
)

// Kind is what an operation asks for.
type Kind int

const (
	Get    Kind = iota // a read with quorum=true
	Put                // sets a key, whatever it holds
	CAS                // sets a key that holds Op.Prev
	Delete             // deletes a key
	Post               // creates a job in the directory Op.Key
)

func (k Kind) String() string { return [...]string{"GET", "PUT", "CAS", "DELETE", "POST"}[k] }

// Outcome is what the client knows about an operation.
type Outcome int

const (
	Done    Outcome = iota // it was carried out
	Refused                // it was decided, and changed nothing: no such key, or another value
	Unknown                // it may have been carried out, or may be later
	Never                  // it never reached a server that could carry it out
)

func (o Outcome) String() string { return [...]string{"done", "refused", "unknown", "never"}[o] }

// Op is one operation of one client.
type Op struct {
	Client int
	Kind   Kind
	Key    string
	Value  string // to write
	Prev   string // what a CAS compares with

	// Call and Return are when it was sent and answered, since the history began.
	Call, Return time.Duration

	Outcome Outcome
	Had     bool   // whether the key was there: before a write, or for a read
	Found   string // the value that it had then
	Index   uint64 // modifiedIndex that a write was given
	Job     string // the key that a POST created
	Note    string // the answer, for messages, unless it was Done
}

// Writes reports whether the operation can change a key.
func (o *Op) Writes() bool { return o.Kind != Get }

func (o *Op) String() string {
	return fmt.Sprintf("client %d %v %s value=%q prev=%q [%v, %v]: %v had=%v found=%q index=%d %s",
		o.Client, o.Kind, o.Key, o.Value, o.Prev, o.Call, o.Return, o.Outcome, o.Had, o.Found, o.Index, o.Note)
}

// History collects operations as they end. Any goroutine may use it.
type History struct {
	began time.Time

	mu     sync.Mutex
	ops    []*Op
	counts map[Outcome]int
	writes int       // acknowledged
	last   time.Time // when the last write was acknowledged
	gap    time.Duration
	lull   time.Duration // the longest gap since Lull was asked
}

// New begins a history.
func New() *History {
	now := time.Now()
	return &History{began: now, last: now, counts: map[Outcome]int{}}
}

// Now is the time since the history began.
func (h *History) Now() time.Duration { return time.Since(h.began) }

func (h *History) add(op *Op) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, op)
	h.counts[op.Outcome]++
	if op.Writes() && op.Outcome == Done {
		now := time.Now()
		h.gap, h.lull = max(h.gap, now.Sub(h.last)), max(h.lull, now.Sub(h.last))
		h.last = now
		h.writes++
	}
}

// Ops are the operations that have ended so far, in the order in which they did.
func (h *History) Ops() []*Op {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]*Op(nil), h.ops...)
}

// Acknowledged is how many writes have been carried out so far.
func (h *History) Acknowledged() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.writes
}

// Lull is the longest time without an acknowledged write that has ended, or goes on, since it was asked before.
func (h *History) Lull() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	d := max(h.lull, time.Since(h.last))
	h.lull = 0
	return d
}

// String says how many operations there were and how they ended.
func (h *History) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return fmt.Sprintf("%d operations, %d writes acknowledged, %d refused, %d unknown, %d never sent, longest time without a write %v",
		len(h.ops), h.writes, h.counts[Refused], h.counts[Unknown], h.counts[Never], h.gap.Round(time.Millisecond))
}
