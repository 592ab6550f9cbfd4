package raft

import (
	"fmt"
	"sync"
	"testing"
	"time"

	etcdraft "go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"pando/fsys"
)

// stuck is a disk on which no sync ends until it is released.
type stuck struct {
	mu   sync.Mutex
	held chan struct{} // not nil while it is stuck; closed when it is released
}

func (s *stuck) stick() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = make(chan struct{})
}

func (s *stuck) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held != nil {
		close(s.held)
	}
	s.held = nil
}

func (s *stuck) before(c fsys.Call) error {
	s.mu.Lock()
	held := s.held
	s.mu.Unlock()
	if held != nil && (c.Kind == fsys.Datasync || c.Kind == fsys.Sync) {
		<-held
	}
	return nil
}

func startOnStuckDisks(t *testing.T) (*cluster, map[uint64]*stuck) {
	t.Helper()
	disks := map[uint64]*stuck{1: {}, 2: {}, 3: {}}
	c := startTuned(t, func(id uint64, cfg *Config) {
		cfg.FS = fsys.Hook(fsys.OS, disks[id].before)
	})
	t.Cleanup(func() { // before the nodes are closed, which wait for their disks
		for _, d := range disks {
			d.release()
		}
	})
	return c, disks
}

// A leader whose disk does nothing at all goes on leading, and the others commit what it sends them.
func TestLeaderOnAStuckDisk(t *testing.T) {
	c, disks := startOnStuckDisks(t)
	lead := c.leader()
	term := c.rigs[lead].node.Status().Term
	follower := c.rigs[three[lead%3]]
	disks[lead].stick()
	for i := range 20 {
		follower.mustPropose(fmt.Sprint(i))
	}
	if s := c.rigs[lead].node.Status(); s.Leader != lead || s.Term != term {
		t.Errorf("%d leads in term %d, it was %d in term %d", s.Leader, s.Term, lead, term)
	}
	disks[lead].release()
	c.equal(20)
}

// A follower whose disk does nothing costs the others nothing.
func TestFollowerOnAStuckDisk(t *testing.T) {
	c, disks := startOnStuckDisks(t)
	lead := c.leader()
	slow := three[lead%3]
	disks[slow].stick()
	began := time.Now()
	for i := range 20 {
		c.rigs[lead].mustPropose(fmt.Sprint(i))
	}
	t.Logf("20 writes in %v", time.Since(began))
	disks[slow].release()
	c.rigs[slow].mustPropose("last")
	c.equal(21)
}

// Proposals wait for the disk for a heartbeat or two, and after that only while a whole batch waits for it.
func TestPatienceWithTheDisk(t *testing.T) {
	l := &loop{n: &Node{disk: &disk{work: make(chan diskWork, 2)}}}
	written := func(size int) {
		l.route(&raftpb.Message{To: proto.Uint64(etcdraft.LocalAppendThread), Entries: []*raftpb.Entry{{Data: make([]byte, size)}}})
		l.feedDisk()
	}
	expect := func(want bool, when string) {
		t.Helper()
		if l.patientWithDisk() != want {
			t.Errorf("%s it is patient: %v", when, !want)
		}
	}
	expect(false, "while the disk is idle")
	written(1)
	expect(true, "while the disk has been busy for less than a heartbeat")
	l.changes.ticks = 1
	expect(true, "while the disk has been busy for up to a heartbeat")
	l.changes.ticks = 2
	expect(false, "while the disk is slow")
	written(maxBatch - 1)
	expect(false, "while less than a batch waits")
	written(1)
	expect(true, "while a batch waits")
	l.diskBusy, l.writing = false, nil
	l.feedDisk()
	expect(true, "while that batch is new to the disk")
	l.changes.ticks = 4
	expect(false, "while that batch takes long and nothing waits behind it")
}
