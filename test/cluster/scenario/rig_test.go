package scenario

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pando/test/cluster"
	"pando/test/cluster/history"
	"pando/test/fault/keys"
)

const (
	// silence is how long a watcher that looks for a better member stays with one that tells nothing.
	silence = 700 * time.Millisecond
	// faithful is how long one stays that wants to hear it from its member: longer than any of them is away.
	faithful = time.Minute
)

// rig is a load below a directory and some watchers of it; where no etcd is among the members also keys that expire there, and
// watchers that stay with one member, for which etcd's history is too short.
type rig struct {
	c        *cluster.Cluster
	number   int
	dir      string
	members  []*cluster.Member // that clients know, running or not
	pando    bool              // none of them was etcd in the beginning
	history  *history.History
	watchers []*history.Watcher
	names    []string

	quit    context.CancelFunc // ends the load
	working sync.WaitGroup
	wrong   error // what the load met; valid when it has ended

	unwatch  context.CancelFunc // ends the watchers
	watching sync.WaitGroup
}

// newRig begins to work in a directory of its own.
func newRig(c *cluster.Cluster, number int, members []*cluster.Member) *rig {
	r := &rig{c: c, number: number, dir: fmt.Sprintf("/k%d", number), members: members, history: history.New()}
	r.pando = !slices.ContainsFunc(members, func(m *cluster.Member) bool { return m.Kind() != cluster.Pando })
	for n := range clients / 2 {
		r.names = append(r.names, fmt.Sprintf("%s/%d", r.dir, n))
	}
	from := c.AwaitLeader().MustPut(r.dir+"/begin", "begin").Node.ModifiedIndex
	work, quit := context.WithCancel(context.Background())
	r.quit = quit
	r.watch(from)
	r.working.Go(func() {
		r.wrong = r.history.Run(work, history.Load{Endpoints: cluster.Endpoints(members), Clients: clients, Keys: r.names, Queue: r.queue(),
			Mix: history.Mix{Get: 2, Put: 1, CAS: 8, Delete: 1, Post: 1}, Timeout: 2 * et, Pause: 20 * time.Millisecond, Seed: *seed + uint64(number)})
	})
	if r.pando {
		r.working.Go(func() { r.expiring(work) })
	}
	return r
}

func (r *rig) queue() string { return r.dir + "/queue" }

// watch begins with two watchers for each member: one that goes on with another when it falls silent, and one that stays.
func (r *rig) watch(from uint64) {
	ctx, unwatch := context.WithCancel(context.Background())
	r.unwatch = unwatch
	endpoints := cluster.Endpoints(r.members)
	for n, e := range endpoints {
		first := append(append([]string(nil), endpoints[n:]...), endpoints[:n]...)
		r.watchers = append(r.watchers, history.Watch(first, r.dir, from, n > 0, silence))
		if r.pando {
			r.watchers = append(r.watchers, history.Watch([]string{e}, r.dir, from, n > 0, faithful))
		}
	}
	for _, w := range r.watchers {
		r.watching.Go(func() { w.Follow(ctx) })
	}
}

// expiring writes keys that expire soon, with values that fill log files. What is answered does not matter.
func (r *rig) expiring(ctx context.Context) {
	value := strings.Repeat("x", 16<<10)
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-time.After(30 * time.Millisecond):
		}
		m := r.members[n%len(r.members)]
		r.working.Go(func() {
			_, _ = m.Do(2*et, http.MethodPut, keys.Path(fmt.Sprintf("%s/%d", r.ttls(), n%20)), keys.Form("value", value, "ttl", "1"))
		})
	}
}

// ttls is the directory of the keys that expire.
func (r *rig) ttls() string { return r.dir + "/ttl" }

// stop ends the load, reads every key once more and waits until the watchers have been told everything.
func (r *rig) stop() {
	r.quit()
	r.working.Wait()
	reader := keys.New(r.c.AwaitLeader().Endpoint, 1)
	defer reader.Close()
	for _, name := range r.names {
		r.wrong = errors.Join(r.wrong, history.Do(reader, rt, r.history, &history.Op{Client: clients, Kind: history.Get, Key: name}))
	}
	last := &history.Op{Client: clients, Kind: history.Put, Key: r.dir + "/end", Value: "end"}
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
	if !r.pando {
		return
	}
	// What is left of the keys that expire would show each member's own idea of the time.
	if a, err := reader.Do(context.Background(), http.MethodDelete, keys.Path(r.ttls(), "recursive", "true"), nil); err != nil || !a.OK() {
		r.wrong = errors.Join(r.wrong, fmt.Errorf("%v, %w", a, err))
	}
}

// end ends whatever still runs.
func (r *rig) end() {
	r.quit()
	r.working.Wait()
	r.unwatch()
	r.watching.Wait()
}

// judge holds the history and the watchers to what they promise.
func (r *rig) judge(t *testing.T) {
	t.Helper()
	t.Logf("round %d: %v", r.number, r.history)
	ops := r.history.Ops()
	began := time.Now()
	jobs, err := history.Jobs(keys.New(r.c.Members()[0].Endpoint, 1), rt, r.queue())
	if err = errors.Join(r.wrong, err, history.CheckLinear(ops, cluster.Patience), history.CheckOrder(ops), history.CheckJobs(ops, jobs)); err != nil {
		t.Error(err)
	}
	first, _ := r.watchers[0].Events()
	for n, w := range r.watchers {
		events, err := w.Events()
		if err = errors.Join(err, history.CheckEvents(events), history.CheckTold(ops, r.told(events)), history.CheckSame(first, events)); err != nil {
			t.Errorf("watcher %d: %v", n, err)
		}
	}
	t.Logf("round %d: %d watchers were told %d events; judged in %v", r.number, len(r.watchers), len(first), time.Since(began).Round(time.Millisecond))
}

// told are the events of what the history knows.
func (r *rig) told(events []history.Event) []history.Event {
	var all []history.Event
	for _, e := range events {
		if e.Key != r.ttls() && !strings.HasPrefix(e.Key, r.ttls()+"/") {
			all = append(all, e)
		}
	}
	return all
}

// clear removes what the round has written.
func (r *rig) clear(t *testing.T) {
	t.Helper()
	a, err := r.c.AwaitLeader().Do(rt, http.MethodDelete, keys.Path(r.dir, "recursive", "true"), nil)
	if err != nil || !a.OK() {
		t.Errorf("%v, %v", a, err)
	}
}
