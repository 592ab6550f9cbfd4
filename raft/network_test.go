package raft

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"pando/fsys"
)

// network carries messages between nodes of one process. Links keep their order,
// as TCP does; a cut link loses everything.
type network struct {
	mu    sync.Mutex
	nodes map[uint64]*Node
	cut   map[uint64]bool // members that nobody reaches and that reach nobody
	links map[[2]uint64]chan []byte
	drops func(*raftpb.Message) bool // optional: what does not arrive
	stop  chan struct{}
	wg    sync.WaitGroup
}

func newNetwork(t testing.TB) *network {
	n := &network{nodes: map[uint64]*Node{}, cut: map[uint64]bool{}, links: map[[2]uint64]chan []byte{}, stop: make(chan struct{})}
	t.Cleanup(func() {
		close(n.stop)
		n.wg.Wait()
	})
	return n
}

// port is a member's end of the network.
type port struct {
	net  *network
	from uint64
}

// Send implements Transport.
func (p port) Send(ms []*raftpb.Message) {
	for _, m := range ms {
		data, err := proto.Marshal(m)
		if err != nil {
			panic(err)
		}
		select {
		case p.net.link(p.from, m.GetTo()) <- data:
		default: // full: lost
		}
	}
}

func (n *network) link(from, to uint64) chan []byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	key := [2]uint64{from, to}
	l, ok := n.links[key]
	if !ok {
		l = make(chan []byte, 4096)
		n.links[key] = l
		n.wg.Go(func() { n.carry(from, to, l) })
	}
	return l
}

func (n *network) carry(from, to uint64, l chan []byte) {
	for {
		var data []byte
		select {
		case data = <-l:
		case <-n.stop:
			return
		}
		n.mu.Lock()
		node, lost, drops := n.nodes[to], n.cut[from] || n.cut[to], n.drops
		n.mu.Unlock()
		if node == nil || lost {
			continue
		}
		var m raftpb.Message
		if err := proto.Unmarshal(data, &m); err != nil {
			panic(err)
		}
		if drops != nil && drops(&m) {
			continue
		}
		err := node.Process(context.Background(), &m)
		if m.GetType() == raftpb.MsgSnap {
			n.node(from).ReportSnapshot(to, err == nil)
		}
	}
}

func (n *network) drop(which func(*raftpb.Message) bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.drops = which
}

func (n *network) set(id uint64, node *Node, cut bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.nodes[id], n.cut[id] = node, cut
}

// cluster is three nodes on one network.
type cluster struct {
	t    *testing.T
	net  *network
	dirs map[uint64]string
	rigs map[uint64]*rig
	tune func(id uint64, cfg *Config) // optional

	levels *Levels // optional: what members have published
}

var three = []uint64{1, 2, 3}

func startCluster(t *testing.T) *cluster {
	t.Helper()
	return startTuned(t, nil)
}

func startTuned(t *testing.T, tune func(id uint64, cfg *Config)) *cluster {
	t.Helper()
	c := &cluster{t: t, net: newNetwork(t), dirs: map[uint64]string{}, rigs: map[uint64]*rig{}, tune: tune}
	for _, id := range three {
		c.dirs[id] = t.TempDir()
		c.start(id)
	}
	for _, r := range c.rigs {
		r.ready()
	}
	return c
}

func (c *cluster) start(id uint64) {
	c.t.Helper()
	c.startWith(id, three)
}

// startWith starts a member that knows these members from its beginning.
func (c *cluster) startWith(id uint64, members []uint64) {
	c.t.Helper()
	cfg := testConfig(c.t, fsys.OS, c.dirs[id])
	cfg.Transport, cfg.Snapshots = port{c.net, id}, port{c.net, id}
	if c.tune != nil {
		c.tune(id, &cfg)
	}
	cfg.Bootstrap = func() (Bootstrap, error) {
		b := Bootstrap{MemberID: id, ClusterID: 9}
		for _, m := range members {
			b.Members = append(b.Members, Member{ID: m, Context: fmt.Appendf(nil, `{"id":%d}`, m)})
		}
		return b, nil
	}
	sm := &list{}
	sm.levels.Store(c.levels)
	r := launchOn(c.t, cfg, sm)
	r.ids = r.node.ids
	c.rigs[id] = r
	c.net.set(id, r.node, false)
}

// leader waits until all members that are not cut off agree on one.
func (c *cluster) leader() uint64 { return c.leaderOtherThan(0) }

func (c *cluster) leaderOtherThan(old uint64) uint64 {
	c.t.Helper()
	deadline := time.After(patience)
	for {
		agreed, all := uint64(0), true
		for id, r := range c.rigs {
			c.net.mu.Lock()
			cut := c.net.cut[id]
			c.net.mu.Unlock()
			if cut {
				continue
			}
			lead := r.node.Status().Leader
			all = all && lead != 0 && lead != old && (agreed == 0 || agreed == lead)
			agreed = lead
		}
		if all {
			return agreed
		}
		select {
		case <-deadline:
			c.describe()
			c.t.Fatal("nobody leads")
		case <-time.After(time.Millisecond):
		}
	}
}

// describe logs how the members are.
func (c *cluster) describe() {
	c.t.Helper()
	for id, r := range c.rigs {
		c.t.Logf("member %d: %+v, room: %v", id, r.node.Status(), r.node.disk.room())
	}
}

// equal waits until all members have applied the same commands.
func (c *cluster) equal(n int) {
	c.t.Helper()
	deadline := time.After(patience)
	for {
		var first []string
		same := true
		for _, r := range c.rigs {
			texts := r.sm.texts()
			same = same && len(texts) >= n && (first == nil || fmt.Sprint(first) == fmt.Sprint(texts))
			first = texts
		}
		if same {
			return
		}
		select {
		case <-deadline:
			for id, r := range c.rigs {
				c.t.Logf("member %d has %d commands", id, len(r.sm.texts()))
			}
			c.t.Fatalf("the members do not have the same commands, at least %d", n)
		case <-time.After(time.Millisecond):
		}
	}
}
