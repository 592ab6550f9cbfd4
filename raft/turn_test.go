package raft

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"pando/fsys"
	"pando/test/nosync"
)

// busyWriters has each of these members write, and some read, until so many writes are done. Nothing may
// wait for a tick: there is none.
func busyWriters(t *testing.T, seed uint64, writes int64, readers int, rigs ...*rig) {
	var left atomic.Int64
	left.Store(writes)
	var wg sync.WaitGroup
	for w := range 2 * len(rigs) {
		r := rigs[w%len(rigs)]
		rng := rand.New(rand.NewPCG(seed, uint64(w)))
		wg.Go(func() {
			for i := 0; left.Add(-1) >= 0 && !t.Failed(); i++ {
				if err := r.propose(strings.Repeat("x", rng.IntN(4))); err != nil {
					t.Errorf("writer %d, write %d: %v", w, i, err)
					return
				}
				for range rng.IntN(3000) { // they meet in all ways
				}
			}
		})
	}
	for range readers {
		wg.Go(func() {
			for left.Load() > 0 && !t.Failed() {
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				if err := rigs[0].node.ReadIndex(ctx); err != nil {
					t.Errorf("reading: %v", err)
				}
				cancel()
			}
		})
	}
	wg.Wait()
}

// Whoever finds somebody at a turn relies on him. Were one of them forgotten, he would wait for the next tick, and
// there is none.
func TestNobodyIsForgottenOnALoneNode(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := launch(t, withoutTicks(t, nosync.FS, t.TempDir())).ready()
	for range 20 {
		busyWriters(t, seed, 200, 1, r)
	}
}

func TestNobodyIsForgottenInACluster(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	c := &cluster{t: t, net: newNetwork(t), dirs: map[uint64]string{}, rigs: map[uint64]*rig{}}
	c.tune = func(_ uint64, cfg *Config) {
		still := withoutTicks(t, nosync.FS, cfg.DataDir)
		cfg.FS, cfg.Heartbeat, cfg.Election = still.FS, still.Heartbeat, still.Election
	}
	for _, id := range three {
		c.dirs[id] = t.TempDir()
		c.start(id)
	}
	for _, id := range three { // by the rules of their own
		c.until("level", func() bool { return c.rigs[id].node.Status().Rules == 1 })
	}
	l := c.rigs[1].node.loop
	l.during(func() {
		if err := l.rn.Campaign(); err != nil {
			t.Error(err)
		}
	})
	c.rigs[1].ready()
	c.leader()
	busyWriters(t, seed, 3000, 1, c.rigs[1], c.rigs[2], c.rigs[3])
	c.equal(3000)
}

// until waits for a condition.
func (c *cluster) until(what string, true func() bool) {
	c.t.Helper()
	for deadline := time.Now().Add(patience); !true(); {
		if time.Now().After(deadline) {
			c.t.Fatalf("in vain: %s", what)
		}
		<-time.After(time.Millisecond)
	}
}

// echo is a leader that answers each answer to a heartbeat with a heartbeat, at once.
type echo struct {
	inbox atomic.Pointer[chan *raftpb.Message] // nil: it says nothing more
	acked chan uint64                          // capacity 1: the first entry that it hears to be durable
}

func (e *echo) heartbeat() *raftpb.Message {
	return &raftpb.Message{Type: raftpb.MsgHeartbeat.Enum(), From: new(uint64(1)), To: new(uint64(2)), Term: new(uint64(5))}
}

func (e *echo) Send(ms []*raftpb.Message) {
	for _, m := range ms {
		switch inbox := e.inbox.Load(); {
		case m.GetType() == raftpb.MsgAppResp && !m.GetReject():
			select {
			case e.acked <- m.GetIndex():
			default:
			}
		case m.GetType() == raftpb.MsgHeartbeatResp && inbox != nil:
			*inbox <- e.heartbeat() // whoever sends has just made room
		}
	}
}

// A turn comes to an end, and what it gave to write is written, although there is always another message.
func TestATurnEnds(t *testing.T) {
	out := &echo{acked: make(chan uint64, 1)}
	cfg := followerConfig(t, fsys.OS, t.TempDir())
	cfg.Transport = out
	r := launch(t, cfg)
	out.inbox.Store(&r.node.inbox)
	defer out.inbox.Store(nil)
	ctx := context.Background()
	go func() { _ = r.node.Process(ctx, out.heartbeat()) }() // and perhaps much more
	for deadline := time.Now().Add(patience); r.node.Status().Leader != 1; <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the leader is not heard")
		}
	}
	m := appends(5, 3, "x")
	m.LogTerm = new(uint64(1)) // of the last entry of its bootstrap
	go func() { _ = r.node.Process(ctx, m) }()
	select {
	case index := <-out.acked:
		t.Logf("%d is acknowledged", index)
	case <-time.After(patience):
		t.Error("an entry is not acknowledged")
	}
}

// A lone node may be stopped, and its disk fail or be full, while callers write the log themselves: everybody gets an
// answer, and what was acknowledged is there.
func TestTheEndWhileCallersWrite(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for round := range 40 {
		endWhileCallersWrite(t, rand.New(rand.NewPCG(seed, uint64(round))))
	}
}

func endWhileCallersWrite(t *testing.T, rng *rand.Rand) {
	var broken, full atomic.Bool
	dir := t.TempDir()
	cfg := testConfig(t, fsys.Hook(nosync.FS, func(c fsys.Call) error {
		switch {
		case broken.Load() && c.Kind == fsys.Datasync:
			return syscall.EIO
		case full.Load() && (c.Grows || c.Kind == fsys.OpenFile && filepath.Ext(c.Name) == ".tmp"):
			return syscall.ENOSPC
		}
		return nil
	}), dir)
	cfg.segmentSize, cfg.retry, cfg.SnapshotCount = 4<<10, time.Millisecond, 50
	r := launch(t, cfg).ready()
	acks, writers := r.writeUntilStopped(6)
	c := &cluster{t: t}
	many := rng.IntN(300)
	c.until("writes", func() bool { return r.sm.len() > many })
	kind := rng.IntN(4)
	switch kind {
	case 1:
		broken.Store(true)
		<-r.node.Done()
	case 2, 3:
		full.Store(true)
		c.until("a full disk", func() bool { return r.node.Status().DiskFull })
		full.Store(kind == 2)
	}
	err := r.node.Close()
	if kind == 1 != errors.Is(err, syscall.EIO) {
		t.Errorf("end %d: closing: %v", kind, err)
	}
	writers.Wait()
	cfg.FS = fsys.OS
	again := launch(t, cfg).ready()
	check(t, again.sm.texts(), acks.copy())
	again.close()
	if t.Failed() {
		t.Fatal(fmt.Sprint("end ", kind))
	}
}

// leaky loses every few appends of its member, and says so at once, as the transport does when there is no room: within the
// turn that sends them.
type leaky struct {
	port
	node  atomic.Pointer[Node]
	count atomic.Int64
}

// Send implements Transport.
func (k *leaky) Send(ms []*raftpb.Message) {
	for _, m := range ms {
		if n := k.node.Load(); n != nil && m.GetType() == raftpb.MsgApp && k.count.Add(1)%4 == 0 {
			n.ReportUnreachable(m.GetTo())
			continue
		}
		k.port.Send([]*raftpb.Message{m})
	}
}

// An append that is dropped in a turn holds up neither the turn nor, for longer than a few heartbeats, the writes.
func TestAppendsDroppedInATurn(t *testing.T) {
	ways := map[uint64]*leaky{}
	c := startTuned(t, func(id uint64, cfg *Config) {
		ways[id] = &leaky{port: cfg.Transport.(port)}
		cfg.Transport = ways[id]
	})
	for id, way := range ways {
		way.node.Store(c.rigs[id].node)
	}
	c.leader()
	var writers sync.WaitGroup
	for _, r := range c.rigs {
		writers.Go(func() {
			for i := range 40 {
				if err := r.propose("x"); err != nil {
					t.Errorf("write %d: %v", i, err)
				}
			}
		})
	}
	writers.Wait()
	c.equal(40 * len(c.rigs))
	if way := ways[c.leader()]; way.count.Load() < 40 {
		t.Errorf("only %d appends were sent", way.count.Load())
	}
}

// violated is a state machine in which something happens that cannot.
type violated struct{ tally }

func (violated) Apply(uint64, uint64, []byte) (uint64, any, error) { panic("an invariant is violated") }

// Nobody survives a panic of the engine or the state machine, not even who recovers from those of his requests.
func TestPanicEndsTheProcess(t *testing.T) {
	const child = "PANDO_TEST_PANIC"
	if os.Getenv(child) == "" {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), child+"=1")
		out, err := cmd.CombinedOutput()
		if exit := new(exec.ExitError); !errors.As(err, &exit) || !strings.Contains(string(out), "an invariant is violated") {
			t.Errorf("it ends with %v, and says\n%s", err, out)
		}
		return
	}
	node, err := Start(testConfig(t, fsys.OS, t.TempDir()), violated{})
	if err != nil {
		t.Fatal(err)
	}
	<-node.Ready()
	func() {
		defer func() { _ = recover() }()
		_, _ = node.Propose(context.Background(), 1, command(1, "x"))
	}()
	os.Exit(0) // it goes on
}
