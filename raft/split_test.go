package raft

import (
	"sync"
	"testing"
	"time"
)

// Two followers that notice the leader's end at the same moment split the votes. They try again, each after a time of its
// own, and not only after another election timeout.
func TestSplitVotesAreSettledSoon(t *testing.T) {
	const wanted, rounds, election = 3, 100, 2 * time.Second
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
		terms := c.rigs[next].node.Status().Term - term
		t.Logf("%d terms and %v later there is a leader", terms, took)
		splits += terms - 1
		if took >= election {
			t.Errorf("it took an election timeout: %v", took)
		}
		c.net.set(lead, c.rigs[lead].node, false)
	}
}
