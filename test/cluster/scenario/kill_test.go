package scenario

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"pando/test/cluster"
	"pando/test/cluster/history"
	"pando/test/fault/keys"
)

// timeEnv is how long TestKillPauseRestart goes on, as a Go duration; -faults says the same.
const timeEnv = "PANDO_TEST_CLUSTER_TIME"

var (
	faultTime = flag.Duration("faults", envDuration(timeEnv, 15*time.Second), "how long members are killed, paused, cut off and restarted")
	seed      = flag.Uint64("seed", rand.Uint64(), "of the faults and of what clients do")
)

func envDuration(name string, otherwise time.Duration) time.Duration {
	if d, err := time.ParseDuration(os.Getenv(name)); err == nil {
		return d
	}
	return otherwise
}

const (
	clients = 12
	// worst is the longest time that a member is away: long enough for an election and for some work without it.
	worst = 2 * et
	// calm is the longest time between two faults.
	calm = et
)

// TestKillPauseRestart: one member after another is killed, stopped, paused or cut off for a while, as chance will have it, while
// clients compare-and-swap, write, read, delete and post, and watchers follow. In the end no write that was acknowledged is lost, each key's
// history is linear, watchers were told everything once and in order, and all members have the same tree.
func TestKillPauseRestart(t *testing.T) {
	t.Logf("seed %d, %v", *seed, *faultTime)
	random := rand.New(rand.NewPCG(*seed, 0))
	c := start(t, 3)
	r := newRig(c)
	defer r.end()
	acknowledge(c, r.history, 50)
	counts := map[string]int{}
	for end := time.Now().Add(*faultTime); time.Now().Before(end); {
		lasting(time.Duration(random.Int64N(int64(calm))))
		counts[fault(c, random)]++
	}
	acknowledge(c, r.history, 50)
	r.stop()
	t.Log(counts)
	t.Log(r.history)
	r.judge(t)
	c.SameTree()
}

// fault lets a random member suffer for a while, and says how.
func fault(c *cluster.Cluster, random *rand.Rand) string {
	m := c.Members()[random.IntN(len(c.Members()))]
	away := time.Duration(random.Int64N(int64(worst)))
	other := c.Without(m)[random.IntN(len(c.Members())-1)]
	switch n := random.IntN(12); {
	case n < 4:
		m.Kill()
		lasting(away)
		m.Start()
		return "killed"
	case n < 7:
		m.Pause()
		lasting(away)
		m.Resume()
		return "paused"
	case n < 8:
		m.Stop()
		m.Start()
		return "stopped"
	}
	how := ""
	switch random.IntN(3) {
	case 0:
		c.Isolate(m)
		how = "isolated"
	case 1:
		c.Cut(m, other)
		how = "not heard by one"
	case 2:
		c.Delay(m, other, away/10)
		how = "heard late by one"
	}
	lasting(away)
	c.Heal()
	return how
}

// rig is a load and some watchers.
type rig struct {
	c        *cluster.Cluster
	history  *history.History
	watchers []*history.Watcher
	names    []string

	quit    context.CancelFunc // ends the load
	working sync.WaitGroup
	wrong   error // what the load met; valid when it has ended

	unwatch  context.CancelFunc // ends the watchers
	watching sync.WaitGroup
}

// silence is how long a watcher stays with a member that tells nothing.
const silence = 700 * time.Millisecond

const dir, queue = "/k", "/k/queue"

func newRig(c *cluster.Cluster) *rig {
	r := &rig{c: c, history: history.New()}
	for n := range clients / 2 {
		r.names = append(r.names, fmt.Sprintf("%s/%d", dir, n))
	}
	endpoints := cluster.Endpoints(c.Members())
	watch, unwatch := context.WithCancel(context.Background())
	work, quit := context.WithCancel(context.Background())
	r.unwatch, r.quit = unwatch, quit
	for n := range endpoints {
		first := append(append([]string(nil), endpoints[n:]...), endpoints[:n]...)
		w := history.Watch(first, dir, 0, n > 0, silence)
		r.watchers = append(r.watchers, w)
		r.watching.Go(func() { w.Follow(watch) })
	}
	r.working.Go(func() {
		r.wrong = r.history.Run(work, history.Load{Endpoints: endpoints, Clients: clients, Keys: r.names, Queue: queue,
			Mix: history.Mix{Get: 2, Put: 1, CAS: 8, Delete: 1, Post: 1}, Timeout: 2 * et, Pause: 20 * time.Millisecond, Seed: *seed})
	})
	return r
}

// stop ends the load, reads every key once more and waits until the watchers have been told everything.
func (r *rig) stop() {
	r.quit()
	r.working.Wait()
	reader := keys.New(r.c.AwaitLeader().Endpoint, 1)
	defer reader.Close()
	for _, name := range r.names {
		r.wrong = errors.Join(r.wrong, history.Do(reader, rt, r.history, &history.Op{Client: clients, Kind: history.Get, Key: name}))
	}
	last := &history.Op{Client: clients, Kind: history.Put, Key: dir + "/end", Value: "end"}
	r.wrong = errors.Join(r.wrong, history.Do(reader, rt, r.history, last))
	r.c.Await("the watchers", cluster.Patience, func() error {
		for n, w := range r.watchers {
			if _, err := w.Events(); err == nil && w.Last() < last.Index {
				return fmt.Errorf("watcher %d is at %d of %d", n, w.Last(), last.Index)
			}
		}
		return nil
	})
	r.end()
}

// end ends whatever still runs.
func (r *rig) end() {
	r.quit()
	r.working.Wait()
	r.unwatch()
	r.watching.Wait()
}

func (r *rig) judge(t *testing.T) {
	t.Helper()
	ops := r.history.Ops()
	jobs, err := history.Jobs(keys.New(r.c.Members()[0].Endpoint, 1), rt, queue)
	if err = errors.Join(r.wrong, err, history.CheckLinear(ops, cluster.Patience), history.CheckOrder(ops), history.CheckJobs(ops, jobs)); err != nil {
		t.Error(err)
	}
	first, _ := r.watchers[0].Events()
	for n, w := range r.watchers {
		events, err := w.Events()
		if err = errors.Join(err, history.CheckEvents(events), history.CheckTold(ops, events), history.CheckSame(first, events)); err != nil {
			t.Errorf("watcher %d: %v", n, err)
		}
		t.Logf("watcher %d was told %d events", n, len(events))
	}
}
