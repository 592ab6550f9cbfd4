package raft

import (
	"math/rand/v2"
	"time"
)

// simPlan is what the world of a seed is like.
type simPlan struct {
	rng   *rand.Rand
	calm  bool // what takes a random time takes its average
	turns bool // whoever has news for a loop takes turns at it

	members  int
	clients  int
	duration time.Duration // of the time with faults

	snapshotCount uint64
	segmentSize   int64
	keepEntries   uint64
	keepPinned    int

	latency           time.Duration // of a message
	diskTime          time.Duration // of a write
	loss, duplication float64       // of messages
	reorder           bool
	stalls            bool // of disks and processes
	pace              time.Duration
	large             int // padding of a command, at most, in bytes
	faults            []fault
}

func newPlan(rng *rand.Rand) simPlan {
	p := simPlan{
		rng:           rng,
		members:       []int{1, 2, 3, 3, 3, 3, 4, 5, 5}[rng.IntN(9)],
		clients:       1 + rng.IntN(10),
		duration:      time.Duration(4+rng.IntN(8)) * time.Second,
		snapshotCount: uint64(5 + rng.IntN(60)),
		segmentSize:   4 << (10 + rng.IntN(3)),
		keepEntries:   uint64(4 + rng.IntN(40)),
		keepPinned:    20_000 << rng.IntN(5),
		latency:       50 * time.Microsecond << rng.IntN(12), // up to 100 ms
		diskTime:      time.Duration(100+rng.IntN(10_000)) * time.Microsecond,
		reorder:       rng.IntN(3) == 0,
		stalls:        rng.IntN(2) == 0,
		pace:          time.Duration(50+rng.IntN(1000)) * time.Millisecond,
		large:         16 << rng.IntN(8),
	}
	if rng.IntN(2) == 0 {
		p.loss, p.duplication = rng.Float64()*0.3, rng.Float64()*0.2
	}
	for _, f := range allFaults {
		for range rng.IntN(4) { // none at all in a quarter of the seeds
			p.faults = append(p.faults, f)
		}
	}
	return p
}

// calm is the plan of a transcript: everything takes its time, and nothing goes wrong by itself.
func calm(rng *rand.Rand, members int) simPlan {
	return simPlan{
		rng: rng, calm: true, members: members,
		snapshotCount: 10_000, segmentSize: 16 << 10, keepEntries: 10, keepPinned: 1 << 20,
		latency: time.Millisecond, diskTime: 2 * time.Millisecond, large: 1,
	}
}

// choose is one of n, and always the first where nothing is left to chance.
func (p *simPlan) choose(n int) int {
	if p.calm {
		return 0
	}
	return p.rng.IntN(n)
}

// about is d on average.
func (p *simPlan) about(d time.Duration) time.Duration {
	if p.calm {
		return d
	}
	return time.Duration(p.rng.ExpFloat64() * float64(d))
}

// stalling is mostly about d, and rarely much more.
func (p *simPlan) stalling(d time.Duration) time.Duration {
	if p.stalls && p.rng.IntN(200) == 0 {
		d *= 50
	}
	return p.about(d)
}

func (p *simPlan) cpu() time.Duration          { return p.stalling(20 * time.Microsecond) }
func (p *simPlan) delay() time.Duration        { return p.stalling(p.latency) }
func (p *simPlan) disk() time.Duration         { return p.stalling(p.diskTime) }
func (p *simPlan) snapshotTime() time.Duration { return p.stalling(5 * p.diskTime) }
func (p *simPlan) think() time.Duration        { return p.about(30 * time.Millisecond) }
func (p *simPlan) padding() int                { return p.choose(p.large) }

// patience is how long a client waits. Some leave soon.
func (p *simPlan) patience() time.Duration {
	if p.rng.IntN(10) == 0 {
		return time.Duration(p.rng.IntN(int(50 * time.Millisecond)))
	}
	return 7 * time.Second
}
