package scenario

import (
	"testing"
	"time"

	"pando/test/cluster"
	"pando/test/fault/keys"
)

// elected is how long survivors may go without a leader: a bound for any etcd on a busy machine, with split votes.
const elected = 4 * et

func TestScenario01KillTheLeader(t *testing.T) {
	c := start(t, 3)
	leader := c.AwaitLeader()
	p := probing(c.Without(leader))
	p.more(c, 5)
	leader.Kill()
	p.more(c, 5)
	if next := c.AwaitLeader(c.Without(leader)...); next == leader {
		t.Errorf("%v still leads", next)
	}
	etcd := limits{gap: elected, slowest: rt + time.Second, failing: true}
	p.end(t, by(c, limits{gap: 3 * et / 2, slowest: 3 * time.Second}, etcd, etcd))
	leader.Start()
	c.SameTree()
}

func TestScenario02TerminateTheLeader(t *testing.T) {
	c := start(t, 3)
	leader := c.AwaitLeader()
	others := c.Without(leader)
	p := probing(others)
	p.more(c, 5)
	began := time.Now()
	leader.Terminate()
	c.Await("another leader", elected, func() error {
		if name := others[0].Leader(); name == leader.Name || name == "" {
			return errStill
		}
		return nil
	})
	handed := time.Since(began)
	t.Logf("another leader after %v", handed)
	if limit := by(c, et/4, elected, et/4); handed > limit {
		t.Errorf("another leader after %v, not %v", handed, limit)
	}
	if err := leader.Wait(cluster.Patience); err != nil {
		t.Logf("it ended with %v", err) // etcd ends by the signal that it caught
	}
	p.more(c, 5)
	etcd := limits{gap: elected, slowest: rt + time.Second, failing: true}
	p.end(t, by(c, limits{gap: et * 3 / 4, slowest: et / 2}, etcd, etcd)) // a fifth of it passes between two writes
	leader.Start()
	c.SameTree()
}

func TestScenario03FreezeTheLeader(t *testing.T) {
	c := start(t, 3)
	leader := c.AwaitLeader()
	others := c.Without(leader)
	leader.MustPut("/a", "old")
	p := probing(others)
	p.more(c, 5)
	leader.Pause()
	p.more(c, 5)
	next := c.AwaitLeader(others...)
	next.MustPut("/a", "new")
	late := send(leader, "PUT", keys.Path("/late"), "value", "1")
	quorum := send(leader, "GET", keys.Path("/a", "quorum", "true"))
	leader.Resume()
	leads(c, leader, next, elected)
	late.ok(t)
	quorum.ok(t)
	if quorum.answer.Node.Value != "new" {
		t.Errorf("a quorum read on the old leader: %v", quorum.answer)
	}
	etcd := limits{gap: elected, slowest: rt + time.Second, failing: true}
	p.end(t, by(c, limits{gap: 2*et + et/2, slowest: 3 * time.Second}, etcd, etcd))
	c.SameTree()
}

func TestScenario04IsolateTheLeader(t *testing.T) {
	c := start(t, 3)
	leader := c.AwaitLeader()
	others := c.Without(leader)
	leader.MustPut("/a", "old")
	c.SameTree()
	w := open(t, leader, "/a")
	c.Isolate(leader)
	unheard := []*pending{send(leader, "PUT", keys.Path("/a"), "value", "unheard"), send(leader, "GET", keys.Path("/a", "quorum", "true"))}
	next := c.AwaitLeader(others...)
	next.MustPut("/a", "new")
	if c.Kind() == cluster.Etcd2 {
		leads(c, leader, leader, short) // for ever
	} else {
		leads(c, leader, nil, elected)
	}
	if v := leader.Value("/a"); v != "old" {
		t.Errorf("the old leader reads %q", v)
	}
	if leader.Healthy() {
		t.Error("isolated, the old leader is healthy")
	}
	for _, p := range unheard {
		p.fails(t, c)
	}
	c.Heal()
	holds(c, leader, "/a", "new", 2*elected)
	if now := c.AwaitLeader(); now != next && c.Kind() == cluster.Pando { // etcd 3 comes back with a higher term
		t.Errorf("that it came back made %v the leader, not %v", now, next)
	}
	if e := w.next(t, short); e.Node.Value != "new" {
		t.Errorf("the watch on the old leader: %+v", e.Node)
	}
	next.MustPut("/a", "last")
	if e := w.next(t, short); e.Node.Value != "last" {
		t.Errorf("the watch on the old leader: %+v", e.Node)
	}
	c.SameTree()
}

func TestScenario05IsolateTheLeaderForAMoment(t *testing.T) {
	c := start(t, 3)
	leader := c.AwaitLeader()
	p := probing(c.Members())
	p.more(c, 5)
	c.Isolate(leader)
	lasting(et * 6 / 10)
	c.Heal()
	p.more(c, 10)
	p.end(t, limits{gap: 2 * et, slowest: 2 * et})
	if next := c.AwaitLeader(); next != leader {
		t.Errorf("%v leads instead of %v", next, leader)
	}
	c.SameTree()
}

func TestScenario06EverybodyAlone(t *testing.T) {
	c := start(t, 3)
	leader := c.AwaitLeader()
	leader.MustPut("/a", "1")
	send(leader, "PUT", keys.Path("/ttl"), "value", "1", "ttl", "2").ok(t)
	for _, m := range c.Members() {
		holds(c, m, "/ttl", "1", short)
	}
	c.Partition()
	for _, m := range c.Members() {
		if m != leader || c.Kind() != cluster.Etcd2 {
			leads(c, m, nil, 2*elected)
		}
	}
	lasting(2 * et)
	for _, m := range c.Members() {
		if m.Value("/ttl") == "" || m.Value("/a") != "1" {
			t.Errorf("without a quorum, %v lost a key", m)
		}
	}
	c.Heal()
	c.AwaitLeader()
	c.Members()[0].MustPut("/a", "2")
	t.Logf("gone %v after a write", gone(c, c.Members()[0], "/ttl", elected))
	c.SameTree()
}
