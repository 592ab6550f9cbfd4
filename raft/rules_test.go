package raft

import (
	"math/rand/v2"
	"testing"
	"testing/cryptotest"
	"time"

	"go.etcd.io/raft/v3/raftpb"
)

// calmCluster is a simulation of three members in which one leads and nothing goes wrong.
func calmCluster(t *testing.T, tune func(*simPlan)) (s *simulation, lead, follower *simMember) {
	t.Helper()
	cryptotest.SetGlobalRandom(t, 1)
	rng := rand.New(rand.NewPCG(1, 0))
	plan := calm(rng, 3)
	if tune != nil {
		tune(&plan)
	}
	s = newSimulation(rng, plan)
	for _, m := range s.members {
		m.start()
	}
	s.until(10*time.Second, func() bool { return false })
	if lead = s.leader(); lead == nil || s.check.violation != "" {
		t.Fatalf("nobody leads %s", s.check.violation)
	}
	return s, lead, s.members[lead.id%3]
}

func voteRequest(from, to, term uint64) *raftpb.Message {
	return &raftpb.Message{Type: raftpb.MsgVote.Enum(), From: &from, To: &to, Term: &term}
}

// Entries that come together with what changes the rules are not lost with the RawNode
// that took them, nor is the commit index that covers them.
func TestRulesChangeAmidstEntries(t *testing.T) {
	_, lead, follower := calmCluster(t, nil)
	l := follower.node.loop
	if l.rules.made != 1 {
		t.Fatalf("rules of level %d", l.rules.made)
	}
	other := 6 - lead.id - follower.id
	last, err := l.storage.LastIndex()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []*raftpb.Message{
		voteRequest(other, follower.id, l.term+1),
		voteRequest(other, follower.id, l.term+2), // it is taken for an etcd
		{Type: raftpb.MsgApp.Enum(), From: &lead.id, To: &follower.id, Term: &l.term, Index: &last, LogTerm: &l.term, Commit: new(last + 1),
			Entries: []*raftpb.Entry{{Term: &l.term, Index: new(last + 1), Data: simCommand(99, 0)}}},
	} {
		follower.node.inbox <- m
	}
	l.receive(<-follower.node.inbox)
	l.round()
	if !l.rules.changing {
		t.Fatal("the rules do not change")
	}
	w := <-follower.node.disk.work
	if got := w.messages[0].GetEntries(); len(got) != 1 {
		t.Errorf("%d entries are written", len(got))
	}
}

// What a leader has taken while it was a member is not given to it once more when it has been
// removed, and so is no Pando any more, but still leads.
func TestRemovedLeaderGetsNothingTwice(t *testing.T) {
	_, lead, follower := calmCluster(t, nil)
	l := follower.node.loop
	p := &proposal{id: 99, data: simCommand(99, 0), done: make(chan outcome, 1)}
	if err := l.n.enqueue(p); err != nil {
		t.Fatal(err)
	}
	l.propose()
	if p.stamp != l.term || len(l.outbox.messages) != 1 {
		t.Fatalf("stamped %d, %d messages", p.stamp, len(l.outbox.messages))
	}
	l.conf = &raftpb.ConfState{Voters: []uint64{follower.id, 6 - lead.id - follower.id}}
	l.rules.levels = Levels{follower.id: 1, 6 - lead.id - follower.id: 1}
	l.resend()
	l.propose()
	if p.stamp == 0 || p.unknown {
		t.Error("it is proposed again, in the term in which it may have been taken")
	}
	later := &proposal{id: 100, data: simCommand(100, 0), done: make(chan outcome, 1)}
	if err := l.n.enqueue(later); err != nil {
		t.Fatal(err)
	}
	l.propose()
	if later.stamp != 0 {
		t.Error("a write that could wait for the next leader is given to one that leaves")
	}
}

// A leader that hears no quorum keeps no forwarded proposals either: when the quorum comes
// back their callers may have got an error.
func TestLeaderOutOfTouchTakesNothing(t *testing.T) {
	_, lead, follower := calmCluster(t, nil)
	l := lead.node.loop
	m := &raftpb.Message{Type: raftpb.MsgProp.Enum(), From: &follower.id, To: &lead.id, Term: new(l.term - 1), Index: new(uint64(1)),
		Commit: new(uint64(1)), LogTerm: new(uint64(77)), Entries: []*raftpb.Entry{{Data: simCommand(99, 0)}}}
	l.outOfTouch = true
	l.takeForwarded(m)
	if !l.n.queue.empty() {
		t.Error("it queues a proposal that nobody may wait for any more")
	}
	l.outOfTouch = false
	if l.takeForwarded(m); l.n.queue.empty() {
		t.Error("the same proposal, sent again, is not taken")
	}
}

// A batch whose callers have left goes to the leader again, without them, while others wait around it: numbers have no gaps.
func TestBatchWithoutCallers(t *testing.T) {
	_, lead, follower := calmCluster(t, nil)
	l := follower.node.loop
	var ps []*proposal
	for id := uint64(100); id < 103; id++ {
		p := &proposal{id: id, data: simCommand(id, 0), done: make(chan outcome, 1)}
		if err := l.n.enqueue(p); err != nil {
			t.Fatal(err)
		}
		l.forward()
		ps = append(ps, p)
	}
	l.outbox.messages = nil // they are lost
	l.n.abandon(ps[1])
	l.resend()
	for _, m := range l.outbox.messages {
		if m.GetTerm() == 0 {
			t.Error("a batch has no stamp") // the transport takes it for an etcd's, which has entries
		}
		lead.node.loop.takeForwarded(m)
	}
	if got := lead.node.queue.take(); len(got) != 2 {
		t.Errorf("the leader has %d of the two proposals, from %d batches", len(got), len(l.outbox.messages))
	}
}

// A membership change of an etcd, whose own client waits elsewhere, is given up when another
// member leads: nobody would ever learn that an etcd dropped it, and others wait behind it.
func TestChangesOfNobodyAreNotForwarded(t *testing.T) {
	_, lead, follower := calmCluster(t, nil)
	l := follower.node.loop
	l.rules.level, l.rules.levels = 0, Levels{follower.id: 1}
	l.queueChange(newChange(Change{Kind: RemoveMember, ID: lead.id}, nil))
	l.change()
	if l.changes.current != nil || len(l.changes.waiting) > 0 {
		t.Error("a change without a caller waits for an etcd")
	}
	l.conf = &raftpb.ConfState{Voters: []uint64{follower.id, 6 - lead.id - follower.id}}
	mine := newChange(Change{Kind: RemoveMember, ID: lead.id}, make(chan struct{}))
	l.queueChange(mine)
	if l.change(); l.changes.current != nil {
		t.Error("a leader that was removed, and is no Pando any more, gets a change as an etcd does")
	}
	l.conf = &raftpb.ConfState{Voters: three}
	l.change()
	if l.changes.current != mine {
		t.Error("a change with a caller is not forwarded")
	}
}

// A learner waits for its promotion while there is an etcd, which would not survive the
// entry: it has no context.
func TestNoPromotionBesideAnEtcd(t *testing.T) {
	s, lead, follower := calmCluster(t, nil)
	publish := func(level int) {
		s.lastID++
		s.propose(lead, s.lastID, simPublish(s.lastID, follower.id, level), 5*time.Second, func(bool) {})
		s.until(5*time.Second, func() bool { return false })
	}
	joiner := s.newMember(nil)
	s.change(lead, AddLearner, joiner.id, func(error) {})
	s.until(time.Second, func() bool { return false })
	publish(0)
	joiner.start()
	s.until(5*time.Second, func() bool { return false })
	if c := s.check.lastConf; len(c.GetLearners()) != 1 || !s.leader().node.loop.rules.isPando(joiner.id) {
		t.Fatalf("beside an etcd: %s", describeConf(c))
	}
	publish(1)
	if c := s.check.lastConf; len(c.GetVoters()) != 4 {
		t.Errorf("when the etcd has left: %s", describeConf(c))
	}
	if s.check.violation != "" {
		t.Error(s.check.violation)
	}
}

// Who asked for a vote before an election that somebody won, and again before another one
// much later, has not asked in vain twice.
func TestCandidatesOfTwoElectionsAreNoStrangers(t *testing.T) {
	s, lead, follower := calmCluster(t, nil)
	l, other := follower.node.loop, 6-lead.id-follower.id
	l.noteCandidate(voteRequest(other, follower.id, l.term+1))
	lead.stop()
	if !s.until(10*time.Second, func() bool { now := s.leader(); return now != nil && now.node.loop.ownTerm && l.lead == now.id }) {
		t.Fatal("nobody is elected")
	}
	l.noteCandidate(voteRequest(other, follower.id, l.term+1))
	if l.rules.suspected > 0 {
		t.Error("a member is taken for an etcd because it was a candidate in two elections")
	}
}
