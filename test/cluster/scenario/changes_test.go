package scenario

import (
	"slices"
	"testing"

	"pando/test/cluster"
)

// TestMembershipChangesUnderLoad: members are added, removed and replaced, the leader among them, until nobody of the
// beginning is left, and then back again, while clients compare-and-swap, write, read, delete and post, keys expire, and watchers
// follow. It is judged as TestKillPauseRestart is.
func TestMembershipChangesUnderLoad(t *testing.T) {
	t.Logf("seed %d", *seed)
	c := startFaulty(t, 3, longHistory...)
	first := c.Members()
	spares := []*cluster.Member{c.Spare(), c.Spare()}
	r := newRig(c, 0, append(c.Members(), spares...))
	defer r.end()
	work := func() {
		t.Helper()
		acknowledge(c, r.history, 20)
	}
	add := func(m *cluster.Member) {
		t.Helper()
		c.AddAgain(m, c.AwaitLeader())
		work() // before it runs
		m.Start()
		work()
	}
	remove := func(m, through *cluster.Member) {
		t.Helper()
		c.Remove(m, through)
		if err := m.Wait(cluster.Patience); err != nil {
			t.Errorf("removed, %v ended with %v", m, err)
		}
		m.Wipe()
		work()
	}
	follower := func() *cluster.Member { return c.Without(c.AwaitLeader())[0] }
	work()
	for _, m := range spares {
		add(m)
	}
	for range first {
		m := c.AwaitLeader()
		if slices.Contains(spares, m) {
			m = c.Without(spares...)[0]
		}
		remove(m, m)
	}
	for _, m := range spares { // each of the two is needed, so both have a vote
		m.Pause()
		lasting(et / 2)
		m.Resume()
		work()
	}
	for _, m := range first {
		add(m)
	}
	leader := c.AwaitLeader()
	remove(leader, c.Without(leader)[0])
	add(leader)
	dead := follower()
	dead.Kill()
	work()
	c.Remove(dead, c.AwaitLeader(c.Without(dead)...))
	dead.Wipe()
	add(dead)
	r.stop()
	r.judge(t)
	c.SameTree()
}
