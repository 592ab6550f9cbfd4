package raft

import (
	"container/heap"
	"time"
)

// virtualClock is the time of a simulation: what is to happen, in order. It moves only
// from one event to the next.
type virtualClock struct {
	now    time.Duration // since the beginning
	seq    uint64
	events eventHeap
}

type event struct {
	at  time.Duration
	seq uint64 // what was planned first happens first
	do  func()
}

// after plans something.
func (c *virtualClock) after(d time.Duration, do func()) {
	c.seq++
	heap.Push(&c.events, event{at: c.now + max(d, 0), seq: c.seq, do: do})
}

// next lets the next event happen; false if there is none.
func (c *virtualClock) next() bool {
	if len(c.events) == 0 {
		return false
	}
	e := heap.Pop(&c.events).(event)
	c.now = e.at
	e.do()
	return true
}

type eventHeap []event

func (h eventHeap) Len() int      { return len(h) }
func (h eventHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *eventHeap) Push(x any)   { *h = append(*h, x.(event)) }

func (h eventHeap) Less(i, j int) bool {
	if h[i].at != h[j].at {
		return h[i].at < h[j].at
	}
	return h[i].seq < h[j].seq
}

func (h *eventHeap) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = event{}
	*h = (*h)[:last]
	return e
}
