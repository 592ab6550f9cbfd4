package raft

import (
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"go.etcd.io/raft/v3/raftpb"
)

// A read is answered also where the way to the leader and its quorum takes longer than a
// heartbeat interval, after which the question is asked again.
func TestReadsOverALongWay(t *testing.T) {
	s, lead, follower := calmCluster(t, func(p *simPlan) { p.latency = 60 * time.Millisecond })
	for range 3 {
		answer := make(chan error, 1)
		if err := follower.node.reads.put(answer); err != nil {
			t.Fatal(err)
		}
		follower.wake()
		if !s.until(2*time.Second, func() bool { return len(answer) > 0 }) {
			t.Fatalf("a read through member %d is not answered; member %d leads", follower.id, lead.id)
		}
	}
}

// The answer to a question of an earlier life of this member, or to one before a read
// came, answers nothing.
func TestAnswersToOtherQuestions(t *testing.T) {
	_, lead, follower := calmCluster(t, nil)
	l := follower.node.loop
	ask := func() chan error {
		c := make(chan error, 1)
		if err := l.n.reads.put(c); err != nil {
			t.Fatal(err)
		}
		l.askReads()
		return c
	}
	answer := func(question uint64) {
		l.readAnswered(binary.BigEndian.AppendUint64(nil, question), l.applied)
	}
	first := ask()
	asked := l.readCounter
	l.readAsked = false // a tick passed
	second := ask()
	answer(lead.node.loop.readCounter) // a number that another process has drawn
	if len(first)+len(second) > 0 {
		t.Error("the answer to another process's question is taken")
	}
	answer(asked)
	if len(first) != 1 || len(second) != 0 {
		t.Errorf("the answer to the first question reaches %d of its reads and %d of the next one's", len(first), len(second))
	}
	answer(l.readCounter)
	if len(second) != 1 {
		t.Error("the second question's read is not answered")
	}
	if m := l.outbox.messages; len(m) > 0 && m[0].GetType() != raftpb.MsgReadIndex {
		t.Errorf("what is sent is %v", m[0].GetType())
	}
}

// A leader that was removed answers no read by itself, although only one member votes: the other one, which may lead already.
func TestReadAtARemovedLeader(t *testing.T) {
	s, lead, heir := calmCluster(t, nil)
	third := s.members[2*3-lead.id-heir.id-1]
	remove := func(m *simMember) {
		lead.ask(func() { lead.node.loop.proposeChange(newChange(Change{Kind: RemoveMember, ID: m.id}, nil)) })
		gone := func() bool { return !slices.Contains(heir.node.conf.Load().GetVoters(), m.id) }
		if !s.until(time.Second, gone) {
			t.Fatalf("member %d is not removed: %s", m.id, s.check.violation)
		}
	}
	remove(third)
	remove(lead)
	s.isolate([]uint64{lead.id})
	heir.ask(func() { heir.node.loop.connectionLost(lead.id) })
	written := false
	s.write(heir, time.Second, func(ok bool) { written = ok })
	if !s.until(time.Second, func() bool { return written }) || !lead.node.loop.leading {
		t.Fatalf("the write: %t, the old leader still leads: %t", written, lead.node.loop.leading)
	}
	s.read(lead, func() {})
	s.until(2*time.Second, func() bool { return false })
	if s.check.violation != "" {
		t.Error(s.check.violation)
	}
}
