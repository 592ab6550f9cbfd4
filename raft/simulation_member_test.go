package raft

import (
	"fmt"
	"slices"
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"pando/fsys"
)

// simMember is one machine of a simulation: its disk, and the process on it while that runs.
// What the goroutines of a Node do, it does as events of the virtual clock.
type simMember struct {
	s    *simulation
	id   uint64
	disk *fsys.Memory
	rate float64 // of its clock, 1 is true
	slow float64 // of its disk, 1 is usual
	boot []uint64

	node   *Node // nil while the process does not run
	sm     *ledger
	life   int      // counts the starts: events of an earlier process do not happen
	paused bool     // SIGSTOP
	held   []func() // what happens when it goes on
	left   bool     // it was removed from the cluster
	etcd   bool     // it says that it is etcd, and takes no stamped proposals
	told   bool     // this process has published what it is
	dying  bool     // within a crash
	wiped  bool     // its disk was emptied
	force  bool     // --force-new-cluster

	waking   bool // the loop has something to do
	clock    *clock
	ranOut   bool         // its timer has
	timers   int          // resets of it
	asks     []func()     // what other goroutines of the node wait to tell the loop
	writing  *diskWork    // what the disk goroutine is at
	taking   *snapshotJob // what the snapshot goroutine is at
	applying bool         // the apply goroutine is at something
	hurries  int          // resets of the timer for an early campaign
	ops      []operation  // of clients, whose outcome is open
}

// simConfig is that of a member.
func (m *simMember) simConfig() Config {
	p := m.s.plan
	cfg := Config{
		FS: m.disk, DataDir: "/data",
		Heartbeat: 100 * time.Millisecond, Election: time.Second,
		Transport: m, Snapshots: m,
		SnapshotCount: p.snapshotCount, MaxSnapshots: 2, MaxWALs: 2,
		Logger:      m.s.trace.logger(m),
		segmentSize: p.segmentSize, keepEntries: p.keepEntries, keepPinned: p.keepPinned,
		Bootstrap: func() (Bootstrap, error) {
			b := Bootstrap{MemberID: m.id, ClusterID: 9}
			for _, id := range m.boot {
				b.Members = append(b.Members, Member{ID: id, Context: contextOf(AddVoter, id)})
			}
			return b, nil
		},
		Barrier: func(id uint64) []byte { return simCommand(id, 0) },
		world: &world{
			now: m.now, random: m.s.rng.Uint64,
			askLoop: m.askLoop, waitForRoom: m.waitForRoom, send: m.beginSending,
			askDisk: (*disk).record,
			both:    func(a, b func()) { a(); b() },
			guard:   func() {}, // the simulation has its own
			inline:  true,
		},
	}
	if m.force {
		cfg.ForceNewCluster = func(id uint64) []byte { return contextOf(AddVoter, id) }
	}
	return cfg
}

func (m *simMember) now() time.Time {
	return time.Unix(1e9, 0).Add(time.Duration(float64(m.s.now) * m.rate))
}

// after plans something that happens to this process, if it lives then, and when it is
// not stopped.
func (m *simMember) after(d time.Duration, do func()) {
	life := m.life
	m.s.after(d, func() {
		switch {
		case m.life != life:
		case m.paused:
			m.held = append(m.held, do)
		default:
			do()
		}
	})
}

func (m *simMember) start() {
	m.life++
	m.waking, m.ranOut, m.asks, m.writing, m.taking, m.applying = false, false, nil, nil, nil, false
	m.sm = &ledger{m: m, state: ledgerState{}}
	m.s.trace.add(m, "starts")
	n, err := newNode(m.simConfig(), m.sm)
	if err != nil {
		m.s.trace.add(m, "does not start: %v", err)
		m.s.startFailed(m, err)
		return
	}
	m.node = n
	n.loop.hurry = m.hurry
	n.loop.outbox.later = m.later
	m.clock = newClock(n.cfg.Heartbeat, n.cfg.Election, m.now, m.resetTimer)
	m.resetTimer(n.cfg.Heartbeat)
	m.told = false
	m.publish()
	n.loop.clock, n.loop.manned = m.clock, m.s.plan.turns
	m.tell(func() {})
	m.settle()
	m.wake()
}

// resetTimer stands for that of the clock in loop.run.
func (m *simMember) resetTimer(d time.Duration) bool {
	m.timers++
	mine := m.timers
	m.after(time.Duration(float64(d)/m.rate), func() {
		if mine == m.timers {
			m.ranOut = true
			m.wake()
		}
	})
	m.ranOut = false
	return true
}

// hurry stands for the timer in loop.run.
func (m *simMember) hurry(d time.Duration) bool {
	m.hurries++
	mine := m.hurries
	m.after(d, func() {
		if mine == m.hurries {
			m.ask(m.node.loop.campaignEarly)
		}
	})
	return true
}

// later stands for the timer in loop.run.
func (m *simMember) later(d time.Duration) bool {
	m.after(d, func() { m.ask(m.node.loop.tellCommits) })
	return true
}

// ask tells the loop something when it comes to it.
func (m *simMember) ask(do func()) {
	m.asks = append(m.asks, do)
	m.wake()
}

// wake has the loop look soon what there is to do.
func (m *simMember) wake() {
	if !m.waking && m.node != nil {
		m.waking = true
		m.after(m.s.plan.cpu(), func() {
			m.waking = false
			m.step()
			if len(m.cases()) > 0 {
				m.wake()
			}
		})
	}
}

// cases are those of the select in loop.run that are ready. Where nobody takes turns they have what a turn finds, too.
func (m *simMember) cases() []func() {
	if m.node == nil {
		return nil
	}
	n, l := m.node, m.node.loop
	var ready []func()
	if len(n.wake) > 0 {
		ready = append(ready, func() { <-n.wake })
	}
	if m.ranOut {
		ready = append(ready, func() { m.ranOut = false; l.pass(m.clock.ranOut(l.follows())) })
	}
	if len(m.asks) > 0 {
		ready = append(ready, func() {
			do := m.asks[0]
			m.asks = m.asks[1:]
			do()
		})
	}
	if l.manned {
		return ready
	}
	if len(n.inbox) > 0 && !l.rules.changing {
		ready = append(ready, func() { l.pass(m.clock.message()); l.receive(<-n.inbox) })
	}
	if len(n.disk.done) > 0 {
		ready = append(ready, func() { l.diskDone(<-n.disk.done) })
	}
	if len(n.apply.done) > 0 {
		ready = append(ready, func() { l.publishedTo(<-n.apply.done) })
	}
	return ready
}

// step is one turn of the loop, for one of the things that are ready.
func (m *simMember) step() {
	ready := m.cases()
	if len(ready) == 0 || m.stopping() {
		return
	}
	m.tell(ready[m.s.plan.choose(len(ready))])
	m.settle()
}

func (m *simMember) stopping() bool {
	if m.node == nil {
		return true
	}
	select {
	case <-m.node.stop:
		return true
	default:
		return false
	}
}

// settle hands on what the loop gave to others, as their goroutines would, and looks at
// what is true now.
func (m *simMember) settle() {
	n := m.node
	if n == nil {
		return
	}
	m.s.check.leaders(m)
	select {
	case w := <-n.disk.work:
		m.write(w)
	default:
	}
	select {
	case w := <-n.apply.work:
		m.after(m.s.plan.cpu(), func() { m.apply(w) })
	default:
	}
	m.settleSnapshots()
	m.pollOperations()
	if m.stopping() {
		m.after(0, m.ended) // not within what is happening now
	}
}

// settleSnapshots is settle for the snapshot goroutine and what the applier hears of it.
func (m *simMember) settleSnapshots() {
	n := m.node
	select {
	case j := <-n.snaps.jobs:
		m.taking = &j
		m.after(m.s.plan.snapshotTime(), func() {
			m.taking = nil
			n.snaps.carryOut(j)
			m.settle()
		})
	default:
	}
	select {
	case <-n.snaps.tidyNow:
		m.after(m.s.plan.snapshotTime(), n.snaps.tidy)
	default:
	}
	if len(n.apply.image) > 0 && !m.applying && n.apply.mu.TryLock() {
		<-n.apply.image
		n.apply.nudged()
		n.apply.mu.Unlock()
		m.after(0, m.settle)
	}
}

// write is the disk goroutine: nothing is on the disk before its time.
func (m *simMember) write(w diskWork) {
	m.writing = &w
	m.after(time.Duration(float64(m.s.plan.disk())*m.slow), func() {
		m.writing = nil
		ok := m.node.disk.carryOut(w)
		if ok {
			m.s.check.stored(m, w)
		}
		m.s.trace.add(m, "wrote %s", describeWork(w))
		m.node.disk.done <- ok
		m.drive(writer)
		m.settle()
	})
}

// apply is the apply goroutine.
func (m *simMember) apply(w applyWork) {
	n := m.node
	m.applying = true
	p, ok := n.apply.carryOut(w)
	m.applying = false
	if !ok {
		m.settle()
		return
	}
	m.s.trace.add(m, "applied up to %d", p.index)
	m.settle()
	m.after(m.s.plan.cpu(), func() {
		n.apply.done <- p
		m.drive(passer)
	})
}

// askLoop answers the applier. The loop goes on meanwhile.
func (m *simMember) askLoop(l *loop, q confAsk) error {
	m.meanwhile()
	if m.stopping() {
		return ErrStopped
	}
	m.tell(func() {
		l.applyConf(q)
		m.s.check.confApplied(m, q, l.conf)
		m.s.trace.add(m, "membership at %d: %s", q.index, describeConf(l.conf))
	})
	m.settle()
	m.meanwhile()
	return nil
}

// meanwhile lets the loop do something while another goroutine is at work.
func (m *simMember) meanwhile() {
	for m.s.plan.choose(4) == 3 && len(m.cases()) > 0 {
		m.step()
	}
}

// Send implements Transport.
func (m *simMember) Send(ms []*raftpb.Message) {
	for _, msg := range ms {
		m.s.send(m, msg)
	}
}

func describeConf(c *raftpb.ConfState) string {
	voters, learners := slices.Sorted(slices.Values(c.GetVoters())), slices.Sorted(slices.Values(c.GetLearners()))
	return fmt.Sprintf("voters %v learners %v", voters, learners)
}

func describeWork(w diskWork) string {
	if w.install != nil {
		return fmt.Sprintf("snapshot %d", w.install.position().Index)
	}
	first, last := uint64(0), uint64(0)
	for _, msg := range w.messages {
		for _, e := range msg.GetEntries() {
			if first == 0 {
				first = e.GetIndex()
			}
			last = e.GetIndex()
		}
	}
	switch first {
	case 0:
		return "its state"
	case last:
		return fmt.Sprintf("entry %d", last)
	}
	return fmt.Sprintf("entries %d to %d", first, last)
}
