package raft

import (
	"math/rand/v2"
	"testing"
	"testing/cryptotest"
	"time"
)

// A read that begins when the level has changed is not answered by the question of those
// before it, which may be older than what it has to show.
func TestReadsDoNotJoinTheOtherLevelsQuestion(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 1)
	rng := rand.New(rand.NewPCG(1, 0))
	s := newSimulation(rng, calm(rng, 3))
	for _, m := range s.members {
		m.start()
	}
	s.until(5*time.Second, func() bool { return false })
	follower := s.members[s.leader().id%3]
	l := follower.node.loop
	ask := func(level int) {
		l.rules.level = level
		if err := l.n.reads.put(make(chan error, 1)); err != nil {
			t.Fatal(err)
		}
		l.askReads()
	}
	ask(0)
	if l.barrier.p == nil {
		t.Fatal("no barrier")
	}
	ask(1)
	if l.barrier.p != nil {
		t.Error("the barrier of the first read would answer the second")
	}
	if !l.readAsked {
		t.Fatal("the leader is not asked")
	}
	ask(0)
	if l.readAsked {
		t.Error("the leader's answer to the second read would answer the third")
	}
}
