package peerstats

import (
	"math"
	"testing"
	"time"
)

// clock is set by the test.
type clock struct{ t time.Time }

func (c *clock) now() time.Time       { return c.t }
func (c *clock) pass(d time.Duration) { c.t = c.t.Add(d) }
func newStats() (*Stats, *clock)      { c := &clock{time.Unix(1e9, 0)}; return New(c.now), c }
func near(t *testing.T, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-6 {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestLatency(t *testing.T) {
	s, c := newStats()
	if s.Follower(7) != Unreached || Unreached.Minimum != 9223372036854775808 {
		t.Errorf("an unreached follower is %+v", s.Follower(7))
	}
	for _, took := range []time.Duration{2 * time.Millisecond, 4 * time.Millisecond} {
		s.Sent(7, 10, 100)
		c.pass(time.Millisecond)
		s.Sent(7, 11, 100)   // is not timed: one is already
		s.Acknowledged(7, 9) // of an earlier one
		c.pass(took - time.Millisecond)
		s.Acknowledged(7, 10)
	}
	f := s.Follower(7)
	near(t, f.Current, 4)
	near(t, f.Average, 3)
	near(t, f.StandardDeviation, 1)
	near(t, f.Minimum, 2)
	near(t, f.Maximum, 4)
	if f.Success != 4 || f.Fail != 0 {
		t.Errorf("counted %+v", f)
	}
	s.Sent(7, 12, 1)
	s.Lost(7)
	c.pass(time.Hour)
	s.Acknowledged(7, 12) // sent again by the engine; the hour is nobody's latency
	if f := s.Follower(7); f.Fail != 1 || f.Maximum != 4 {
		t.Errorf("after a loss: %+v", f)
	}
	s.Forget(7)
	if s.Follower(7) != Unreached {
		t.Error("a forgotten follower is remembered")
	}
}

func TestRates(t *testing.T) {
	s, c := newStats()
	if sent, received := s.Traffic(); sent != (Traffic{}) || received != (Traffic{}) {
		t.Errorf("before anything: %v %v", sent, received)
	}
	s.Received(1000) // long before
	c.pass(time.Minute)
	for range 10 {
		s.Received(50)
		c.pass(100 * time.Millisecond)
	}
	_, received := s.Traffic()
	near(t, received.Rate.Packages, 10)
	near(t, received.Rate.Bytes, 500)
	if received.Count != 11 {
		t.Errorf("counted %d", received.Count)
	}
	for range 3 * window {
		c.pass(time.Millisecond)
		s.Received(1)
	}
	c.pass(time.Millisecond)
	_, received = s.Traffic()
	near(t, received.Rate.Packages, 1000)
	c.pass(stale + 1)
	if _, received = s.Traffic(); received.Rate != (Rate{}) {
		t.Errorf("after a second of silence: %v", received.Rate)
	}
}
