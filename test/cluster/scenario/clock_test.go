package scenario

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"pando/test/cluster"
	"pando/test/fault/keys"
	"pando/test/server"
)

// Clocks that jump. A key expires at the wall-clock time that the member which took the write has fixed; the leader's
// clock decides when that is; and each member shows the remaining TTL by its own.

// settle is the latest that a key is gone which is due by the leader's clock.
const settle = time.Second

// jumpTo sets a member's clock so much ahead.
func jumpTo(m *cluster.Member, ahead time.Duration) { m.Suffer(server.Faults{Clock: ahead}) }

// brief writes a key with a TTL in seconds through a member, waits until everybody has it, and returns the answer's TTL
// and the moment before it was sent.
func brief(t *testing.T, c *cluster.Cluster, m *cluster.Member, key string, ttl int) (shown int64, began time.Time) {
	t.Helper()
	began = time.Now()
	a, err := m.Do(rt, http.MethodPut, keys.Path(key), keys.Form("value", "1", "ttl", fmt.Sprint(ttl)))
	if err != nil || !a.OK() {
		t.Fatalf("%v: %v, %v", m, a, err)
	}
	return a.Node.TTL, began
}

// shows fails the test unless a member shows a TTL of a key within a second of the one that is wanted.
func shows(t *testing.T, m *cluster.Member, key string, want int64) {
	t.Helper()
	a, err := m.Get(key)
	if err != nil {
		t.Errorf("%s: %v", key, err)
		return
	}
	if got := a.Node.TTL; got < want-2 || got > want {
		t.Errorf("%v shows a TTL of %d for %s, not %d", m, got, key, want)
	}
}

func startClocks(t *testing.T) (c *cluster.Cluster, leader *cluster.Member, followers []*cluster.Member) {
	t.Helper()
	c = startFaulty(t, 3, "--ttl-grace", "0")
	leader = c.AwaitLeader()
	return c, leader, c.Without(leader)
}

// remains fails the test if a key is not there any more before a time has passed since it was written.
func remains(t *testing.T, m *cluster.Member, key string, began time.Time, until time.Duration) {
	t.Helper()
	for time.Since(began) < until {
		if a, err := m.Get(key); err != nil {
			t.Errorf("%s: after %v: %v, %v", key, time.Since(began), a, err)
			return
		}
		lasting(50 * time.Millisecond)
	}
}

// Scenarios 31 and 32: the leader's clock jumps ahead.
func TestScenario31And32LeaderAhead(t *testing.T) {
	t.Parallel()
	c, leader, followers := startClocks(t)
	_, began := brief(t, c, leader, "/ttl", 30)
	for _, m := range followers {
		holds(c, m, "/ttl", "1", short)
	}
	passed := func() int64 { return int64(time.Since(began) / time.Second) }
	jumpTo(leader, 20*time.Second)
	shows(t, leader, "/ttl", 10-passed())
	for _, m := range followers {
		shows(t, m, "/ttl", 30-passed())
	}
	w := open(t, followers[0], "/ttl")
	jumped := time.Now()
	jumpTo(leader, 40*time.Second)
	if e := w.next(t, short); e.Action != "expire" {
		t.Errorf("told of %+v", e)
	}
	if took := time.Since(jumped); took > settle {
		t.Errorf("it went %v after the leader's clock had passed it", took)
	}
	for _, m := range c.Members() {
		gone(c, m, "/ttl", short)
	}
	jumpTo(leader, 0)
	c.SameTree()
}

// Scenario 33: a key that was taken by a leader whose clock was ahead lives that much longer when it is set back.
func TestScenario33LeaderBack(t *testing.T) {
	t.Parallel()
	c, leader, followers := startClocks(t)
	const ahead = 4 * time.Second
	jumpTo(leader, ahead)
	shown, began := brief(t, c, leader, "/ttl", 2)
	if shown != 2 {
		t.Errorf("the answer shows a TTL of %d", shown)
	}
	jumpTo(leader, 0)
	holds(c, followers[0], "/ttl", "1", short)
	shows(t, followers[0], "/ttl", 6)
	remains(t, followers[0], "/ttl", began, 2*time.Second+ahead)
	gone(c, followers[0], "/ttl", settle)
	c.SameTree()
}

// Scenario 34: a leader whose clock is behind fixes and keeps its own time.
func TestScenario34LeaderBehind(t *testing.T) {
	t.Parallel()
	c, leader, followers := startClocks(t)
	jumpTo(leader, -time.Minute)
	_, began := brief(t, c, leader, "/ttl", 2)
	holds(c, followers[0], "/ttl", "1", short)
	shows(t, followers[0], "/ttl", -58)
	shows(t, leader, "/ttl", 2)
	remains(t, followers[0], "/ttl", began, 2*time.Second)
	gone(c, followers[0], "/ttl", settle)
	jumpTo(leader, 0)
	c.SameTree()
}

// Scenarios 35 and 36: the member that takes the write is a follower whose clock is ahead, or behind.
func TestScenario35And36FollowerTakesTheWrite(t *testing.T) {
	t.Parallel()
	c, leader, followers := startClocks(t)
	const ahead = 5 * time.Second
	jumpTo(followers[0], ahead)
	shown, began := brief(t, c, followers[0], "/ahead", 2)
	if shown != 2 {
		t.Errorf("the answer shows a TTL of %d", shown)
	}
	holds(c, followers[1], "/ahead", "1", short)
	shows(t, followers[1], "/ahead", 7)
	shows(t, leader, "/ahead", 7)
	remains(t, leader, "/ahead", began, 2*time.Second+ahead)
	gone(c, leader, "/ahead", settle)

	w := open(t, leader, "/behind")
	jumpTo(followers[0], -100*time.Second)
	if shown, _ := brief(t, c, followers[0], "/behind", 5); shown != 5 {
		t.Errorf("the answer shows a TTL of %d", shown)
	}
	if e := w.next(t, short); e.Node.TTL > -93 || e.Node.TTL < -96 {
		t.Errorf("a watch on the leader shows a TTL of %d", e.Node.TTL)
	}
	if e := w.next(t, short); e.Action != "expire" {
		t.Errorf("told of %+v", e)
	}
	jumpTo(followers[0], 0)
	c.SameTree()
}

// Scenario 37: the leader dies, and the clocks of the survivors are ahead. Keys that are due by them stay until the
// grace after the election is over, so that owners who are alive can refresh them; then they go.
func TestScenario37SurvivorsAhead(t *testing.T) {
	t.Parallel()
	const grace = 2 * et
	c := startFaulty(t, 3, "--ttl-grace", fmt.Sprint(grace.Milliseconds()))
	leader := c.AwaitLeader()
	followers := c.Without(leader)
	brief(t, c, leader, "/idle", 60)
	brief(t, c, leader, "/alive", 60)
	for _, m := range followers {
		holds(c, m, "/alive", "1", short)
		jumpTo(m, 5*time.Minute)
		shows(t, m, "/idle", -240)
	}
	w := open(t, followers[0], "/")
	leader.Kill()
	next := c.AwaitLeader(followers...)
	elected := time.Now()
	brief(t, c, next, "/alive", 60)
	if e := w.next(t, short); e.Node.Key != "/alive" || e.Action != "set" {
		t.Errorf("told of %+v", e)
	}
	if e := w.next(t, grace+short); e.Node.Key != "/idle" || e.Action != "expire" {
		t.Errorf("told of %+v", e)
	}
	if took := time.Since(elected); took < grace-settle || took > grace+settle {
		t.Errorf("it went %v after the election, with a grace of %v", took, grace)
	}
	if next.Value("/alive") == "" {
		t.Error("a key that was refreshed is gone")
	}
	for _, m := range followers {
		jumpTo(m, 0)
	}
	leader.Start()
	next.MustPut("/alive", "without a TTL") // which each member would show by its own clock
	c.SameTree()
}

// A clock that is wrong when a member starts changes nothing but TTLs, and another member says so when it is behind.
func TestStartsWithAWrongClock(t *testing.T) {
	t.Parallel()
	c, leader, followers := startClocks(t)
	wrong, observer := followers[0], followers[1]
	for _, ahead := range []time.Duration{24 * time.Hour, -24 * time.Hour} {
		wrong.Kill()
		jumpTo(wrong, ahead)
		wrong.Start()
		for range 20 {
			wrong.MustPut("/a", ahead.String())
		}
		holds(c, leader, "/a", ahead.String(), short)
	}
	observer.Kill() // it looks after 5 s, and then each 30 s
	observer.Start()
	c.Await("a warning about the clock", cluster.Patience, func() error {
		if !strings.Contains(observer.Log(), "the clock of a peer differs") {
			return errors.New("no word of it")
		}
		return nil
	})
	c.SameTree()
}
