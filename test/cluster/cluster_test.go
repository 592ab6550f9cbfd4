package cluster

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"pando/test/cluster/history"
	"pando/test/fault/keys"
)

// etcd is Debian's, which the tests of the kit itself are run against.
const etcd = "/usr/bin/etcd"

// TestNetwork: what the others do not hear of a member is what was cut, in the direction in which it was.
func TestNetwork(t *testing.T) {
	c := Start(t, Options{Size: 3, Binary: At(t, etcd)})
	leader := c.AwaitLeader()
	others := c.Without(leader)
	leader.MustPut("/a", "0")
	c.SameTree()

	// A leader that can still speak but hears nobody steps down, and so do those that hear it no more.
	c.Isolate(leader)
	next := c.AwaitLeader(others...)
	next.MustPut("/a", "1")
	if v := leader.Value("/a"); v != "0" {
		t.Errorf("isolated, the old leader has the value %q", v)
	}
	c.Heal()
	c.SameTree()

	// One way is enough to lose the leader, and that it is this way is seen by the other: answers come through.
	quiet := c.Without(next)[0]
	c.Cut(next, quiet)
	next.MustPut("/a", "2")
	if v := quiet.Value("/a"); v == "2" {
		t.Errorf("%v heard through a cut way", quiet)
	}
	c.HealBetween(next, quiet)
	c.SameTree()

	leader = c.AwaitLeader()
	follower := c.Without(leader)[0]
	const late = 200 * time.Millisecond
	c.Delay(leader, follower, late)
	began := time.Now()
	follower.MustPut("/a", "3") // forwarded, and back comes the commit
	if took := time.Since(began); took < late {
		t.Errorf("a delay of %v, and the write took %v", late, took)
	}
	c.Heal()

	for _, m := range c.Without(leader) {
		c.Drop(leader, m)
	}
	next = c.AwaitLeader(c.Without(leader)...)
	if next == leader {
		t.Error("without any connection it still leads")
	}
	c.Heal()
	c.SameTree()
}

// TestProcesses: a member is paused, stopped, killed, wiped, removed, added, and the rest goes on.
func TestProcesses(t *testing.T) {
	c := Start(t, Options{Size: 3, Binary: At(t, etcd)})
	leader := c.AwaitLeader()
	leader.Pause()
	next := c.AwaitLeader(c.Without(leader)...)
	next.MustPut("/a", "1")
	leader.Resume()
	c.SameTree()
	leader.Kill()
	next.MustPut("/a", "2")
	leader.Start()
	leader.Stop()
	leader.Start()
	c.SameTree()

	c.Remove(leader, next)
	if err := leader.Wait(Patience); err != nil {
		t.Errorf("removed, it ended with %v", err)
	}
	leader.Wipe()
	c.AddAgain(leader, next)
	leader.Start()
	added := c.Add(next)
	added.Start()
	c.SameTree()
	if n := len(added.List()); n != 4 {
		t.Errorf("%d members", n)
	}
}

// TestHistory: a load with a leader that is killed, judged.
func TestHistory(t *testing.T) {
	c := Start(t, Options{Size: 3, Binary: At(t, etcd)})
	h, ctx := history.New(), context.Background()
	w := history.Watch(Endpoints(c.Members()), "/h", 0, true, time.Second)
	watching, stopWatching := context.WithCancel(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		w.Follow(watching)
	}()
	working, stop := context.WithCancel(ctx)
	var loadErr error
	worked := make(chan struct{})
	go func() {
		defer close(worked)
		loadErr = h.Run(working, history.Load{Endpoints: Endpoints(c.Members()), Clients: 6, Keys: []string{"/h/a", "/h/b"}, Queue: "/h/q",
			Mix: history.Mix{Get: 3, Put: 2, CAS: 4, Delete: 1, Post: 1}, Timeout: time.Second, Pause: 10 * time.Millisecond, Seed: 1})
	}()
	progress := func(n int) {
		target := h.Acknowledged() + n
		c.Await("writes", Patience, func() error {
			if h.Acknowledged() < target {
				return errors.New("too few")
			}
			return nil
		})
	}
	progress(100)
	leader := c.AwaitLeader()
	leader.Kill()
	progress(100)
	leader.Start()
	progress(100)
	stop()
	<-worked
	end := c.Members()[0].MustPut("/h/end", "end")
	c.Await("the watcher", Patience, func() error {
		if w.Last() < end.Node.ModifiedIndex {
			return errors.New("behind")
		}
		return nil
	})
	stopWatching()
	<-watched
	events, err := w.Events()
	if err = errors.Join(err, loadErr, history.CheckLinear(h.Ops(), Patience), history.CheckOrder(h.Ops()), history.CheckEvents(events),
		history.CheckTold(h.Ops(), events[:len(events)-1])); err != nil {
		t.Error(err)
	}
	jobs, err := history.Jobs(keys.New(c.Members()[1].Endpoint, 1), Patience, "/h/q")
	if err = errors.Join(err, history.CheckJobs(h.Ops(), jobs)); err != nil {
		t.Error(err)
	}
	c.SameTree()
	t.Log(h)
	if r, err := c.Members()[0].Request(short, http.MethodGet, "/v2/stats/self", ""); err != nil || r.Status != http.StatusOK {
		t.Error(r, err)
	}
}

// TestStaleReadsAreSeen: what a real follower answers that hears its leader late is found not to be linearizable, unless it is asked
// for a quorum read.
func TestStaleReadsAreSeen(t *testing.T) {
	c := Start(t, Options{Size: 3, Binary: At(t, etcd)})
	leader := c.AwaitLeader()
	late := c.Without(leader)[0]
	leader.MustPut("/a", "before")
	c.SameTree()
	c.Delay(leader, late, 200*time.Millisecond)
	h := history.New()
	writer, reader := keys.New(leader.Endpoint, 1), keys.New(late.Endpoint, 1)
	put := &history.Op{Kind: history.Put, Key: "/b", Value: "1"}
	get := &history.Op{Client: 1, Kind: history.Get, Key: "/b"}
	stale := &history.Op{Client: 2, Kind: history.Get, Key: "/b", Outcome: history.Refused}
	if err := history.Do(writer, Patience, h, put); err != nil {
		t.Fatal(err)
	}
	stale.Call = h.Now()
	if v := late.Value("/b"); v != "" {
		t.Fatalf("it heard at once: %q", v)
	}
	stale.Return = h.Now()
	if err := history.Do(reader, Patience, h, get); err != nil {
		t.Fatal(err)
	}
	if err := history.CheckLinear(h.Ops(), Patience); err != nil {
		t.Error(err)
	}
	if history.CheckLinear(append(h.Ops(), stale), Patience) == nil {
		t.Error("a stale read was not seen")
	}
}
