// Package cluster runs clusters of several members as processes for tests, on a network that can be cut, and does to them
// what machines and operators do: kill, freeze, stop, restart, wipe, partition, add, remove.
//
//	c := cluster.Start(t, cluster.Options{Size: 3})
//	leader := c.AwaitLeader()
//	c.Isolate(leader)
//	next := c.AwaitLeader(c.Without(leader)...)
//	c.Heal()
//	c.SameTree()
//
// The methods of Cluster and Member fail the test when what they wait for does not come about. They are called by
// the test's goroutine, except for those that say otherwise. Members are Pandos or real etcds.
package cluster

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"pando/test/server"
)

const (
	// Election is the election timeout of the members, the default of etcd.
	Election = time.Second
	// Request is how long a member lets a request wait that it cannot carry out.
	Request = 5*time.Second + 2*Election
	// Patience bounds every wait for something that should come soon.
	Patience = 30 * time.Second
)

// Options say what cluster to start.
type Options struct {
	Size   int    // members that it begins with
	Binary Binary // of all members
	Args   []string
	Faults bool // the members are Pandos whose disk and clock Member.Suffer can change
	Insist bool // a membership change that is refused is asked for again, as by an operator, also of Pando
}

// Cluster is some members that belong together.
type Cluster struct {
	t       testing.TB
	options Options
	network *network
	all     []*Member // every one there ever was; the index is its number

	mu   sync.Mutex // held while a process is started, so that its connections are not taken for somebody else's
	pids []int      // by number; 0 if it does not run
}

// New prepares a cluster whose members do not run yet.
func New(t testing.TB, o Options) *Cluster {
	t.Helper()
	c := &Cluster{t: t, options: o}
	c.network = newNetwork(t, c.owner)
	for range o.Size {
		c.member()
	}
	var initial []string
	for _, m := range c.all {
		initial = append(initial, m.Name+"="+m.PeerURL)
	}
	for _, m := range c.all {
		m.initial, m.state = strings.Join(initial, ","), "new"
	}
	return c
}

// Start starts a cluster and waits until every member serves, so that no index is taken any more that no client asked
// for.
func Start(t testing.TB, o Options) *Cluster {
	t.Helper()
	c := New(t, o)
	for _, m := range c.all {
		m.Launch()
	}
	c.AwaitReady(c.all...)
	c.awaitOwnRules()
	return c
}

// awaitOwnRules waits until Pandos that have begun as strangers know each other: the leader changes once more then.
func (c *Cluster) awaitOwnRules() {
	c.t.Helper()
	c.Await("Pando's own rules", Patience, func() error {
		for _, m := range c.Members() {
			if m.Kind() != Pando {
				return nil
			}
			if with, err := m.Mixed(); with != "" || err != nil {
				return fmt.Errorf("%v is mixed with %q, %v", m, with, err)
			}
		}
		return nil
	})
}

// member prepares one more member.
func (c *Cluster) member() *Member {
	c.t.Helper()
	m := &Member{cluster: c, number: len(c.all), Name: fmt.Sprintf("m%d", len(c.all)), binary: c.options.Binary}
	m.client, m.peer = server.FreeAddr(c.t), server.FreeAddr(c.t)
	m.socket = server.NewFaultSocket()
	m.Endpoint, m.Dir = "http://"+m.client, c.t.TempDir()+"/data"
	proxied := server.FreeAddr(c.t)
	m.PeerURL = "http://" + proxied
	if err := c.network.listen(m.number, proxied, m.peer); err != nil {
		c.t.Fatal(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, m)
	c.pids = append(c.pids, 0)
	return m
}

// Spare prepares a member that AddAgain can add later, so that clients know its endpoint from the beginning.
func (c *Cluster) Spare() *Member {
	c.t.Helper()
	m := c.member()
	m.removed = true
	return m
}

// Members are those that were not removed, in the order in which they were made.
func (c *Cluster) Members() []*Member { return c.Without() }

// Without are the members that were not removed, without those that are named.
func (c *Cluster) Without(out ...*Member) []*Member {
	var in []*Member
next:
	for _, m := range c.all {
		for _, o := range out {
			if m == o {
				continue next
			}
		}
		if !m.removed {
			in = append(in, m)
		}
	}
	return in
}

// Endpoints are the client URLs of members.
func Endpoints(members []*Member) []string {
	var all []string
	for _, m := range members {
		all = append(all, m.Endpoint)
	}
	return all
}

// Kind is what the members are.
func (c *Cluster) Kind() Kind { return c.options.Binary.Kind }

// AwaitReady waits until each of the members serves keys of a cluster with a settled version.
func (c *Cluster) AwaitReady(members ...*Member) {
	c.t.Helper()
	for _, m := range members {
		if err := m.process.Ready(Patience); err != nil {
			c.t.Fatalf("%v: %v", m, err)
		}
	}
}

// Await tries until what is tried returns no error, and fails the test if that takes too long. It returns how long it took.
func (c *Cluster) Await(what string, patience time.Duration, try func() error) time.Duration {
	c.t.Helper()
	return server.Await(c.t, what, patience, try)
}

// AwaitLeader waits until the members that are named (all, if none is) agree on one of them as their leader.
func (c *Cluster) AwaitLeader(among ...*Member) *Member {
	c.t.Helper()
	if len(among) == 0 {
		among = c.Members()
	}
	var leader *Member
	c.Await("a leader", Patience, func() error {
		var said []string
		for _, m := range among {
			said = append(said, m.Leader())
		}
		for _, m := range among {
			if said[0] == m.Name && strings.Count(strings.Join(said, " ")+" ", m.Name+" ") == len(said) {
				leader = m
				return nil
			}
		}
		return fmt.Errorf("they name %q", said)
	})
	return leader
}

// Fatalf fails the test at once.
func (c *Cluster) Fatalf(format string, args ...any) {
	c.t.Helper()
	c.t.Fatalf(format, args...)
}
