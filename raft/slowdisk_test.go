package raft

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pando/fsys"
)

// stuck is a disk on which no sync ends until it is released.
type stuck struct {
	mu   sync.Mutex
	held chan struct{} // not nil while it is stuck; closed when it is released
}

func (s *stuck) stick() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = make(chan struct{})
}

func (s *stuck) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held != nil {
		close(s.held)
	}
	s.held = nil
}

func (s *stuck) before(c fsys.Call) error {
	s.mu.Lock()
	held := s.held
	s.mu.Unlock()
	if held != nil && (c.Kind == fsys.Datasync || c.Kind == fsys.Sync) {
		<-held
	}
	return nil
}

func startOnStuckDisks(t *testing.T) (*cluster, map[uint64]*stuck) {
	t.Helper()
	disks := map[uint64]*stuck{1: {}, 2: {}, 3: {}}
	c := startTuned(t, func(id uint64, cfg *Config) {
		cfg.FS = fsys.Hook(fsys.OS, disks[id].before)
		cfg.Heartbeat, cfg.Election = 50*time.Millisecond, 500*time.Millisecond // what is not applied yet is sent at each
	})
	t.Cleanup(func() { // before the nodes are closed, which wait for their disks
		for _, d := range disks {
			d.release()
		}
	})
	return c, disks
}

// A leader whose disk does nothing at all goes on leading, and the others commit what it sends them, up to the bound of
// what may wait for its disk.
func TestLeaderOnAStuckDisk(t *testing.T) {
	c, disks := startOnStuckDisks(t)
	lead := c.leader()
	term := c.rigs[lead].node.Status().Term
	follower := c.rigs[three[lead%3]]
	disks[lead].stick()
	for i := range 20 {
		follower.mustPropose(fmt.Sprint(i))
	}
	// Of large ones, four reach the bound, and the last of them may have come in a batch of four.
	const writers, least, most = 12, 4, 8
	var taken atomic.Int64
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			if err := follower.propose(strings.Repeat("x", maxBatch/4)); err != nil {
				t.Error(err)
			}
			taken.Add(1)
		})
	}
	for deadline := time.Now().Add(patience); taken.Load() < least; {
		if time.Now().After(deadline) {
			t.Fatalf("only %d large writes without the leader's disk", taken.Load())
		}
		<-time.After(time.Millisecond)
	}
	<-time.After(follower.node.cfg.Election) // for more
	if n := taken.Load(); n > most {
		t.Errorf("%d large writes wait for the leader's disk", n)
	}
	if s := c.rigs[lead].node.Status(); s.Leader != lead || s.Term != term {
		t.Errorf("%d leads in term %d, it was %d in term %d", s.Leader, s.Term, lead, term)
	}
	disks[lead].release()
	all.Wait()
	c.equal(20 + writers)
}

// A follower whose disk does nothing costs the others nothing.
func TestFollowerOnAStuckDisk(t *testing.T) {
	c, disks := startOnStuckDisks(t)
	lead := c.leader()
	slow := three[lead%3]
	disks[slow].stick()
	began := time.Now()
	for i := range 20 {
		c.rigs[lead].mustPropose(fmt.Sprint(i))
	}
	t.Logf("20 writes in %v", time.Since(began))
	disks[slow].release()
	c.rigs[slow].mustPropose("last")
	c.equal(21)
}
