package raft

import (
	"testing"
	"time"
)

// Ticks that a follower puts off are all made up for; those that it slept through are not.
func TestClockMakesUpForTicks(t *testing.T) {
	const interval = 100 * time.Millisecond
	c := newClock(interval, 10*interval, time.Now, nil)
	began := c.counted
	for _, step := range []struct {
		at   time.Duration // since the beginning
		want int
	}{
		{99 * time.Millisecond, 0},
		{101 * time.Millisecond, 1},
		{199 * time.Millisecond, 0},
		{450 * time.Millisecond, 3},
		{950 * time.Millisecond, 5},
		{9950 * time.Millisecond, 5}, // it stood still for nine seconds
		{10001 * time.Millisecond, 1},
	} {
		if got := c.due(began.Add(step.at)); got != step.want {
			t.Errorf("after %v: %d ticks, want %d", step.at, got, step.want)
		}
	}
}

// A leader that falls silent is noticed no later than by a clock that always ticks on time.
func TestFollowersCountOnTimeWhenAnElectionIsDue(t *testing.T) {
	for _, ticks := range []time.Duration{5, 6, 10, 50} {
		const interval = time.Millisecond
		c := newClock(interval, ticks*interval, time.Now, nil)
		// The longest that the timer waits, after it has last seen the leader alive.
		latest := interval + interval/2 + time.Duration(c.late)*interval + interval/2
		if latest >= ticks*interval {
			t.Errorf("an election timeout of %d ticks: looks after %v", ticks, latest)
		}
	}
}
