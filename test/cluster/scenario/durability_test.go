package scenario

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pando/test/cluster"
	"pando/test/cluster/history"
	"pando/test/fault/keys"
)

func TestScenario12KillTheLeaderUnderWriters(t *testing.T) {
	c := start(t, 3)
	h := history.New()
	names := []string{"/w/a", "/w/b", "/w/c", "/w/d"}
	ctx, stop := context.WithCancel(context.Background())
	var all sync.WaitGroup
	var wrong error
	all.Go(func() {
		wrong = h.Run(ctx, history.Load{Endpoints: cluster.Endpoints(c.Members()), Clients: 9, Keys: names,
			Mix: history.Mix{Put: 1}, Timeout: 2 * time.Second, Seed: 12})
	})
	acknowledge(c, h, 500)
	leader := c.AwaitLeader()
	leader.Kill()
	acknowledge(c, h, 500)
	leader.Start()
	stop()
	all.Wait()
	for _, name := range names {
		wrong = errors.Join(wrong, history.Do(keys.New(leader.Endpoint, 1), rt, h, &history.Op{Client: 9, Kind: history.Get, Key: name}))
	}
	t.Log(h)
	if err := errors.Join(wrong, history.CheckLinear(h.Ops(), cluster.Patience), history.CheckOrder(h.Ops())); err != nil {
		t.Error(err)
	}
	c.SameTree()
}

// acknowledge waits for so many more writes.
func acknowledge(c *cluster.Cluster, h *history.History, more int) {
	target := h.Acknowledged() + more
	c.Await("acknowledged writes", cluster.Patience, func() error {
		if n := h.Acknowledged(); n < target {
			return fmt.Errorf("%d of %d", n, target)
		}
		return nil
	})
}

// patient is a client that sends one write after another, each to one endpoint after another until one carries it out.
type patient struct {
	members []*cluster.Member
	stop    chan struct{}
	all     sync.WaitGroup
	longest time.Duration
	failed  int // attempts, of which the client tried the next at another endpoint
	err     error
	count   atomic.Int64
}

// attempt is how long it waits for one endpoint.
const attempt = 2 * et

func (p *patient) run() {
	for n := 0; ; n++ {
		began := time.Now()
		for try := n; ; try++ {
			a, err := p.members[try%len(p.members)].Do(attempt, http.MethodPut, keys.Path("/patient"), keys.Form("value", strconv.Itoa(n)))
			if err == nil && a.OK() {
				break
			}
			p.failed++
			if time.Since(began) > cluster.Patience {
				p.err = fmt.Errorf("write %d: %v, %w", n, a, err)
				return
			}
		}
		p.longest = max(p.longest, time.Since(began))
		p.count.Add(1)
		select {
		case <-p.stop:
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func TestScenario13RollingRestart(t *testing.T) {
	c := start(t, 3)
	ids := fmt.Sprint(c.Members()[0].List())
	p := &patient{members: c.Members(), stop: make(chan struct{})}
	p.all.Go(p.run)
	for _, m := range c.Members() {
		m.Stop()
		m.Start()
	}
	close(p.stop)
	p.all.Wait()
	t.Logf("%d writes, longest %v", p.count.Load(), p.longest)
	// etcd can do it in 1.4 s, or need several elections when the next member is stopped before the last one is in touch.
	if limit := by(c, et, 2*rt, 2*rt); p.err != nil || p.longest > limit {
		t.Errorf("a write took %v, more than %v: %v", p.longest, limit, p.err)
	}
	if now := fmt.Sprint(c.Members()[0].List()); now != ids {
		t.Errorf("the members were %s and are %s", ids, now)
	}
	c.SameTree()
}

func TestScenario14SnapshotForALaggingFollower(t *testing.T) {
	c := start(t, 3, "--snapshot-count", "100")
	leader := c.AwaitLeader()
	follower := c.Without(leader)[0]
	follower.Kill()
	const writes, writers = 6500, 32
	client := keys.New(leader.Endpoint, writers)
	defer client.Close()
	var all sync.WaitGroup
	var sent atomic.Int64
	for range writers {
		all.Go(func() {
			for n := sent.Add(1); n <= writes; n = sent.Add(1) {
				a, err := client.Do(context.Background(), http.MethodPut, keys.Path(fmt.Sprintf("/n/%d", n%50)), keys.Form("value", strconv.FormatInt(n, 10)))
				if err != nil || !a.OK() {
					t.Errorf("write %d: %v, %v", n, a, err)
					return
				}
			}
		})
	}
	all.Wait()
	last := leader.MustPut("/last", "1")
	follower.Start()
	t.Logf("caught up %v after it was ready", c.Await("to catch up", cluster.Patience, func() error {
		if a, err := follower.Get("/"); err != nil || a.Index < last.Index {
			return fmt.Errorf("%v, %w", a, err)
		}
		return nil
	}))
	if c.Kind() != cluster.Pando && !strings.Contains(follower.Log(), "recover") {
		t.Error("it caught up without a snapshot")
	}
	for _, m := range []*cluster.Member{leader, follower} {
		back := func(n uint64) *pending {
			p := send(m, "GET", keys.Path("/", "wait", "true", "recursive", "true", "waitIndex", strconv.FormatUint(last.Index-n, 10)))
			<-p.done
			return p
		}
		if p := back(500); p.err != nil || p.answer.Node == nil || p.answer.Node.ModifiedIndex != last.Index-500 {
			t.Errorf("%v: an event 500 back: %v, %v", m, p.answer, p.err)
		}
		if p := back(1500); p.err != nil || p.answer.ErrorCode != 401 {
			t.Errorf("%v: an event 1500 back: %v, %v", m, p.answer, p.err)
		}
	}
	c.SameTree()
}
