package raft

import (
	"slices"
	"testing"
	"time"

	"go.etcd.io/raft/v3/raftpb"
)

// sent notes what a loop sends.
type sent struct{ messages []*raftpb.Message }

func (s *sent) Send(ms []*raftpb.Message) { s.messages = append(s.messages, ms...) }

func (s *sent) take() (commits []uint64) {
	for _, m := range s.messages {
		commits = append(commits, m.GetCommit())
	}
	s.messages = nil
	return commits
}

// leaderOf is a leader's loop that does nothing but send. tick lets time pass.
func leaderOf(t *testing.T) (l *loop, out *sent, pass func(time.Duration), armed *[]time.Duration) {
	now := time.Now()
	out, armed = &sent{}, &[]time.Duration{}
	n := &Node{cfg: testConfig(t, nil, ""), transport: out}
	n.cfg.world = &world{now: func() time.Time { return now }}
	l = &loop{n: n, leading: true, rules: rules{made: 1}}
	l.outbox.later = func(d time.Duration) bool { *armed = append(*armed, d); return true }
	return l, out, func(d time.Duration) { now = now.Add(d) }, armed
}

// tell is an append to member 2: its entries end at last, or it has none.
func tell(commit, last uint64) *raftpb.Message {
	m := &raftpb.Message{Type: raftpb.MsgApp.Enum(), To: new(uint64(2)), Term: new(uint64(1)), Commit: &commit}
	if last > 0 {
		m.Entries = []*raftpb.Entry{{Index: &last}}
	}
	return m
}

func TestCommitIsToldWithTheNextAppend(t *testing.T) {
	l, out, _, _ := leaderOf(t)
	for commit := range uint64(3) {
		l.outbox.add(tell(commit, 0))
		l.sendOut()
	}
	if got := out.take(); len(got) > 0 {
		t.Errorf("told at once: %v", got)
	}
	l.outbox.add(tell(2, 3))
	l.sendOut()
	if got := out.take(); !slices.Equal(got, []uint64{2}) || len(l.outbox.held) > 0 {
		t.Errorf("with the next append %v is told, %d messages wait", got, len(l.outbox.held))
	}
}

func TestCommitIsToldInTime(t *testing.T) {
	l, out, pass, armed := leaderOf(t)
	l.outbox.add(tell(1, 0))
	l.sendOut()
	pass(commitDelay / 2)
	l.outbox.add(tell(1, 2)) // the timer goes on
	l.sendOut()
	l.outbox.add(tell(2, 0))
	l.sendOut()
	out.take()
	pass(commitDelay / 2)
	l.tellCommits()
	l.sendOut()
	if got := out.take(); len(got) > 0 || len(*armed) != 2 {
		t.Fatalf("after half of the time %v is told; the timer was set to %v", got, *armed)
	}
	pass((*armed)[1])
	l.tellCommits()
	l.sendOut()
	if got := out.take(); !slices.Equal(got, []uint64{2}) {
		t.Errorf("in the end %v is told", got)
	}
	l.tellCommits()
	l.sendOut()
	if got := out.take(); len(got) > 0 || len(*armed) != 2 {
		t.Errorf("with nothing to tell %v is told; the timer was set to %v", got, *armed)
	}
}

// A follower whose clients wait for a batch hears at once that it is committed, and of
// each of its batches.
func TestCommitIsToldAtOnceToWhoWaits(t *testing.T) {
	l, out, _, _ := leaderOf(t)
	l.await(tell(0, 5).Entries)
	l.await(tell(0, 9).Entries)
	for _, c := range []struct {
		commit uint64
		told   bool
	}{{4, false}, {5, true}, {6, false}, {12, true}, {13, false}} {
		l.outbox.add(tell(c.commit, 0))
		l.sendOut()
		if got := out.take(); slices.Contains(got, c.commit) != c.told {
			t.Errorf("at %d %v is told", c.commit, got)
		}
	}
}

func TestNothingIsHeldUnderOtherCircumstances(t *testing.T) {
	for name, change := range map[string]func(l *loop){
		"etcd among them":     func(l *loop) { l.rules.made = 0 },
		"rules change":        func(l *loop) { l.rules.changing = true },
		"a membership change": func(l *loop) { l.changes.current = &change{} },
		"not a leader":        func(l *loop) { l.leading = false },
	} {
		l, out, _, _ := leaderOf(t)
		change(l)
		l.outbox.add(tell(1, 0))
		l.sendOut()
		if got := out.take(); len(got) != 1 {
			t.Errorf("%s: %v is told", name, got)
		}
	}
}

func TestAnAnswerIsNotRepeatedWithinATick(t *testing.T) {
	l, _, _, _ := leaderOf(t)
	answer := func(index uint64, reject bool) *raftpb.Message {
		return &raftpb.Message{Type: raftpb.MsgAppResp.Enum(), To: new(uint64(1)), Term: new(uint64(3)), Index: &index, Reject: &reject}
	}
	for i, c := range []struct {
		m       *raftpb.Message
		tick    uint64
		repeats bool
	}{
		{answer(4, false), 1, false},
		{answer(4, false), 1, true},
		{answer(4, true), 1, false},
		{answer(4, false), 2, false},
		{answer(5, false), 2, false},
		{answer(4, false), 2, false},
	} {
		l.changes.ticks = c.tick
		if got := l.repeats(c.m); got != c.repeats {
			t.Errorf("answer %d: repeats %t", i, got)
		}
	}
	l.rules.made = 0
	if l.repeats(answer(4, false)) {
		t.Error("beside etcd members an answer is left out")
	}
}
