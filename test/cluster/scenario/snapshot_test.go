package scenario

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pando/test/cluster"
	"pando/test/fault/keys"
)

// fill writes n values below a key through a member, many at a time.
func fill(t *testing.T, m *cluster.Member, key string, n int64) {
	t.Helper()
	const writers = 32
	client := keys.New(m.Endpoint, writers)
	defer client.Close()
	var all sync.WaitGroup
	var sent atomic.Int64
	for range writers {
		all.Go(func() {
			for i := sent.Add(1); i <= n; i = sent.Add(1) {
				a, err := client.Do(context.Background(), http.MethodPut, keys.Path(fmt.Sprintf("%s/%d", key, i%50)), keys.Form("value", strconv.FormatInt(i, 10)))
				if err != nil || !a.OK() {
					t.Errorf("write %d: %v, %v", i, a, err)
					return
				}
			}
		})
	}
	all.Wait()
}

// Watches on a follower that gets a snapshot go on without a gap where the history that comes with it reaches back to them.
func TestScenario15WatchesGoOnBehindASnapshot(t *testing.T) {
	c := startFaulty(t, 3, longHistory...)
	leader := c.AwaitLeader()
	follower := c.Without(leader)[0]
	leader.MustPut("/n/0", "1")
	holds(c, follower, "/n/0", "1", cluster.Patience)
	all, one := open(t, follower, "/n"), open(t, follower, "/w")
	follower.Pause()
	missed := leader.MustPut("/w", "missed").Node.ModifiedIndex
	const writes = 12_000 // more than the others hold of the log, fewer than they tell of
	fill(t, leader, "/n", writes)
	follower.Resume()
	if e := one.next(t, cluster.Patience); e.Node.ModifiedIndex != missed || e.Node.Value != "missed" {
		t.Errorf("told of %+v instead of %d", e.Node, missed)
	}
	after := leader.MustPut("/w", "after").Node.ModifiedIndex
	if e := one.next(t, cluster.Patience); e.Node.ModifiedIndex != after {
		t.Errorf("told of %+v instead of %d", e.Node, after)
	}
	for last, n := missed, 0; n < writes; n++ {
		e := all.next(t, cluster.Patience)
		if e.Node.ModifiedIndex != last+1 {
			t.Fatalf("event %d follows %d", e.Node.ModifiedIndex, last)
		}
		last++
	}
	if !strings.Contains(follower.Log(), "installed a snapshot") {
		t.Error("it caught up without a snapshot")
	}
	c.SameTree()
}

// A watch on a follower that missed more than the history holds is cut when the follower gets a snapshot. etcd leaves it
// open and never tells it what it missed.
func TestScenario15WatchesOnAFrozenFollower(t *testing.T) {
	c := start(t, 3)
	leader := c.AwaitLeader()
	follower := c.Without(leader)[0]
	leader.MustPut("/n/0", "1")
	holds(c, follower, "/n/0", "1", cluster.Patience)
	w := open(t, follower, "/n")
	follower.Pause()
	fill(t, leader, "/n", 12_000) // more than the others hold of the log
	p := probing(c.Without(follower))
	follower.Resume()
	resumed := time.Now()
	leader.MustPut("/last", "1")
	holds(c, follower, "/last", "1", cluster.Patience)
	t.Logf("caught up %v after it went on", time.Since(resumed))
	p.more(c, 5)
	p.end(t, limits{gap: elected, slowest: rt, failing: c.Kind() != cluster.Pando})
	if c.Kind() == cluster.Pando {
		w.cut(t, short)
		if !strings.Contains(follower.Log(), "installed a snapshot") {
			t.Error("it caught up without a snapshot")
		}
	}
	w = open(t, follower, "/next")
	leader.MustPut("/next/1", "1")
	if e := w.next(t, short); e.Node.Key != "/next/1" {
		t.Errorf("a new watch is told of %+v", e)
	}
	c.SameTree()
	follower.Kill()
	follower.Start()
	follower.MustPut("/after", "a restart")
	c.SameTree()
}
