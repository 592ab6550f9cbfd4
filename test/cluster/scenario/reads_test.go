package scenario

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"pando/test/cluster"
	"pando/test/fault/keys"
)

func TestScenario26ReadsOnAFollower(t *testing.T) {
	c := start(t, 3)
	leader := c.AwaitLeader()
	follower := c.Without(leader)[0]
	const rounds = 200
	stale := 0
	for n := range rounds {
		value := strconv.Itoa(n)
		leader.MustPut("/a", value)
		if follower.Value("/a") != value {
			stale++
		}
		if a, err := follower.Get("/a", "quorum", "true"); err != nil || a.Node.Value != value {
			t.Fatalf("round %d, quorum read: %v, %v", n, a, err)
		}
		follower.MustPut("/b", value)
		if v := follower.Value("/b"); v != value {
			t.Fatalf("round %d, read where it was written: %q", n, v)
		}
	}
	t.Logf("%d of %d plain reads right after a write to the leader were stale", stale, rounds)

	follower.Pause()
	leader.MustPut("/a", "thawed")
	follower.Resume()
	holds(c, follower, "/a", "thawed", short)
	c.SameTree()
}

func TestScenario27WatchOnAFollower(t *testing.T) {
	c := start(t, 3)
	leader := c.AwaitLeader()
	follower := c.Without(leader)[0]
	w, dying := open(t, follower, "/w"), open(t, leader, "/w")
	var latest time.Duration
	for n := range 50 {
		a := leader.MustPut("/w/a", strconv.Itoa(n))
		began := time.Now()
		e := w.next(t, short)
		latest = max(latest, time.Since(began))
		if e.Node.ModifiedIndex != a.Node.ModifiedIndex || e.Node.Value != a.Node.Value {
			t.Fatalf("event %+v after %v", e.Node, a)
		}
	}
	t.Logf("events came at most %v after the answer", latest)
	leader.Kill()
	dying.cut(t, short)
	next := c.AwaitLeader(c.Without(leader)...)
	a := next.MustPut("/w/b", "1")
	if e := w.next(t, short); e.Node.ModifiedIndex != a.Node.ModifiedIndex {
		t.Errorf("event %+v after %v", e.Node, a)
	}
	leader.Start()
	c.SameTree()
}

func TestScenario28TTLAcrossLeaders(t *testing.T) {
	t.Parallel()
	c := start(t, 3)
	leader := c.AwaitLeader()
	others := c.Without(leader)
	began := time.Now()
	send(leader, "PUT", keys.Path("/due"), "value", "1", "ttl", "1").ok(t) // in the time without a leader
	send(leader, "PUT", keys.Path("/later"), "value", "1", "ttl", "5").ok(t)
	for _, m := range others {
		holds(c, m, "/later", "1", short)
	}
	leader.Kill()
	gone(c, others[0], "/due", 2*elected)
	t.Logf("a TTL of 1 s: gone after %v", time.Since(began))
	gone(c, others[0], "/later", 2*elected)
	took := time.Since(began)
	t.Logf("a TTL of 5 s: gone after %v", took)
	if took < 4900*time.Millisecond || took > 5*time.Second+elected {
		t.Errorf("a TTL of 5 s lasted %v", took)
	}
	leader.Start()
	c.SameTree()
}

func TestScenario29TTLWithoutQuorum(t *testing.T) {
	t.Parallel()
	c := start(t, 3)
	leader := c.AwaitLeader()
	left := c.Without(leader)[0]
	w := open(t, left, "/ttl")
	send(leader, "PUT", keys.Path("/ttl"), "value", "1", "ttl", "2").ok(t)
	w.next(t, short)
	for _, m := range c.Without(left) {
		m.Kill()
	}
	c.Await("a TTL that is overdue", cluster.Patience, func() error {
		a, err := left.Get("/ttl")
		if err != nil {
			t.Fatalf("without a quorum: %v", err)
		}
		if a.Node.TTL >= 0 {
			return fmt.Errorf("TTL %d", a.Node.TTL)
		}
		return nil
	})
	for _, m := range c.Without(left) {
		m.Launch()
	}
	if e := w.next(t, cluster.Patience); e.Action != "expire" {
		t.Errorf("told %+v instead of the end", e)
	}
	c.AwaitReady(c.Members()...)
	c.SameTree()
}
