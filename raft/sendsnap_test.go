package raft

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// SendSnapshot implements SnapshotSender: the stream breaks when either end is cut off.
func (p port) SendSnapshot(ctx context.Context, to uint64, m *raftpb.Message, open func() (io.ReadCloser, int64, error)) error {
	file, _, err := open()
	if err != nil {
		return err
	}
	defer file.Close()
	node := p.net.node(to)
	if node == nil {
		return errCut
	}
	return node.ReceiveSnapshot(ctx, proto.Clone(m).(*raftpb.Message), stream{p, to, file})
}

var errCut = errors.New("the connection broke")

// stream is a snapshot on its way.
type stream struct {
	port
	to   uint64
	from io.Reader
}

func (s stream) Read(b []byte) (int, error) {
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	if s.net.cut[s.port.from] || s.net.cut[s.to] {
		return 0, errCut
	}
	return s.from.Read(b[:min(len(b), 4096)])
}

func (n *network) node(id uint64) *Node {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.nodes[id]
}

// fewEntries makes members forget their log early.
func fewEntries(_ uint64, cfg *Config) { cfg.keepEntries = 100 }

func (c *cluster) cutOff(id uint64) { c.net.set(id, c.rigs[id].node, true) }
func (c *cluster) heal(id uint64)   { c.net.set(id, c.rigs[id].node, false) }

// aFollower is a member that does not lead.
func (c *cluster) aFollower() uint64 { return c.leader()%3 + 1 }

// write proposes n commands through a member, many at a time.
func (r *rig) write(name string, n int) {
	r.t.Helper()
	const writers = 64
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := w; i < n; i += writers {
				if err := r.propose(fmt.Sprintf("%s.%d", name, i)); err != nil {
					r.t.Errorf("write %d: %v", i, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// keepWriting writes through a member until the returned function is called.
func (r *rig) keepWriting(name string) (stop func()) {
	over := make(chan struct{})
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-over:
					return
				default:
				}
				if err := r.propose(fmt.Sprintf("%s.%d.%d", name, w, i)); err != nil {
					r.t.Errorf("a write that went on: %v", err)
					return
				}
			}
		})
	}
	return func() { close(over); wg.Wait() }
}

// A follower that fell far behind comes back while writes go on, and what it got as
// a snapshot it has after a restart.
func TestFollowerComesBackBySnapshot(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"streamed", "within a message"} {
		t.Run(mode, func(t *testing.T) {
			n := 20_000
			c := startTuned(t, func(_ uint64, cfg *Config) {
				if mode != "streamed" {
					cfg.Snapshots = nil
				}
			})
			if mode != "streamed" {
				n = 2*keepEntries + 1000
			}
			out := c.aFollower()
			lead := c.leader()
			c.cutOff(out)
			c.rigs[lead].write("missed", n)
			stop := c.rigs[lead].keepWriting("meanwhile")
			c.heal(out)
			c.catchesUp(out, n)
			stop()
			c.equal(n)
			if c.rigs[out].sm.restoredFrom() == 0 {
				t.Error("it came back without a snapshot")
			}
			c.rigs[out].mustPropose("through the one that came back")
			c.equal(n + 1)
			c.rigs[out].close()
			c.start(out)
			c.rigs[out].ready()
			c.equal(n + 1)
			if c.rigs[out].sm.restoredFrom() == 0 {
				t.Error("after its restart the snapshot is gone")
			}
		})
	}
}

// catchesUp waits until a member has n commands.
func (c *cluster) catchesUp(id uint64, n int) {
	c.t.Helper()
	for deadline := time.Now().Add(patience); c.rigs[id].sm.len() < n; <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			c.t.Fatalf("member %d has %d of %d commands; status %+v", id, c.rigs[id].sm.len(), n, c.rigs[id].node.Status())
		}
	}
}

// held sends snapshots only when it is allowed to, and counts them.
type held struct {
	port
	sent  atomic.Int64
	begun chan struct{} // one for each that waits
	allow chan struct{}
	ended chan error // one for each that was allowed
}

func (h *held) SendSnapshot(ctx context.Context, to uint64, m *raftpb.Message, open func() (io.ReadCloser, int64, error)) error {
	h.sent.Add(1)
	h.begun <- struct{}{}
	select {
	case <-h.allow:
	case <-ctx.Done():
		return ctx.Err()
	}
	err := h.port.SendSnapshot(ctx, to, m, open)
	h.ended <- err
	return err
}

func holdSnapshots(t *testing.T, tune func(*Config)) (*cluster, map[uint64]*held) {
	senders := map[uint64]*held{}
	c := startTuned(t, func(id uint64, cfg *Config) {
		fewEntries(id, cfg)
		cfg.Election = 500 * time.Millisecond // these tests are about one leader, and a busy machine is no reason for another
		if tune != nil {
			tune(cfg)
		}
		senders[id] = &held{port: cfg.Snapshots.(port), begun: make(chan struct{}, 100), allow: make(chan struct{}, 100), ended: make(chan error, 100)}
		cfg.Snapshots = senders[id]
	})
	return c, senders
}

// A leader that writes much while a snapshot is on its way keeps the log for its
// receiver: one snapshot is enough.
func TestLogIsKeptForASnapshotOnItsWay(t *testing.T) {
	c, senders := holdSnapshots(t, nil)
	lead, out := c.leader(), c.aFollower()
	c.cutOff(out)
	c.rigs[lead].write("missed", 1000)
	c.heal(out)
	c.begins(senders[lead])
	c.rigs[lead].write("during", 3000) // thirty times what is kept otherwise
	senders[lead].allow <- struct{}{}
	c.catchesUp(out, 4000)
	c.equal(4000)
	if n := senders[lead].sent.Load(); n != 1 {
		t.Errorf("%d snapshots were sent", n)
	}
	c.rigs[lead].write("afterwards", 1000)
	if held := c.held(lead); held > 1000 {
		t.Errorf("%d entries are held after the receiver has caught up", held)
	}
}

// held is how many entries a member has in memory.
func (c *cluster) held(id uint64) uint64 {
	c.rigs[id].close()
	s := c.rigs[id].node.loop.storage
	first, _ := s.FirstIndex()
	last, _ := s.LastIndex()
	delete(c.rigs, id)
	c.net.set(id, nil, true)
	return last + 1 - first
}

// begins waits until a member has begun to send a snapshot.
func (c *cluster) begins(h *held) {
	c.t.Helper()
	select {
	case <-h.begun:
	case <-time.After(patience):
		c.describe() // another one may lead by now
		c.t.Fatal("no snapshot is sent")
	}
}

// What is kept has a bound. Beyond it the receiver gets a second snapshot at once.
func TestLogKeptForASnapshotIsBounded(t *testing.T) {
	c, senders := holdSnapshots(t, func(cfg *Config) { cfg.keepPinned = 1000 * entryCost })
	lead, out := c.leader(), c.aFollower()
	c.cutOff(out)
	c.rigs[lead].write("missed", 1000)
	c.heal(out)
	c.begins(senders[lead])
	c.rigs[lead].write("during", 3000)
	senders[lead].allow <- struct{}{}
	c.begins(senders[lead])
	senders[lead].allow <- struct{}{}
	c.catchesUp(out, 4000)
	c.equal(4000)
	if n := senders[lead].sent.Load(); n != 2 {
		t.Errorf("%d snapshots were sent", n)
	}
}

// A snapshot that does not get through is sent again, and a leader that loses its
// office ends the sending.
func TestSnapshotThatBreaksIsSentAgain(t *testing.T) {
	t.Parallel()
	c, senders := holdSnapshots(t, nil)
	lead, out := c.leader(), c.aFollower()
	c.cutOff(out)
	c.rigs[lead].write("missed", 1000)
	c.heal(out)
	c.begins(senders[lead])
	c.cutOff(out)
	senders[lead].allow <- struct{}{}
	if err := <-senders[lead].ended; err == nil {
		t.Fatal("the snapshot got through a cut")
	}
	c.heal(out)
	c.begins(senders[lead]) // the second try
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := c.rigs[lead].node.HandOver(ctx); err != nil {
		t.Fatal(err)
	}
	for id, s := range senders {
		if id != lead {
			s.allow <- struct{}{}
		}
	}
	c.catchesUp(out, 1000)
	c.equal(1000)
}

func (w *waiters) len() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.byID)
}

// A proposal that a snapshot may contain is not proposed again: its outcome stays unknown.
func TestSnapshotLeavesOutcomesUnknown(t *testing.T) {
	c := startTuned(t, fewEntries)
	old := c.leader()
	c.cutOff(old)
	ctx, leave := context.WithCancel(context.Background())
	defer leave()
	answered := make(chan error, 1)
	go func() {
		id := c.rigs[old].ids.Next()
		_, err := c.rigs[old].node.Propose(ctx, id, command(id, "zombie"))
		answered <- err
	}()
	for node := c.rigs[old].node; node.waiters.len() == 0 || !node.queue.empty(); { // until it is in the log
		<-time.After(time.Millisecond)
	}
	lead := c.leaderOtherThan(old)
	c.rigs[lead].write("missed", 1000)
	c.heal(old)
	c.catchesUp(old, 1000)
	c.rigs[lead].write("afterwards", 100)
	c.equal(1100)
	leave()
	if err := <-answered; !errors.Is(err, context.Canceled) {
		t.Errorf("the proposal ended with %v", err)
	}
	if n := c.rigs[old].sm.len(); n != 1100 {
		t.Errorf("%d commands were applied", n)
	}
	if c.rigs[old].sm.restoredFrom() == 0 {
		t.Error("there was no snapshot")
	}
}

// A newcomer whose log begins long after the cluster's gets a snapshot first.
func TestNewcomerBeginsWithASnapshot(t *testing.T) {
	c := startTuned(t, fewEntries)
	lead := c.leader()
	c.rigs[lead].write("before", 1000)
	must(t, c.change(AddLearner, 4))
	c.join(4)
	c.votersAre(1, 2, 3, 4)
	c.rigs[4].ready().mustPropose("through the newcomer")
	c.equal(1001)
	if c.rigs[4].sm.restoredFrom() == 0 {
		t.Error("it began without a snapshot")
	}
}
