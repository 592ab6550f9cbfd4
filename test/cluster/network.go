package cluster

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// network is the peers' network. Every member is known to the others by the address of a listener of ours, which passes
// connections on to the port that the member really listens on.
//
// A member has one peer URL for all others, so the address that is dialled does not tell who dials. The kernel does: the
// other end of an accepted connection is a socket of one member's process (see owner). That takes
// neither root nor network namespaces nor any help by the binary under test, and it is right for every request,
// also for those that name no sender.
type network struct {
	owner func(net.Conn) int // the member that dialled, or -1 for anybody else

	mu    sync.Mutex
	links map[[2]int]*link // from, to
	conns map[*conn][2]int // dialler, listener
	over  bool

	listeners []net.Listener
	done      chan struct{}
	running   sync.WaitGroup // one for each listener and connection
}

func newNetwork(t testing.TB, owner func(net.Conn) int) *network {
	n := &network{owner: owner, links: map[[2]int]*link{}, conns: map[*conn][2]int{}, done: make(chan struct{})}
	t.Cleanup(n.close)
	return n
}

// listen begins to accept connections on addr for a member, and passes them on to its target.
func (n *network) listen(member int, addr, target string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	n.listeners = append(n.listeners, l)
	n.running.Go(func() {
		for {
			c, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				n.running.Go(func() { n.serve(c.(*net.TCPConn), member, target) })
			}
		}
	})
	return nil
}

// serve passes one connection on. While the way is cut even its first packet waits.
func (n *network) serve(dialler *net.TCPConn, to int, target string) {
	from := n.owner(dialler)
	there, back := n.link(from, to), n.link(to, from)
	if there.refuses() || back.refuses() || !there.pass(time.Now(), n.done) || givenUp(dialler) {
		_ = dialler.SetLinger(0)
		dialler.Close()
		return
	}
	listener, err := net.Dial("tcp", target)
	if err != nil {
		back.pass(time.Now(), n.done)
		_ = dialler.SetLinger(0)
		dialler.Close()
		return
	}
	c := &conn{dialler: dialler, listener: listener.(*net.TCPConn), there: there, back: back, done: make(chan struct{})}
	if !n.add(c, from, to) || there.refuses() || back.refuses() { // Drop may have come in between
		c.reset()
	}
	c.run()
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.conns, c)
}

// givenUp reports whether the member that opened a connection has closed it already. The kernel accepted it while the way was
// cut; on a real network the other member would never hear of it.
func givenUp(c *net.TCPConn) bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return true
	}
	closed := true
	err = raw.Control(func(fd uintptr) {
		const established = 1 // TCP_ESTABLISHED
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		closed = err != nil || info.State != established
	})
	return closed || err != nil
}

func (n *network) add(c *conn, from, to int) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.over {
		n.conns[c] = [2]int{from, to}
	}
	return !n.over
}

func (n *network) link(from, to int) *link {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.links[[2]int{from, to}]
	if l == nil {
		l = newLink()
		n.links[[2]int{from, to}] = l
	}
	return l
}

// reset breaks all connections between two members.
func (n *network) reset(a, b int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for c, ends := range n.conns {
		if ends == [2]int{a, b} || ends == [2]int{b, a} {
			c.reset()
		}
	}
}

// all calls f for each link between members that was ever used or changed.
func (n *network) all(f func(*link)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, l := range n.links {
		l.change(f)
	}
}

func (n *network) close() {
	n.mu.Lock()
	n.over = true
	close(n.done)
	for c := range n.conns {
		c.reset()
	}
	n.mu.Unlock()
	for _, l := range n.listeners {
		l.Close()
	}
	n.running.Wait()
}

// Cut makes what from sends to to vanish, in requests as well as in answers, without either being told: packets are lost, and
// those that are sent again until Heal arrive then. The other direction is left as it is.
func (c *Cluster) Cut(from, to *Member) {
	c.network.link(from.number, to.number).change(func(l *link) { l.held = true })
}

// Isolate cuts a member off from all others, in both directions.
func (c *Cluster) Isolate(m *Member) {
	for _, other := range c.all {
		if other != m {
			c.Cut(m, other)
			c.Cut(other, m)
		}
	}
}

// Partition cuts every way between members of different groups. A member that is in no group is on its own.
func (c *Cluster) Partition(groups ...[]*Member) {
	side := map[*Member]int{}
	for i, group := range groups {
		for _, m := range group {
			side[m] = i + 1
		}
	}
	for _, a := range c.all {
		for _, b := range c.all {
			if a != b && (side[a] != side[b] || side[a] == 0) {
				c.Cut(a, b)
			}
		}
	}
}

// Drop breaks the connections between two members and refuses new ones, which both are told at once.
func (c *Cluster) Drop(a, b *Member) {
	refuse := func(l *link) { l.refused = true }
	c.network.link(a.number, b.number).change(refuse)
	c.network.link(b.number, a.number).change(refuse)
	c.network.reset(a.number, b.number)
}

// Delay lets everything that from sends to to arrive later.
func (c *Cluster) Delay(from, to *Member, by time.Duration) {
	c.network.link(from.number, to.number).change(func(l *link) { l.delay = by })
}

// Heal ends every Cut, Isolate, Partition, Drop and Delay.
func (c *Cluster) Heal() {
	c.network.all(func(l *link) { l.held, l.refused, l.delay = false, false, 0 })
}

// HealBetween ends what was done to the ways between two members.
func (c *Cluster) HealBetween(a, b *Member) {
	for _, way := range [][2]int{{a.number, b.number}, {b.number, a.number}} {
		c.network.link(way[0], way[1]).change(func(l *link) { l.held, l.refused, l.delay = false, false, 0 })
	}
}

func (m *Member) String() string { return fmt.Sprintf("member %s (%s)", m.Name, m.Endpoint) }
