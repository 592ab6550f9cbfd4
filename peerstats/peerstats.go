// Package peerstats counts the appends that members of a cluster send to each other, for /v2/stats and the metrics (cluster-api
// spec, section 4). The counters are Pando's own: those of rafthttp are neither exact nor safe to read while it runs.
//
// What counts as latency is the time from handing an append to the transport until the follower has acknowledged it, which
// includes the sync on its disk; one append at a time is timed for each follower.
package peerstats

import (
	"math"
	"sync"
	"time"
)

// Stats are the counters of one member. Its methods may be called from any goroutine.
type Stats struct {
	now func() time.Time

	mu             sync.Mutex
	sent, received traffic
	followers      map[uint64]*follower
}

// Rate is how many appends there were per second, and bytes in them; both are 0 when there was none within the last second.
type Rate struct{ Packages, Bytes float64 }

// Traffic is one direction of appends.
type Traffic struct {
	Count uint64 // since the start
	Rate  Rate   // over the last 200 of them
}

// Follower is what is known of one follower. Latencies are in milliseconds, as etcd shows them.
type Follower struct {
	Current, Average, StandardDeviation, Minimum, Maximum float64
	Fail, Success                                         uint64 // appends that were lost, as far as that is noticed, and acknowledged
}

// Unreached is a follower that never acknowledged anything, with etcd's minimum of such a one.
var Unreached = Follower{Minimum: 1 << 63}

type follower struct {
	Follower
	timed   int       // how many appends were
	squares float64   // mean of the squares of the latencies
	probe   uint64    // index of the last entry of the append that is being timed
	since   time.Time // when it was sent; zero if none is
}

// patience is how long an acknowledgement may take to be one of the append that is timed: behind a change of the leader or a
// snapshot none comes.
const patience = 10 * time.Second

// New returns counters at zero. now is the clock; nil is time.Now.
func New(now func() time.Time) *Stats {
	if now == nil {
		now = time.Now
	}
	return &Stats{now: now, followers: map[uint64]*follower{}}
}

// Sent counts an append to a follower, with the index of its last entry, 0 if it has none, and its size in bytes.
func (s *Stats) Sent(to, last uint64, size int) {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent.add(now, size)
	if f := s.of(to); last > 0 && now.Sub(f.since) > patience {
		f.probe, f.since = last, now
	}
}

// Received counts an append from a leader.
func (s *Stats) Received(size int) {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.received.add(now, size)
}

// Acknowledged counts an append that a follower has taken, up to an index.
func (s *Stats) Acknowledged(from, index uint64) {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.of(from)
	f.Success++
	if f.since.IsZero() || index < f.probe {
		return
	}
	if took := now.Sub(f.since); took <= patience {
		f.observe(took)
	}
	f.since = time.Time{}
}

// Lost counts a message that did not reach a member. What was being timed is given up.
func (s *Stats) Lost(to uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.of(to)
	f.Fail++
	f.since = time.Time{}
}

// Forget drops what is known of a member.
func (s *Stats) Forget(id uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.followers, id)
}

// of wants the lock held.
func (s *Stats) of(id uint64) *follower {
	f := s.followers[id]
	if f == nil {
		f = &follower{Follower: Unreached}
		s.followers[id] = f
	}
	return f
}

func (f *follower) observe(took time.Duration) {
	ms := float64(took) / float64(time.Millisecond)
	before := float64(f.timed)
	f.timed++
	n := float64(f.timed)
	f.Current = ms
	f.Minimum, f.Maximum = min(f.Minimum, ms), max(f.Maximum, ms)
	f.Average = (before*f.Average + ms) / n
	f.squares = (before*f.squares + ms*ms) / n
	f.StandardDeviation = math.Sqrt(max(0, f.squares-f.Average*f.Average))
}

// Follower returns what is known of a member.
func (s *Stats) Follower(id uint64) Follower {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.followers[id]; f != nil {
		return f.Follower
	}
	return Unreached
}

// Traffic returns both directions.
func (s *Stats) Traffic() (sent, received Traffic) {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent.at(now), s.received.at(now)
}
