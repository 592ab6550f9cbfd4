package scenario

import (
	"testing"
	"time"

	"pando/test/cluster"
)

func TestScenario22WipedDisk(t *testing.T) {
	c := start(t, 3)
	leader := c.AwaitLeader()
	leader.MustPut("/a", "1")
	m := c.Without(leader)[0]
	for _, state := range []string{"new", "existing"} {
		m.Kill()
		m.Wipe()
		m.Launch("--initial-cluster-state", state)
		if err := m.Wait(cluster.Patience); err == nil {
			t.Errorf("state %s: a member that lost its disk took up its old place", state)
		}
	}
	leader.MustPut("/a", "2")
	c.Remove(m, leader)
	m.Wipe()
	c.AddAgain(m, leader)
	m.Start()
	m.MustPut("/a", "3")
	c.SameTree()
}

func TestScenario30AFollowerComesBack(t *testing.T) {
	c := start(t, 3)
	leader := c.AwaitLeader()
	follower := c.Without(leader)[0]
	before := leader.MustPut("/a", "1")
	p := probing(c.Without(follower))
	c.Isolate(follower)
	leads(c, follower, nil, elected)
	lasting(2 * et)
	c.Heal()
	after := leader.MustPut("/last", "1")
	holds(c, follower, "/last", "1", 2*elected)
	p.more(c, 5)
	etcd := limits{gap: elected, slowest: rt + time.Second, failing: true}
	p.end(t, by(c, limits{gap: et, slowest: et}, etcd, etcd))
	if now := follower.MustPut("/b", "1"); now.Term != before.Term || after.Term != before.Term {
		t.Logf("term %d, then %d", before.Term, now.Term)
		if c.Kind() == cluster.Pando {
			t.Error("it forced an election")
		}
	}
	c.SameTree()
}
