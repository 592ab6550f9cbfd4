package raft

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"pando/fsys"
)

func TestEveryMemberTakesWrites(t *testing.T) {
	c := startCluster(t)
	for i := range 30 {
		c.rigs[three[i%3]].mustPropose(fmt.Sprint(i))
	}
	c.equal(30)
}

// A read through any member sees what was written through any other before.
func TestReadIndexThroughEveryMember(t *testing.T) {
	c := startCluster(t)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for i := range 30 {
		c.rigs[three[i%3]].mustPropose(fmt.Sprint(i))
		reader := c.rigs[three[(i+1)%3]]
		if err := reader.node.ReadIndex(ctx); err != nil {
			t.Fatal(err)
		}
		if got := len(reader.sm.texts()); got != i+1 {
			t.Fatalf("after write %d another member sees %d", i+1, got)
		}
	}
}

func TestHandOverIsQuick(t *testing.T) {
	c := startCluster(t)
	old := c.leader()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := c.rigs[old].node.HandOver(ctx); err != nil {
		t.Fatal(err)
	}
	if lead := c.rigs[old].node.Status().Leader; lead == old || lead == 0 {
		t.Errorf("handed over, the old leader knows %d as the leader", lead)
	}
	if lead := c.leader(); lead == old {
		t.Error("the old leader still leads")
	}
	c.rigs[old].mustPropose("through the old leader")
	c.equal(1)
}

// A broken connection to a leader that is alive changes nothing.
func TestFalseAlarmDisturbsNobody(t *testing.T) {
	c := startCluster(t)
	lead := c.leader()
	term := c.rigs[lead].node.Status().Term
	for _, id := range three {
		if id != lead {
			c.rigs[id].node.ConnectionLost(lead)
			break
		}
	}
	for i := range 50 {
		c.rigs[lead].mustPropose(fmt.Sprint(i))
	}
	c.equal(50)
	if s := c.rigs[lead].node.Status(); s.Leader != lead || s.Term != term {
		t.Errorf("the leader of term %d is now %d of term %d", term, s.Leader, s.Term)
	}
}

// A batch that was lost, and whose callers gave up, does not stand in the way of those
// behind it.
func TestWritesAfterALostBatch(t *testing.T) {
	c := startCluster(t)
	lead := c.leader()
	follower := c.rigs[lead%3+1]
	term := follower.node.Status().Term
	c.net.set(lead%3+1, follower.node, true)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
	defer cancel()
	id := follower.ids.Next()
	if _, err := follower.node.Propose(ctx, id, command(id, "lost")); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("a member that is cut off answers %v", err)
	}
	for range 3 { // until it has been given up
		<-time.After(testConfig(t, fsys.OS, "").Heartbeat)
	}
	c.net.set(lead%3+1, follower.node, false)
	follower.mustPropose("after it")
	if s := follower.node.Status(); s.Term != term {
		t.Logf("there was an election: term %d after %d", s.Term, term)
	}
	c.equal(1)
}

// What a member gets from its leader after its start is not replayed: it may become ready, and be watched, in the middle of it.
func TestOnlyItsOwnLogIsReplayed(t *testing.T) {
	c := startCluster(t)
	out := c.aFollower()
	c.rigs[c.leader()].mustPropose("before")
	c.equal(1)
	c.rigs[out].close()
	c.cutOff(out)
	lead := c.rigs[c.leader()]
	lead.mustPropose("after")
	known := lead.node.Status().Applied
	lead.write("missed", 500)
	c.start(out)
	c.rigs[out].ready()
	c.equal(502)
	if last := c.rigs[out].sm.replayed.Load(); last == 0 || last > known {
		t.Errorf("entries up to %d were replayed; those up to %d were written before the member was stopped", last, known)
	}
}

// Writers at every member while leaders are cut off again and again: each write is
// carried out exactly once, and what was acknowledged is kept (replication design,
// section 2).
func TestWritesAroundElectionsAreCarriedOutOnce(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	c := startCluster(t)
	stop := make(chan struct{})
	acks := &acked{lists: map[int][]string{}}
	var wg sync.WaitGroup
	for w := range 9 {
		wg.Go(func() {
			r := c.rigs[three[w%3]]
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				text := fmt.Sprintf("%d.%d", w, i)
				if err := r.propose(text); err != nil {
					t.Errorf("writer %d: %v", w, err)
					return
				}
				acks.add(w, text)
			}
		})
	}
	for range 8 {
		lead := c.leader()
		c.net.set(lead, c.rigs[lead].node, true)
		for _, id := range three {
			if id != lead && rng.IntN(2) == 0 {
				c.rigs[id].node.ConnectionLost(lead)
			}
		}
		if rng.IntN(3) > 0 { // else the cut is over before anybody minds
			c.leaderOtherThan(lead)
		}
		c.net.set(lead, c.rigs[lead].node, false)
		before := len(c.rigs[lead].sm.texts())
		for deadline := time.Now().Add(patience); len(c.rigs[lead].sm.texts()) == before; {
			if time.Now().After(deadline) {
				t.Fatal("the old leader does not catch up")
			}
			<-time.After(time.Millisecond)
		}
	}
	close(stop)
	wg.Wait()
	c.equal(1)
	check(t, c.rigs[1].sm.texts(), acks.copy())
}
