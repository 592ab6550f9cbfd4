package raft

import (
	"context"
	"sync/atomic"
	"time"

	etcdraft "go.etcd.io/raft/v3"
)

// Observer is told what the engine has done, so that somebody can count and time it. Its methods are called on the engine's own
// goroutines: they return at once, and may be called at the same time.
type Observer interface {
	// Synced: one sync of the log's file has ended.
	Synced(took time.Duration)
	// Saved: a batch of entries is durable, of which the last has this index.
	Saved(entries int, last uint64)
	// Applied: a batch of entries was applied and published, and those who waited for it were told.
	Applied(entries int, took time.Duration)
	// SnapshotWritten: a snapshot of so many bytes is on disk.
	SnapshotWritten(bytes int64, took time.Duration)
	// LeaderChanged: this member leads, another does, or, with 0, nobody that is known.
	LeaderChanged(leader uint64)
}

// nobody is the Observer of a node without one.
type nobody struct{}

func (nobody) Synced(time.Duration)                 {}
func (nobody) Saved(int, uint64)                    {}
func (nobody) Applied(int, time.Duration)           {}
func (nobody) SnapshotWritten(int64, time.Duration) {}
func (nobody) LeaderChanged(uint64)                 {}

// Timing says where the time of a proposal went.
type Timing struct {
	Queue  time.Duration // until it was appended to the leader's log, or sent to the leader
	Commit time.Duration // until it was committed and its turn had come: the sync here and that of a majority
	Apply  time.Duration // until its batch was applied and published
}

// moment is a time that two goroutines share: nanoseconds since epoch, by the clock that is never set; 0 is none.
type moment struct{ atomic.Int64 }

var epoch = time.Now()

func (m *moment) set(t time.Time) { m.Store(max(1, int64(t.Sub(epoch)))) }

// timing is that of a proposal whose batch began to be applied at begun and was published at now.
func (p *proposal) timing(begun, now time.Time) Timing {
	since := p.proposed.Load()
	if since == 0 {
		return Timing{}
	}
	proposed := epoch.Add(time.Duration(since))
	return Timing{Queue: proposed.Sub(p.queued), Commit: begun.Sub(proposed), Apply: now.Sub(begun)}
}

// Pending is how many proposals wait here for their outcome. Any goroutine may call it.
func (n *Node) Pending() int {
	n.waiters.mu.Lock()
	defer n.waiters.mu.Unlock()
	return len(n.waiters.byID)
}

// Engine asks the library how it sees the cluster; only a leader knows the others' progress. It waits for the loop, until ctx ends
// or the node stops.
func (n *Node) Engine(ctx context.Context) (etcdraft.Status, error) {
	answer := make(chan etcdraft.Status, 1)
	select {
	case n.inspections <- answer:
		return <-answer, nil
	case <-ctx.Done():
		return etcdraft.Status{}, ctx.Err()
	case <-n.stop:
		return etcdraft.Status{}, ErrStopped
	}
}
