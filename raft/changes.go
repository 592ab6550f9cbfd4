package raft

import (
	"slices"

	etcdraft "go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/tracker"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"
)

// The leader's side of membership changes (replication design, section 5). The
// library takes one at a time and turns a second into an empty entry, so they queue
// here; and it counts no quorum before it takes one, so that is done here, with the
// members heard from within one election timeout.

// promoteLag is how many entries a learner may be behind to be taken for caught up.
const promoteLag = 512

// changes is what the loop knows of membership changes. Loop only.
type changes struct {
	waiting  []*change
	current  *change // in the log, and not yet known to be applied and published, or lost
	applied  uint64  // index of the last applied membership change
	settled  uint64  // up to this index the commit index is durable
	settling uint64  // or is being made so
	removed  uint64  // index at which this member was removed
	leave    uint64  // the tick at which it stops; 0 before that is published

	ticks     uint64            // since the start
	leadSince uint64            // the tick at which this member began to lead
	transfer  uint64            // the tick at which the leadership may be offered again
	offers    uint64            // of the leadership because this member's disk is full
	heard     map[uint64]uint64 // the tick of each member's last message
}

func (l *loop) electionTicks() uint64 { return uint64(l.n.cfg.Election / l.n.cfg.Heartbeat) }

// silent reports whether nothing was heard from a member for one election timeout.
func (l *loop) silent(id uint64) bool {
	at, ever := l.changes.heard[id]
	return id != l.n.meta.NodeID && (!ever || l.changes.ticks-at > l.electionTicks())
}

// unsettled reports whether a membership change was applied whose commit index may not be
// durable. It has to be soon, and before the change is answered: a member that comes back
// without it would still count one that has left, and perhaps never have a leader again.
func (c *changes) unsettled() bool { return c.applied > c.settled }

// queueChange takes a change from a caller.
func (l *loop) queueChange(c *change) {
	l.changes.waiting = slices.DeleteFunc(l.changes.waiting, (*change).abandoned)
	if len(l.changes.waiting) >= maxChanges {
		c.done <- ErrTooManyRequests
		return
	}
	l.changes.waiting = append(l.changes.waiting, c)
}

// change moves on with the membership changes, as far as possible now. It is called
// whenever something has happened.
func (l *loop) change() {
	m := &l.changes
	l.settleChange()
	switch {
	case len(m.waiting) == 0 || m.current != nil:
	case !l.leading:
		l.turnChangesAway()
	case l.rules.changing:
	case l.ownTerm && l.applied >= m.applied: // else the library would refuse it
		for len(m.waiting) > 0 && m.current == nil && l.tryChange(m.waiting[0]) {
			m.waiting = slices.Delete(m.waiting, 0, 1)
		}
	}
}

// settleChange answers the change under way if its outcome is known. One that an entry
// of a later term has made impossible begins anew.
func (l *loop) settleChange() {
	m := &l.changes
	switch c := m.current; {
	case c == nil:
	case c.forwarded && c.abandoned():
		m.current = nil
	case c.index > 0 && l.applied >= c.index && m.settled >= c.index:
		m.current = nil
		c.done <- c.err
	case c.index == 0 && l.settled > c.term && !c.forwarded:
		m.current = nil
		m.waiting = slices.Insert(m.waiting, 0, c)
	}
}

// turnChangesAway sends everybody to the leader, once there is one. An etcd cannot
// be asked as a Pando can: it gets one change after the other.
func (l *loop) turnChangesAway() {
	m := &l.changes
	if !l.knowsLeader() {
		return
	}
	if !l.rules.isPando(l.lead) {
		for len(m.waiting) > 0 && m.current == nil {
			c := m.waiting[0]
			m.waiting = slices.Delete(m.waiting, 0, 1)
			if c.gone != nil && !c.abandoned() { // else nobody would learn that it is lost
				l.forwardChange(c)
			}
		}
		return
	}
	for _, c := range l.changes.waiting {
		c.done <- &NotLeaderError{Leader: l.lead}
	}
	l.changes.waiting = nil
}

// tryChange proposes or refuses a change; false if it has to wait.
func (l *loop) tryChange(c *change) bool {
	if c.abandoned() {
		return true
	}
	if c.Kind == AddLearner && l.rules.level == 0 {
		c.Kind = AddVoter
	}
	after, err := l.votersAfter(c)
	if err == nil {
		err = l.quorumOf(after)
		if err != nil && l.changes.ticks-l.changes.leadSince <= l.electionTicks() {
			return false // a new leader has not heard from everybody yet
		}
	}
	switch {
	case err != nil:
		c.done <- err
		return true
	case c.Kind == RemoveMember && c.ID == l.n.meta.NodeID && l.somebodyElse():
		l.offerLeadership()
		return false // the new leader gets it
	}
	return l.proposeChange(c)
}

// votersAfter are the voters that a change would leave.
func (l *loop) votersAfter(c *change) ([]uint64, error) {
	now := l.conf.GetVoters()
	votes := slices.Contains(now, c.ID)
	switch {
	case c.Kind == RemoveMember && votes && len(now) == 1:
		return nil, ErrLastMember
	case c.Kind == RemoveMember && votes:
		return slices.DeleteFunc(slices.Clone(now), func(id uint64) bool { return id == c.ID }), nil
	case c.Kind == AddVoter && len(now) == 1:
		return now, nil // it cannot be started before it was added: etcd 2.3's way to two members
	case (c.Kind == AddVoter || c.Kind == promote) && !votes:
		return append(slices.Clone(now), c.ID), nil
	}
	return now, nil
}

// stayInTouch notes whether this leader has heard a quorum within one election
// timeout. A new one has not heard from everybody yet. Each tick calls it.
func (l *loop) stayInTouch() {
	l.outOfTouch = l.leading && l.changes.ticks-l.changes.leadSince > l.electionTicks() && l.quorumOf(l.conf.GetVoters()) != nil
	if l.outOfTouch || l.lead == 0 {
		l.n.queue.sweep()
	}
}

// missLeader forgets a leader that has been silent for an election timeout. A voter that campaigns does so anyway; a member without a
// vote would believe in a dead leader for ever, and say so to who asks after its health. Each tick calls it.
func (l *loop) missLeader() {
	if !l.follows() || !l.silent(l.lead) || slices.Contains(l.conf.GetVoters(), l.n.meta.NodeID) {
		return
	}
	if err := l.rn.ForgetLeader(); err != nil {
		l.n.log.Debug("the leader is not forgotten", zap.Error(err))
	}
}

// quorumOf returns an UnsafeError if those that answer are too few.
func (l *loop) quorumOf(voters []uint64) error {
	var silent []uint64
	for _, id := range voters {
		if l.silent(id) {
			silent = append(silent, id)
		}
	}
	if len(voters)-len(silent) > len(voters)/2 {
		return nil
	}
	return &UnsafeError{Voters: len(voters), Silent: silent}
}

// offerLeadership begins to hand over because this member is to be removed. An offer
// that comes to nothing is repeated after an election timeout.
func (l *loop) offerLeadership() {
	if m := &l.changes; m.ticks >= m.transfer && l.transfer(0) != 0 {
		m.transfer = m.ticks + l.electionTicks()
	}
}

// somebodyElse reports whether there is a Pando to hand the leadership to.
func (l *loop) somebodyElse() bool {
	return slices.ContainsFunc(l.conf.GetVoters(), func(id uint64) bool { return id != l.n.meta.NodeID && l.rules.isPando(id) && !l.silent(id) })
}

// confChange is a change as it stands in the log.
func (l *loop) confChange(c *change) *raftpb.ConfChange {
	if c.id == 0 {
		c.id = l.n.cfg.world.random()
	}
	c.term = l.term
	return &raftpb.ConfChange{Id: &c.id, Type: confChangeTypes[c.Kind].Enum(), NodeId: &c.ID, Context: c.Context}
}

func (l *loop) proposeChange(c *change) bool {
	if err := l.rn.ProposeConfChange(l.confChange(c)); err != nil { // too much uncommitted, or leadership is moving: later
		l.n.log.Debug("membership change not taken yet", zap.Error(err))
		return false
	}
	l.changes.current = c
	return true
}

// applyConf answers the applier, which waits at a conf change. etcd 2.3 with
// --force-new-cluster removes all voters before it adds its own member. The
// library cannot be without a voter, so the last removal waits for that addition.
func (l *loop) applyConf(q confAsk) {
	switch last := l.lastRemoved; {
	case l.removesLast(q.cc):
		l.lastRemoved = q.cc
	case last != nil && q.cc.GetType() == raftpb.ConfChangeAddNode && q.cc.GetNodeId() != 0:
		l.conf = l.rn.ApplyConfChange(q.cc)
		if q.cc.GetNodeId() != last.GetNodeId() {
			l.conf = l.rn.ApplyConfChange(last)
		}
		l.lastRemoved = nil
	default:
		l.conf = l.rn.ApplyConfChange(q.cc)
	}
	l.changeApplied(q)
	q.answer <- l.conf
}

// ask has the loop answer the applier, or returns ErrStopped.
func (l *loop) ask(q confAsk) error {
	select {
	case l.confAsk <- q:
		return nil
	case <-l.n.stop:
		return ErrStopped
	}
}

// removesLast reports whether cc takes away the only voter.
func (l *loop) removesLast(cc *raftpb.ConfChange) bool {
	v := l.conf.GetVoters()
	return cc.GetType() == raftpb.ConfChangeRemoveNode && len(v) == 1 && v[0] == cc.GetNodeId()
}

// changeApplied notes what became of a membership change in the log.
func (l *loop) changeApplied(q confAsk) {
	m := &l.changes
	m.applied = q.index
	if l.replaying() {
		m.settled = q.index
	}
	valid := q.cc.GetNodeId() != 0
	if c := m.current; c != nil && c.id == q.cc.GetId() {
		c.index = q.index
		if !valid {
			c.err = ErrChangeInvalid
		}
	}
	if valid && q.cc.GetType() == raftpb.ConfChangeRemoveNode {
		delete(m.heard, q.cc.GetNodeId())
		if q.cc.GetNodeId() == l.n.meta.NodeID && !l.lone() {
			m.removed = q.index
		}
	}
}

// leaveIfRemoved stops the node one election timeout after its removal was published, as
// etcd 2.3 does. Until the others have learned that it is committed they count this
// member: two of which the one that led is gone at once may never have a leader again.
// Each tick calls it.
func (l *loop) leaveIfRemoved() {
	m := &l.changes
	switch {
	case m.removed == 0 || l.applied < m.removed:
	case m.leave == 0:
		m.leave = m.ticks + l.electionTicks()
		l.n.leaving.Store(true)
	case m.ticks >= m.leave:
		l.n.removed()
	case l.leading:
		l.offerLeadership()
	}
}

// promoteLearner queues the promotion of a learner that has caught up and has
// published its level (else its vote would lower the cluster's), when nothing else is
// to be done. An etcd panics over that entry. Each tick calls it.
func (l *loop) promoteLearner() {
	m := &l.changes
	if !l.leading || l.rules.level == 0 || len(l.conf.GetLearners()) == 0 || m.current != nil || len(m.waiting) > 0 {
		return
	}
	var ready uint64
	l.rn.WithProgress(func(id uint64, typ etcdraft.ProgressType, pr tracker.Progress) {
		if typ == etcdraft.ProgressTypeLearner && l.rules.isPando(id) && pr.State == tracker.StateReplicate && !l.silent(id) && pr.Match+promoteLag > l.applied {
			ready = id
		}
	})
	if ready != 0 {
		l.queueChange(newChange(Change{Kind: promote, ID: ready}, nil))
	}
}

// failChanges answers everybody when the loop ends.
func (l *loop) failChanges() {
	if c := l.changes.current; c != nil {
		l.changes.waiting = append(l.changes.waiting, c)
	}
	for _, c := range l.changes.waiting {
		c.done <- ErrStopped
	}
}

// promotes reports whether a change in the log makes a learner a voter: the state
// machine knows it already and is not asked.
func promotes(conf *raftpb.ConfState, cc *raftpb.ConfChange) bool {
	return cc.GetType() == raftpb.ConfChangeAddNode && len(cc.GetContext()) == 0 && slices.Contains(conf.GetLearners(), cc.GetNodeId())
}

// applyOrIgnore asks the state machine whether a membership change is valid.
func (a *applier) applyOrIgnore(cc *raftpb.ConfChange) {
	if !promotes(a.conf, cc) && !a.n.sm.ApplyConfChange(cc) {
		cc.NodeId = proto.Uint64(0) // the library's word for "changes nothing"
	}
}
