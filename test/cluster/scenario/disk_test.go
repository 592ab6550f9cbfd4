package scenario

import (
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"pando/test/cluster"
	"pando/test/fault/keys"
	"pando/test/server"
)

// unmoved fails the test if anybody but this leader has led since the term.
func unmoved(t *testing.T, c *cluster.Cluster, leader *cluster.Member, term uint64) {
	t.Helper()
	now := c.AwaitLeader()
	if a := now.MustPut("/unmoved", "1"); now != leader || a.Term != term {
		t.Errorf("%v leads in term %d, it was %v in term %d", now, a.Term, leader, term)
	}
}

// A leader whose disk is slow goes on leading, and the others go on committing: they have the entries before they are on
// the leader's own disk.
func TestSlowDiskOfTheLeader(t *testing.T) {
	t.Parallel()
	for _, slow := range []time.Duration{300 * time.Millisecond, 3 * et} {
		t.Run(slow.String(), func(t *testing.T) {
			c := startFaulty(t, 3)
			leader := c.AwaitLeader()
			term := leader.MustPut("/a", "1").Term
			leader.Suffer(server.Faults{Slow: slow})
			p := probing(c.Without(leader))
			p.more(c, 40)
			p.end(t, limits{gap: 3 * et / 2, slowest: 3 * et / 2})
			began := time.Now()
			leader.MustPut("/b", "1")
			t.Logf("a write through the leader itself took %v", time.Since(began))
			leader.Suffer(server.Faults{})
			unmoved(t, c, leader, term)
			c.SameTree()
		})
	}
}

// A follower whose disk is slow slows nobody but its own clients.
func TestSlowDiskOfAFollower(t *testing.T) {
	t.Parallel()
	c := startFaulty(t, 3)
	leader := c.AwaitLeader()
	slow := c.Without(leader)[0]
	term := leader.MustPut("/a", "1").Term
	slow.Suffer(server.Faults{Slow: 3 * et})
	p := probing(c.Without(slow))
	p.more(c, 40)
	p.end(t, limits{gap: et, slowest: et})
	send(slow, http.MethodPut, keys.Path("/slow"), "value", "1").ok(t)
	slow.Suffer(server.Faults{})
	unmoved(t, c, leader, term)
	c.SameTree()
}

// A member whose fsync fails stops, with a reason. It costs the others nothing, and starts again when the disk is well.
func TestFailedFsyncStopsOneMember(t *testing.T) {
	t.Parallel()
	c := startFaulty(t, 3)
	for _, m := range []*cluster.Member{c.Without(c.AwaitLeader())[0], c.AwaitLeader()} {
		p := probing(c.Without(m))
		p.more(c, 5)
		m.Suffer(server.Faults{FailSync: true})
		var exit *exec.ExitError
		if err := m.Wait(cluster.Patience); !errors.As(err, &exit) || exit.ExitCode() != 1 {
			t.Errorf("%v ended with %v, not with status 1", m, err)
		}
		if log := m.Log(); !strings.Contains(log, "going on could lose acknowledged writes") || !strings.Contains(log, "input/output error") {
			t.Errorf("%v does not say why:\n%s", m, log)
		}
		p.more(c, 20)
		p.end(t, limits{gap: 3 * et / 2, slowest: 3 * time.Second})
		m.Suffer(server.Faults{})
		m.Start()
		c.SameTree()
	}
}

// bulky writes large values through a member until a condition holds.
func bulky(t *testing.T, c *cluster.Cluster, m *cluster.Member, until func() bool) {
	t.Helper()
	value := strings.Repeat("x", 512<<10)
	for n := range 100 {
		if until() {
			return
		}
		a, err := m.Do(rt+short, http.MethodPut, keys.Path(fmt.Sprintf("/bulk/%d", n%4)), keys.Form("value", value))
		if err != nil || !a.OK() {
			t.Fatalf("write %d through %v: %v, %v", n, m, a, err)
		}
	}
	t.Fatal("50 MB went onto a full disk")
}

// refuses fails the test unless a member says that its disk is full, and nothing but writes suffers from that.
func refuses(t *testing.T, m *cluster.Member) {
	t.Helper()
	for _, target := range []string{keys.Path("/a"), keys.Path("/a", "quorum", "true")} {
		if a, err := m.Do(rt+short, http.MethodGet, target, nil); err != nil || !a.OK() {
			t.Errorf("%v: GET %s: %v, %v", m, target, a, err)
		}
	}
	a, err := m.Do(short, http.MethodPut, keys.Path("/refused"), keys.Form("value", "1"))
	if err != nil || a.Status != http.StatusServiceUnavailable || a.ErrorCode != 300 || !strings.Contains(a.Cause, "no space left on the disk") {
		t.Errorf("%v: a write: %v, %v", m, a, err)
	}
	if m.Healthy() {
		t.Errorf("%v is healthy", m)
	}
}

// takes waits until a member takes writes again.
func takes(t *testing.T, c *cluster.Cluster, m *cluster.Member) {
	t.Helper()
	c.Await(m.Name+" to take writes", cluster.Patience, func() error {
		_, err := m.Put("/room", m.Name)
		return err
	})
}

// A full disk under a follower, and then under the leader: that member refuses writes and goes on reading, the others
// write on, and with room everything is well again without a restart. The leader hands over.
func TestFullDiskOfOneMember(t *testing.T) {
	t.Parallel()
	c := startFaulty(t, 3)
	leader := c.AwaitLeader()
	term := leader.MustPut("/a", "1").Term
	follower := c.Without(leader)[0]
	follower.Suffer(server.Faults{Full: true})
	bulky(t, c, leader, func() bool { return !follower.Healthy() })
	p := probing(c.Without(follower))
	refuses(t, follower)
	p.more(c, 20)
	p.end(t, limits{gap: et, slowest: et})
	follower.Suffer(server.Faults{})
	takes(t, c, follower)
	unmoved(t, c, leader, term)

	leader.Suffer(server.Faults{Full: true})
	p = probing(c.Without(leader))
	bulky(t, c, follower, func() bool { return !leader.Healthy() })
	next := c.AwaitLeader(c.Without(leader)...)
	if next == leader {
		t.Error("it goes on leading")
	}
	holds(c, leader, "/a", "1", short)
	refuses(t, leader)
	p.more(c, 20)
	p.end(t, limits{gap: et, slowest: et})
	leader.Suffer(server.Faults{})
	takes(t, c, leader)
	if now := c.AwaitLeader(); now != next {
		t.Errorf("%v leads instead of %v", now, next)
	}
	c.SameTree()
}

// Full disks everywhere: writes are refused everywhere and reads go on, until one after the other has room.
func TestFullDisksEverywhere(t *testing.T) {
	t.Parallel()
	c := startFaulty(t, 3)
	leader := c.AwaitLeader()
	leader.MustPut("/a", "1")
	for _, m := range c.Members() {
		m.Suffer(server.Faults{Full: true})
	}
	value := strings.Repeat("x", 512<<10)
	c.Await("all disks to be full", cluster.Patience, func() error {
		for _, m := range c.Members() {
			if m.Healthy() {
				_, _ = m.Do(short, http.MethodPut, keys.Path("/bulk"), keys.Form("value", value))
				return fmt.Errorf("%v is healthy", m)
			}
		}
		return nil
	})
	for _, m := range c.Members() {
		refuses(t, m)
	}
	for _, m := range c.Members()[:2] {
		m.Suffer(server.Faults{})
	}
	for _, m := range c.Members()[:2] {
		takes(t, c, m)
	}
	c.Members()[2].Suffer(server.Faults{})
	takes(t, c, c.Members()[2])
	c.SameTree()
}
