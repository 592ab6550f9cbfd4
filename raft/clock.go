package raft

import "time"

// clock counts ticks, one for each heartbeat interval. A member that hears its
// leader wakes for the leader's messages anyway, about once in an interval: it makes
// up for the ticks then, and its timer looks only now and then whether the leader has
// fallen silent. Waking twice is most of what an idle member costs. Loop only.
type clock struct {
	interval time.Duration
	// late is how many ticks a follower may make up for at once: half an election
	// timeout, so that it counts on time when one ends. More have not been put off but
	// missed, because the process stood still, and say nothing about the leader.
	late    int
	counted time.Time // the moment of the last tick
	heard   time.Time // when the last message came
	patient bool      // the timer waits for more than the next tick

	now   func() time.Time
	reset func(time.Duration) bool // of the timer
}

// newClock begins now. The caller's timer runs out after the first interval.
func newClock(interval, election time.Duration, now func() time.Time, reset func(time.Duration) bool) *clock {
	return &clock{interval: interval, late: max(int(election/interval/2), 1), counted: now(), now: now, reset: reset}
}

// due is how many ticks have to be made up for.
func (c *clock) due(now time.Time) int {
	n := now.Sub(c.counted) / c.interval
	c.counted = c.counted.Add(n * c.interval)
	return min(int(n), c.late)
}

// message is called when one has come, and says how many ticks come before it.
func (c *clock) message() int {
	c.heard = c.now()
	return c.due(c.heard)
}

// ranOut is called when the timer has run out, and says how many ticks are due.
func (c *clock) ranOut(follows bool) int {
	now := c.now()
	n := c.due(now)
	c.arm(now, follows && now.Sub(c.heard) < c.interval+c.interval/2)
	return n
}

// onTime is called while there is no leader to hear from: ticks are no longer put
// off, and those that were counted for the leader's sake are forgotten.
func (c *clock) onTime() {
	if c.patient {
		now := c.now()
		c.due(now)
		c.arm(now, false)
	}
}

// arm sets the timer to the next tick or, if patient, to half an interval behind the
// last one that may be put off. It is not postponed at each message: the runtime
// would wake at the old time as well.
func (c *clock) arm(now time.Time, patient bool) {
	next := c.counted.Add(c.interval)
	if patient {
		next = c.counted.Add(time.Duration(c.late)*c.interval + c.interval/2)
	}
	c.reset(next.Sub(now))
	c.patient = patient
}

// follows reports whether this member hears from a leader.
func (l *loop) follows() bool { return l.lead != 0 && !l.leading }

func (l *loop) pass(ticks int) {
	for range ticks {
		l.tick()
	}
}
