package scenario

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"pando/test/cluster"
	"pando/test/fault/keys"
	"pando/test/server"
)

func TestScenario17AddThenStart(t *testing.T) {
	c := start(t, 3)
	leader := c.AwaitLeader()
	leader.MustPut("/a", "1")
	m := c.Add(c.Without(leader)[0])
	leader.MustPut("/a", "2") // three of four
	began := time.Now()
	m.Start()
	t.Logf("it serves after %v", time.Since(began))
	m.MustPut("/a", "3")
	c.Await("the new member's name everywhere", cluster.Patience, func() error {
		for _, other := range c.Members() {
			if list := fmt.Sprint(other.List()); !strings.Contains(list, m.Name) || !strings.Contains(list, m.Endpoint) {
				return fmt.Errorf("%v: %v", other, list)
			}
		}
		return nil
	})
	c.SameTree()
}

func TestScenario18AddToASingleMember(t *testing.T) {
	c := start(t, 1)
	lone := c.Members()[0]
	lone.MustPut("/a", "old")
	m := c.Add(lone)
	if c.Kind() == cluster.Pando {
		send(lone, "PUT", keys.Path("/a"), "value", "new").ok(t) // the new member has no vote before it has caught up
		if !lone.Healthy() {
			t.Error("not healthy")
		}
	} else {
		send(lone, "PUT", keys.Path("/a"), "value", "new").fails(t, c)
		if lone.Healthy() || lone.Value("/a") != "old" {
			t.Errorf("healthy %v, it reads %q", lone.Healthy(), lone.Value("/a"))
		}
	}
	m.Start()
	m.MustPut("/last", "1")
	holds(c, m, "/a", "new", short)
	c.SameTree()
}

func TestScenario19RemoveAFollower(t *testing.T) {
	c := start(t, 3)
	leader := c.AwaitLeader()
	m := c.Without(leader)[0]
	leader.MustPut("/a", "1")
	id := m.ID(leader)
	w := open(t, m, "/a")
	c.Remove(m, leader)
	w.cut(t, short)
	ends := func(why string) {
		t.Helper()
		if err := m.Wait(2 * short); err != nil {
			t.Errorf("%s: it ended with %v", why, err)
		}
	}
	ends("removed")
	m.Launch()
	ends("started again")
	c.AddAgain(m, leader)
	if now := m.ID(leader); now == id {
		t.Errorf("added again it has the same id %s", id)
	}
	m.Launch()
	ends("added again, with the old data")
	m.Wipe()
	m.Start()
	m.MustPut("/a", "2")
	c.SameTree()
}

func TestScenario20TheLeaderRemovesItself(t *testing.T) {
	c := start(t, 3)
	leader := c.AwaitLeader()
	others := c.Without(leader)
	c.Remove(leader, leader)
	began := time.Now()
	c.Await("another leader", elected, func() error {
		r, err := others[0].Request(short, "GET", "/v2/members/leader", "")
		if err != nil && c.Kind() == cluster.Pando {
			t.Errorf("without an answer: %v", err) // as etcd does while it knows a leader that is no member
		}
		if name := others[0].Leader(); err != nil || r.Status != 200 || name == "" || name == leader.Name {
			return fmt.Errorf("%v, %w", r, err)
		}
		return nil
	})
	took := time.Since(began)
	t.Logf("another leader after %v", took)
	if c.Kind() == cluster.Pando && took > et/2 {
		t.Errorf("another leader only after %v: it did not hand over", took)
	}
	if err := leader.Wait(2 * short); err != nil {
		t.Errorf("removed, it ended with %v", err)
	}
	next := c.AwaitLeader(others...)
	next.MustPut("/a", "1")
	c.Remove(c.Without(next)[0], next)
	next.MustPut("/a", "2")

	r, err := next.Request(2*rt, "DELETE", "/v2/members/"+next.ID(next), "")
	if want := by(c, 409, 204, 500); err != nil || r.Status != want {
		t.Fatalf("to remove the last member: %v, %v", r, err)
	}
	if c.Kind() == cluster.Etcd2 {
		if err := next.Wait(2 * short); err != nil {
			t.Errorf("removed, the last member ended with %v", err)
		}
		return
	}
	var body struct{ Message string }
	if err := json.Unmarshal(r.Body, &body); err != nil || body.Message == "" {
		t.Errorf("refused without a word: %v", r)
	}
	next.MustPut("/a", "3")
}

func TestScenario21ChangesAtOnce(t *testing.T) {
	c := start(t, 3)
	leader := c.AwaitLeader()
	follower := c.Without(leader)[0]
	c.Remove(c.Add(leader), leader) // etcd 3 takes changes from now on
	for n := range 10 {
		url := "http://" + server.FreeAddr(t)
		r, err := leader.PostMember(2*rt, url)
		if err != nil || r.Status != 201 {
			t.Fatalf("pair %d, add: %v, %v", n, r, err)
		}
		var added cluster.Info
		if err := json.Unmarshal(r.Body, &added); err != nil {
			t.Fatal(err)
		}
		r, err = leader.Request(2*rt, "DELETE", "/v2/members/"+added.ID, "")
		if err == nil && r.Status == 500 && c.Kind() != cluster.Pando {
			t.Logf("pair %d: etcd dropped a change that came right after another", n)
			r, err = leader.Request(2*rt, "DELETE", "/v2/members/"+added.ID, "")
		}
		if err != nil || r.Status != 204 {
			t.Fatalf("pair %d, delete: %v, %v", n, r, err)
		}
	}
	replies := make([]*cluster.Reply, 2)
	var all sync.WaitGroup
	urls := []string{"http://" + server.FreeAddr(t), "http://" + server.FreeAddr(t)}
	for i, url := range urls {
		all.Go(func() {
			r, err := follower.PostMember(2*rt, url)
			if err != nil {
				t.Errorf("no answer: %v", err)
				r = &cluster.Reply{}
			}
			replies[i] = r
		})
	}
	all.Wait()
	leader.MustPut("/a", "1")
	accepted := 0
	for i, r := range replies {
		t.Logf("at once: %v", r)
		listed := strings.Contains(fmt.Sprint(leader.List()), urls[i])
		if added := r.Status == 201; added != listed {
			t.Errorf("answered %v, in the list: %v", r, listed)
		} else if added {
			accepted++
		}
		if r.Status != 201 && r.Status != by(c, 409, 500, 500) {
			t.Errorf("answered %v", r)
		}
	}
	if accepted == 0 && c.Kind() != cluster.Etcd3 { // whose follower may not yet have been connected for long enough
		t.Error("neither was added")
	}
	c.SameTree()
}
