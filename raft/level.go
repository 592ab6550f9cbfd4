package raft

import (
	etcdraft "go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"
)

// The cluster's level says by which rules its members live (replication design,
// section 3). It follows from the log alone, so it is equal on every member at each
// index, and known before any peer answers.
//
// Level 0 has etcd members, or may have: no pre-vote, no check of the quorum, no
// learners, no handing over to etcd, reads as entries of the log (etcd-compat spec,
// section 7). At level 1 all voters are Pando.
//
// Pre-vote and check of the quorum are fixed when a RawNode is made. So a change of
// level makes a new one over the same storage, once nothing is under way: a follower
// at once, a leader after it has handed over.

// Levels are the levels that members have published, by ID. Who is not in it is
// etcd or has not published anything. It is never changed after it was returned.
type Levels map[uint64]int

// levelOf is the level of a cluster with these voters. A lone Pando needs nobody's word.
func levelOf(conf *raftpb.ConfState, levels Levels, self uint64) int {
	voters := conf.GetVoters()
	switch {
	case len(voters) == 0:
		return 0
	case len(voters) == 1 && voters[0] == self:
		return 1
	}
	level := 1
	for _, id := range voters {
		level = min(level, levels[id])
	}
	return level
}

// Level is the cluster's level as of what has been applied here.
func (n *Node) Level() int { return int(n.level.Load()) }

// rules is which rules the RawNode lives by, and what is to become of them. Loop only.
type rules struct {
	level  int    // the cluster's, as applied
	levels Levels // of its members

	made     int    // the level that the RawNode was made for
	changing bool   // nothing new is begun until another one can be made
	aside    uint64 // the tick at which a leader may give way (again); 0 if it need not
	heir     uint64 // who was to take over at the last try
	offers   int    // how often it has tried

	strangers map[uint64]uint64 // terms in which members asked for a vote while this leader was there
	suspected uint64            // until this tick somebody is taken for an etcd
}

// isPando reports whether a member has published that it is.
func (r *rules) isPando(id uint64) bool { return r.levels[id] > 0 }

// wanted is the level that the RawNode should have been made for.
func (l *loop) wanted() int {
	if l.changes.ticks < l.rules.suspected {
		return 0
	}
	return l.rules.level
}

// learnLevel takes the level from the applier.
func (l *loop) learnLevel(p published) {
	r := &l.rules
	switch {
	case p.level > r.level:
		l.n.log.Info("all members are pando: the cluster lives by its own rules")
	case p.level < r.level:
		l.n.log.Info("a member may not be pando: the cluster lives by the rules of etcd 2.3")
	}
	r.level, r.levels = p.level, p.levels
}

// changeRules makes a new RawNode if the level asks for it and nothing is under way.
// During the replay it waits: levels come and go then. While the log cannot grow it
// waits too: nothing would come to rest.
func (l *loop) changeRules() {
	r := &l.rules
	if r.made == l.wanted() || l.replaying() || l.noSpace != nil {
		r.changing, r.aside = false, 0
		return
	}
	l.handleReadies() // what it has said is not lost with it: entries, and a commit index that covers them
	led := l.leading
	if led && !l.giveWay() {
		return
	}
	r.changing = true
	if !l.quiet() {
		return
	}
	if err := l.remake(); err != nil {
		l.n.fail(err)
		return
	}
	if led { // there is nobody to hand over to, and nobody who would refuse
		if err := l.rn.Campaign(); err != nil {
			l.n.log.Debug("cannot campaign under the other rules", zap.Error(err))
		}
	}
}

// maxOffers is how often a leader tries to hand over before it changes its rules, for
// which the others then have to elect somebody: while it tries, nothing is proposed.
const maxOffers = 2

// giveWay hands the leadership over before the rules are changed, a little later,
// when the others know the level too. It reports whether there is nobody to take it.
func (l *loop) giveWay() bool {
	r := &l.rules
	switch now := l.changes.ticks; {
	case r.aside == 0:
		r.aside, r.offers, r.heir = now+2, 0, 0
	case now >= r.aside && r.offers == maxOffers:
		return true
	case now >= r.aside:
		r.aside = now + l.electionTicks()
		r.offers++
		r.heir = l.transfer(r.heir)
		return r.heir == 0
	}
	return false
}

// quiet reports whether nothing is under way that belongs to the RawNode, and sees to
// it that this will be so.
func (l *loop) quiet() bool {
	if l.applying || len(l.applies) > 0 || len(l.writing) > 0 || l.incoming != nil {
		return false
	}
	if len(l.appends) > 0 {
		l.feedCommit()
		return false
	}
	return true
}

// remake makes a RawNode for the wanted level. It goes on following the leader that
// this member followed.
func (l *loop) remake() error {
	if err := l.storage.SetHardState(l.rn.BasicStatus().HardState); err != nil {
		return err
	}
	level := l.wanted()
	rn, err := newRawNode(l.n.cfg, l.n.meta.NodeID, l.storage, l.applied, level)
	if err != nil {
		return err
	}
	l.rn = rn
	l.rules.made, l.rules.changing, l.rules.aside = level, false, 0
	l.readAsked = false
	l.publishStatus()
	if l.lead != 0 && !l.leading {
		// The next heartbeat would say no more than this.
		return rn.Step(&raftpb.Message{
			Type: raftpb.MsgHeartbeat.Enum(), From: new(l.lead), To: new(l.n.meta.NodeID), Term: new(l.term),
		})
	}
	l.leaderChanged(&etcdraft.SoftState{RaftState: etcdraft.StateFollower})
	return nil
}

// noteCandidate notices an etcd that has taken a member's place before its log says
// so, and campaigns because it missed the leader. By the rules of level 1 nobody
// hears it and it hears nobody, for ever. A Pando asks for a vote only when it has
// won the pre-vote, so one who asks twice in vain is none.
func (l *loop) noteCandidate(m *raftpb.Message) {
	r := &l.rules
	if m.GetType() != raftpb.MsgVote || r.made == 0 || l.lead == 0 || m.GetTerm() <= l.term || len(m.GetContext()) > 0 {
		return
	}
	before := r.strangers[m.GetFrom()]
	if r.strangers == nil {
		r.strangers = map[uint64]uint64{}
	}
	r.strangers[m.GetFrom()] = m.GetTerm()
	if before != 0 && before != m.GetTerm() {
		clear(r.strangers)
		r.suspected = l.changes.ticks + 10*l.electionTicks()
		l.n.log.Warn("a member campaigns as etcd does, although it was Pando: it is heard", zap.String("member", FormatID(m.GetFrom())))
	}
}
