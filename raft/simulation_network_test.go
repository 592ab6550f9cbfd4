package raft

import (
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// simNetwork carries messages as bytes. Links keep their order, unless the plan says that they do not.
type simNetwork struct {
	cut    map[[2]uint64]bool          // from, to
	latest map[[2]uint64]time.Duration // when the last message of a link arrives
	lossy  bool
}

func newSimNetwork() simNetwork {
	return simNetwork{cut: map[[2]uint64]bool{}, latest: map[[2]uint64]time.Duration{}}
}

// lost reports whether something between two members is lost now.
func (s *simulation) lost(from, to uint64) bool {
	m := s.member(to)
	return s.net.cut[[2]uint64{from, to}] || m == nil || m.node == nil
}

// send is Transport.Send.
func (s *simulation) send(m *simMember, msg *raftpb.Message) {
	data, err := proto.Marshal(msg)
	if err != nil {
		s.check.fail("a message cannot be encoded: %v", err)
		return
	}
	link := [2]uint64{m.id, msg.GetTo()}
	copies := 1
	if s.net.lossy {
		switch x := s.rng.Float64(); {
		case x < s.plan.loss:
			copies = 0
		case x < s.plan.loss+s.plan.duplication && (msg.GetType() != raftpb.MsgProp || msg.GetTerm() > 0):
			// A stock proposal that came twice would be carried out twice: there TCP has to do.
			copies = 2
		}
	}
	if copies == 0 || s.lost(link[0], link[1]) {
		if s.plan.choose(4) == 0 {
			m.after(s.plan.delay(), func() { m.node.ReportUnreachable(link[1]); m.wake() })
		}
	}
	for range copies {
		at := s.now + s.plan.delay()
		if !s.plan.reorder {
			at = max(at, s.net.latest[link])
			s.net.latest[link] = at
		}
		s.after(at-s.now, func() { s.arrive(link, data) })
	}
}

// arrive is the peer port of the receiver.
func (s *simulation) arrive(link [2]uint64, data []byte) {
	if s.lost(link[0], link[1]) {
		return
	}
	to := s.member(link[1])
	to.after(0, func() {
		if to.sm.removed(link[0]) {
			s.tellRemoved(link[0], link[1])
			return
		}
		msg := &raftpb.Message{}
		if err := proto.Unmarshal(data, msg); err != nil {
			s.check.fail("a message cannot be decoded: %v", err)
			return
		}
		to.deliver(msg)
	})
}

// deliver is Node.Process, where the sender does not wait for room.
func (m *simMember) deliver(msg *raftpb.Message) {
	if m.etcd && msg.GetType() == raftpb.MsgProp && msg.GetTerm() > 0 {
		return
	}
	select {
	case m.node.inbox <- msg:
		m.s.trace.message(m, msg)
		m.drive(passer)
	default:
	}
}

// tellRemoved: the peer port refuses a member that was removed, which learns of it.
func (s *simulation) tellRemoved(id, by uint64) {
	m := s.member(id)
	s.after(s.plan.delay(), func() {
		if !s.lost(by, id) {
			m.after(0, func() { m.node.Expelled(); m.settle() })
		}
	})
}

// connectionsBroke: the others notice that a process has ended.
func (s *simulation) connectionsBroke(m *simMember) {
	for _, o := range s.members {
		if o != m && o.node != nil && !s.net.cut[[2]uint64{m.id, o.id}] {
			o.after(s.plan.delay(), func() { o.ask(func() { o.node.loop.connectionLost(m.id) }) })
		}
	}
}
