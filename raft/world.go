package raft

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// world is what a node needs besides its files and its transport: time, chance, and
// goroutines that wait for one another. The simulation, which has one goroutine and a clock
// of its own, puts plain calls in their place.
type world struct {
	now    func() time.Time
	random func() uint64 // of all values alike

	askLoop     func(*loop, confAsk) error        // nil when the question is answered
	askDisk     func(*disk, snapshotRecord) error // the record's outcome, or ErrStopped
	waitForRoom func(*disk) error                 // nil when it is time to try again
	send        func(*sender, context.Context)    // begins it

	both   func(a, b func()) // does both
	guard  func()            // deferred by who takes a turn: what becomes of a panic
	inline bool              // the next log segment is prepared by whoever needs it, not by a goroutine
}

var realWorld = world{
	now: time.Now, random: rand.Uint64,
	both:    atOnce,
	guard:   endProcess,
	askLoop: (*loop).ask, askDisk: (*disk).ask, waitForRoom: (*disk).waitForRoom, send: (*sender).start,
}

// atOnce does two things that do not know of each other, the first one on a goroutine of its own, and waits for them.
func atOnce(a, b func()) {
	var first sync.WaitGroup
	first.Go(a)
	b()
	first.Wait()
}
