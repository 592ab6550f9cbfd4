package raft

import (
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// What goes between this member and etcd members otherwise than between Pandos
// (etcd-compat spec, section 7; replication design, sections 2 and 5).

// forwardOnce sends everything that is queued to an etcd that leads.
func (l *loop) forwardOnce() {
	for !l.n.queue.empty() {
		ps := l.current(l.n.queue.take())
		if len(ps) == 0 {
			continue
		}
		for _, p := range ps {
			p.stamp, p.unknown = l.term, true
		}
		l.sendStock(asEntries(ps))
	}
}

// sendStock sends a MsgProp to the leader as etcd does.
func (l *loop) sendStock(ents []*raftpb.Entry) {
	id, to := l.n.meta.NodeID, l.lead
	l.outbox.add(&raftpb.Message{Type: raftpb.MsgProp.Enum(), From: &id, To: &to, Entries: ents})
}

// takeBack queues what was stamped for a leader that turned out to be an etcd.
func (l *loop) takeBack() {
	f := &l.forwarding
	var ps []*proposal
	for _, b := range f.batches {
		ps = append(ps, b.proposals...)
	}
	f.batches = nil
	for _, p := range ps {
		p.stamp = 0
	}
	l.n.queue.putBack(ps)
}

// takeFromEtcd takes the proposals of an etcd: commands into the queue, membership
// changes to the others. One that has come to the wrong member is passed on.
func (l *loop) takeFromEtcd(m *raftpb.Message) {
	if !l.leading {
		if l.lead != 0 && l.lead != m.GetFrom() {
			l.sendStock(m.GetEntries())
		}
		return
	}
	for _, e := range m.GetEntries() {
		if e.GetType() == raftpb.EntryConfChange {
			l.takeChange(e)
		}
	}
	if err := l.n.queue.putAll(l.foreign(m)); err != nil {
		l.n.log.Debug("proposals of an etcd are not taken: its clients will time out")
	}
}

// takeChange queues a membership change that an etcd was asked for. If it is refused
// its client is not told, and times out.
func (l *loop) takeChange(e *raftpb.Entry) {
	var cc raftpb.ConfChange
	if err := proto.Unmarshal(e.GetData(), &cc); err != nil {
		return // the transport lets only readable ones through
	}
	for kind, typ := range confChangeTypes {
		if typ == cc.GetType() && kind != promote {
			c := newChange(Change{Kind: kind, ID: cc.GetNodeId(), Context: cc.GetContext()}, nil)
			c.id = cc.GetId()
			l.queueChange(c)
		}
	}
}

// forwardChange hands a membership change to an etcd that leads. If that drops it,
// which nobody says, the caller times out.
func (l *loop) forwardChange(c *change) {
	if c.Kind == AddLearner {
		c.Kind = AddVoter
	}
	data, err := proto.Marshal(l.confChange(c))
	if err != nil {
		c.done <- err
		return
	}
	l.sendStock([]*raftpb.Entry{{Type: raftpb.EntryConfChange.Enum(), Data: data}})
	c.forwarded = true
	l.changes.current = c
}

// barrier is a command that linearizable reads wait for where the library's own way
// ends at an etcd. Loop only.
type barrier struct {
	p        *proposal
	question uint64 // the reads that it answers are those of this one and before
	since    uint64 // the tick of its proposal
}

// askByBarrier proposes a barrier for the reads that wait, unless one is under way.
func (l *loop) askByBarrier() {
	if l.barrier.p != nil || !l.n.reads.ask(l.readCounter+1) {
		return
	}
	l.readCounter++
	id := l.n.NextID()
	p := &proposal{id: id, data: l.n.cfg.Barrier(id), done: make(chan outcome, 1)}
	if !l.n.waiters.add(p) || l.n.queue.put(p) != nil {
		l.n.waiters.remove(p)
		return // the next tick tries again
	}
	l.barrier = barrier{p: p, question: l.readCounter, since: l.changes.ticks}
	l.n.nudge()
}

// passBarrier answers the reads of a barrier that has been applied here.
func (l *loop) passBarrier() {
	if l.barrier.p == nil {
		return
	}
	select {
	case o := <-l.barrier.p.done:
		l.barrier.p = nil
		for _, c := range l.n.reads.answered(l.barrier.question) {
			c <- o.err
		}
		l.askReads()
	default:
	}
}

// forgetBarrier leaves the reads of a barrier to the next question.
func (l *loop) forgetBarrier() {
	if l.barrier.p != nil {
		l.n.abandon(l.barrier.p)
		l.barrier.p = nil
	}
}

// checkBarrier gives up a barrier that was lost around an election, so that another is
// proposed. Each tick calls it.
func (l *loop) checkBarrier() {
	b := &l.barrier
	if b.p == nil || b.p.stamp == 0 || l.changes.ticks-b.since < l.electionTicks()/2 {
		return
	}
	l.forgetBarrier()
}
