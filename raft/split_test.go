package raft

import (
	"sync"
	"testing"
	"time"

	"go.etcd.io/raft/v3/raftpb"
)

// standoff holds the first message of a type from either of two members until both have sent one, so that each has decided before it hears of
// the other.
type standoff struct {
	mu   sync.Mutex
	seen map[raftpb.MessageType]map[uint64]bool
	both map[raftpb.MessageType]chan struct{} // closed when both have
}

func newStandoff(types ...raftpb.MessageType) *standoff {
	s := &standoff{seen: map[raftpb.MessageType]map[uint64]bool{}, both: map[raftpb.MessageType]chan struct{}{}}
	for _, kind := range types {
		s.seen[kind], s.both[kind] = map[uint64]bool{}, make(chan struct{})
	}
	return s
}

// pass returns when a message may go on: the other member may have nothing to say.
func (s *standoff) pass(m *raftpb.Message, longest time.Duration) {
	s.mu.Lock()
	seen, both := s.seen[m.GetType()], s.both[m.GetType()]
	if both == nil || len(seen) == 2 {
		s.mu.Unlock()
		return
	}
	if seen[m.GetFrom()] = true; len(seen) == 2 {
		close(both)
	}
	s.mu.Unlock()
	select {
	case <-both:
	case <-time.After(longest):
	}
}

// Two followers that notice the leader's end at the same moment split the votes. They try again, each after a time of its
// own, and not only after another election timeout.
func TestSplitVotesAreSettledSoon(t *testing.T) {
	const wanted, rounds, election = 3, 30, 2 * time.Second
	c := startTuned(t, func(id uint64, cfg *Config) {
		cfg.Heartbeat, cfg.Election = election/20, election
		cfg.early = 1 // both at once
	})
	splits := uint64(0)
	for n := 0; splits < wanted; n++ {
		if n == rounds {
			t.Fatalf("the votes were split %d times in %d elections", splits, n)
		}
		lead := c.leader()
		term := c.rigs[lead].node.Status().Term
		c.net.set(lead, c.rigs[lead].node, true)
		tie := newStandoff(raftpb.MsgPreVote, raftpb.MsgVote)
		c.net.drop(func(m *raftpb.Message) bool {
			tie.pass(m, election/20)
			return false
		})
		began := time.Now()
		var all sync.WaitGroup
		for _, id := range three {
			if id != lead {
				all.Go(func() { c.rigs[id].node.ConnectionLost(lead) })
			}
		}
		all.Wait()
		next := c.leaderOtherThan(lead)
		took := time.Since(began)
		c.net.drop(nil)
		terms := c.rigs[next].node.Status().Term - term
		t.Logf("%d terms and %v later there is a leader", terms, took)
		splits += terms - 1
		if took >= election {
			t.Errorf("it took an election timeout: %v", took)
		}
		c.net.set(lead, c.rigs[lead].node, false)
	}
}
