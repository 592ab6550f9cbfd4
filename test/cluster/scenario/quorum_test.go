package scenario

import (
	"fmt"
	"strings"
	"testing"

	"pando/test/cluster"
	"pando/test/fault/keys"
	"pando/test/server"
)

func TestScenario07OnlyTheLeaderIsLeft(t *testing.T) {
	t.Parallel()
	c := start(t, 3)
	leader := c.AwaitLeader()
	leader.MustPut("/a", "old")
	c.SameTree()
	for _, m := range c.Without(leader) {
		m.Kill()
	}
	etcd2 := c.Kind() == cluster.Etcd2
	if !etcd2 { // it steps down; etcd 3 may still carry out what it is sent before that
		leads(c, leader, nil, elected)
	}
	unheard := []*pending{
		send(leader, "PUT", keys.Path("/a"), "value", "zombie"),
		send(leader, "POST", keys.Path("/jobs"), "value", "zombie"),
		send(leader, "GET", keys.Path("/a", "quorum", "true")),
	}
	url := "http://" + server.FreeAddr(t)
	r, err := leader.PostMember(2*rt, url)
	if err != nil || r.Status != 500 { // nobody leads who could say more
		t.Errorf("adding a member without a quorum: %v, %v", r, err)
	}
	for _, p := range unheard {
		p.fails(t, c)
	}
	if v := leader.Value("/a"); v != "old" || leader.Healthy() {
		t.Errorf("it reads %q, healthy %v", v, leader.Healthy())
	}
	for _, m := range c.Without(leader) {
		m.Launch()
	}
	c.AwaitReady(c.Members()...)
	leader.MustPut("/last", "1") // whatever the leader still holds is applied before this
	v := leader.Value("/a")
	jobs, _ := leader.Get("/jobs")
	added := strings.Contains(fmt.Sprint(leader.List()), url)
	if zombie := v == "zombie" && jobs.OK() && added; etcd2 != zombie || !etcd2 && (v != "old" || jobs.OK() || added) {
		t.Errorf("after their errors: %q, jobs %v, added %v", v, jobs, added)
	}
	c.SameTree()
}

func TestScenario08OnlyAFollowerIsLeft(t *testing.T) {
	t.Parallel()
	c := start(t, 3)
	leader := c.AwaitLeader()
	left := c.Without(leader)[0]
	before := leader.MustPut("/a", "old")
	c.SameTree()
	for _, m := range c.Without(left) {
		m.Kill()
	}
	leads(c, left, nil, elected)
	p := send(left, "PUT", keys.Path("/a"), "value", "zombie")
	p.fails(t, c)
	if v := left.Value("/a"); v != "old" || left.Healthy() {
		t.Errorf("it reads %q, healthy %v", v, left.Healthy())
	}
	for _, m := range c.Without(left) {
		m.Launch()
	}
	c.AwaitReady(c.Members()...)
	after := left.MustPut("/last", "1")
	holds(c, left, "/a", "old", 0)
	if terms := after.Term - before.Term; terms > 3 && c.Kind() == cluster.Pando {
		t.Errorf("it campaigned alone: %d terms later", terms)
	}
	c.SameTree()
}

func TestScenario09OneOfTwoIsLeft(t *testing.T) {
	t.Parallel()
	c := start(t, 2)
	leader := c.AwaitLeader()
	other := c.Without(leader)[0]
	other.Kill()
	if c.Kind() == cluster.Pando {
		leads(c, leader, nil, elected)
	}
	send(leader, "PUT", keys.Path("/a"), "value", "zombie").fails(t, c)
	other.Launch()
	c.AwaitReady(c.Members()...)
	leader.MustPut("/last", "1")
	holds(c, leader, "/a", by(c, "", "zombie", "zombie"), 0)
	c.SameTree()
}

func TestScenario10ThreeOfFive(t *testing.T) {
	t.Parallel()
	c := start(t, 5)
	leader := c.AwaitLeader()
	others := c.Without(leader)
	leader.Kill()
	others[0].Kill()
	next := c.AwaitLeader(others[1:]...)
	next.MustPut("/a", "1")
	third := c.Without(leader, others[0], next)[0]
	third.Kill()
	p := send(next, "PUT", keys.Path("/b"), "value", "1")
	p.fails(t, c)
	for _, m := range []*cluster.Member{leader, others[0], third} {
		m.Launch()
	}
	c.AwaitReady(c.Members()...)
	next.MustPut("/a", "2")
	c.SameTree()
}

func TestScenario11OneOfThreeEverStarted(t *testing.T) {
	t.Parallel()
	c := cluster.New(t, cluster.Options{Size: 3, Binary: cluster.Chosen(t)})
	first, second := c.Members()[0], c.Members()[1]
	first.Launch()
	if c.Kind() == cluster.Etcd3 {
		if r, err := first.Request(short, "GET", "/version", ""); err == nil {
			t.Errorf("alone it answers %v", r)
		}
	} else {
		c.Await("the first to answer", cluster.Patience, func() error {
			r, err := first.Request(short, "GET", "/version", "")
			if err == nil && !strings.Contains(r.String(), "not_decided") {
				err = fmt.Errorf("%v", r)
			}
			return err
		})
		c.Await("plain reads", elected, func() error {
			_, err := first.Get("/")
			return err
		})
		if n := len(first.List()); n != 3 || first.Leader() != "" || first.Healthy() {
			t.Errorf("%d members, leader %q, healthy %v", n, first.Leader(), first.Healthy())
		}
		send(first, "PUT", keys.Path("/a"), "value", "1").fails(t, c)
	}
	second.Launch()
	c.AwaitReady(first, second)
	first.MustPut("/a", "2")
	c.Members()[2].Start()
	c.SameTree()
}
