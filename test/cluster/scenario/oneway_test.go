package scenario

import (
	"testing"

	"pando/test/cluster"
)

// A way that carries nothing in one direction costs no election and no write, whichever it is: the leader is heard by one
// other member and hears it, and whoever does not hear it is not believed.
func TestOneWayCuts(t *testing.T) {
	t.Parallel()
	c := start(t, 3)
	leader := c.AwaitLeader()
	followers := c.Without(leader)
	term := leader.MustPut("/a", "1").Term
	for name, cut := range map[string][2]*cluster.Member{
		"from the leader":   {leader, followers[0]},
		"to the leader":     {followers[0], leader},
		"between the other": {followers[0], followers[1]},
	} {
		t.Run(name, func(t *testing.T) {
			p := probing([]*cluster.Member{leader, followers[1]})
			c.Cut(cut[0], cut[1])
			lasting(4 * et)
			c.Heal()
			p.more(c, 5)
			etcd := limits{gap: elected, slowest: rt + short, failing: true}
			p.end(t, by(c, limits{gap: 3 * et / 2, slowest: 3 * et / 2}, etcd, etcd))
			followers[0].MustPut("/b", name)
			c.SameTree()
		})
	}
	if c.Kind() == cluster.Pando {
		unmoved(t, c, leader, term)
	}
}
