package raft

import (
	"errors"
	"slices"
	"time"
)

// fault is something that happens to a simulation. It undoes itself after a while.
type fault func(s *simulation)

var allFaults = []fault{
	crashOne, crashOne, crashAll, pauseOne, cutOneWay, partition, slowDisk, fullDisk, falseAlarm,
	handOver, restartCleanly, takeSnapshot, addMember, addMember, removeMember, removeMember, updateMember,
	becomeEtcd,
}

// disturb lets one fault after the other happen.
func (s *simulation) disturb() {
	if len(s.plan.faults) == 0 {
		return
	}
	s.after(s.plan.about(s.plan.pace), func() {
		if !s.closing {
			s.plan.faults[s.rng.IntN(len(s.plan.faults))](s)
			s.disturb()
		}
	})
}

// while is how long a fault lasts: as long as an election, more or less.
func (s *simulation) while() time.Duration { return s.plan.about(1200 * time.Millisecond) }

func (s *simulation) anyRunning() *simMember {
	var up []*simMember
	for _, m := range s.members {
		if m.node != nil {
			up = append(up, m)
		}
	}
	if len(up) == 0 {
		return nil
	}
	return up[s.rng.IntN(len(up))]
}

// leader is one that believes to lead, or nil.
func (s *simulation) leader() *simMember {
	for _, m := range s.members {
		if m.node != nil && m.node.loop.leading {
			return m
		}
	}
	return nil
}

// victim is the leader as often as not.
func (s *simulation) victim() *simMember {
	if m := s.leader(); m != nil && s.rng.IntN(2) == 0 {
		return m
	}
	return s.anyRunning()
}

func crashOne(s *simulation) {
	if m := s.victim(); m != nil {
		m.crash(s.rng.IntN(3) > 0)
		s.after(s.while(), m.startAgain)
	}
}

// startAgain starts a member that is down, unless it has left the cluster.
func (m *simMember) startAgain() {
	if m.node == nil && !m.left && m.s.check.violation == "" {
		m.start()
	}
}

func crashAll(s *simulation) {
	for _, m := range s.members {
		if m.node != nil {
			m.crash(true)
			s.after(s.while(), m.startAgain)
		}
	}
}

func pauseOne(s *simulation) {
	m := s.victim()
	if m == nil || m.paused {
		return
	}
	m.pause()
	life := m.life
	s.after(s.while(), func() {
		if m.life == life && m.paused {
			m.resume()
		}
	})
}

func cutOneWay(s *simulation) {
	a, b := s.anyRunning(), s.anyRunning()
	if a == nil || a == b {
		return
	}
	link := [2]uint64{a.id, b.id}
	s.trace.add(nil, "%d does not reach %d", a.id, b.id)
	s.net.cut[link] = true
	s.after(s.while(), func() { delete(s.net.cut, link) })
}

// partition cuts the members into two groups.
func partition(s *simulation) {
	var one []uint64
	for _, m := range s.members {
		if s.rng.IntN(2) == 0 {
			one = append(one, m.id)
		}
	}
	s.trace.add(nil, "%v is on its own", one)
	s.isolate(one)
	s.after(s.while(), func() {
		s.trace.add(nil, "the network is whole")
		clear(s.net.cut)
	})
}

// isolate cuts a group off from everybody else.
func (s *simulation) isolate(group []uint64) {
	for _, a := range s.members {
		for _, b := range s.members {
			if slices.Contains(group, a.id) != slices.Contains(group, b.id) {
				s.net.cut[[2]uint64{a.id, b.id}] = true
			}
		}
	}
}

// becomeEtcd restarts a member as what says that it is etcd, or as a Pando again. The rules
// for etcd are the same as seen by the others; what a real etcd does, other tests show.
func becomeEtcd(s *simulation) {
	m := s.victim()
	if m == nil || m.paused {
		return
	}
	m.stop()
	m.etcd = !m.etcd
	s.trace.add(m, "is exchanged; it is etcd: %t", m.etcd)
	s.after(s.while()/4, m.startAgain)
}

func slowDisk(s *simulation) {
	if m := s.victim(); m != nil {
		s.trace.add(m, "has a slow disk")
		m.slow = 20 + 300*s.rng.Float64()
		s.after(s.while(), func() { m.slow = 1 })
	}
}

func fullDisk(s *simulation) {
	if m := s.victim(); m != nil {
		s.trace.add(m, "has a full disk")
		m.setFull(true)
		life := m.life
		s.after(s.while(), func() {
			if m.life == life {
				m.setFull(false)
			}
		})
	}
}

func falseAlarm(s *simulation) {
	m, of := s.anyRunning(), s.leader()
	if m != nil && of != nil && m != of {
		s.trace.add(m, "believes that %d is gone", of.id)
		m.ask(func() { m.node.loop.connectionLost(of.id) })
	}
}

func handOver(s *simulation) {
	if m := s.leader(); m != nil {
		s.trace.add(m, "is to hand over")
		m.ask(func() { m.node.loop.transfer(0) })
	}
}

func restartCleanly(s *simulation) {
	m := s.victim()
	if m == nil || m.paused {
		return
	}
	s.trace.add(m, "is closed")
	m.stop()
	s.after(s.while(), m.startAgain)
}

func takeSnapshot(s *simulation) {
	if m := s.anyRunning(); m != nil {
		m.node.RequestSnapshot()
	}
}

// maxSimMembers bounds the members that a simulation ever has.
const maxSimMembers = 8

func addMember(s *simulation) {
	at := s.anyRunning()
	if at == nil || len(s.members) == maxSimMembers {
		return
	}
	kind := AddLearner
	if s.rng.IntN(4) == 0 {
		kind = AddVoter
	}
	m := s.newMember(nil)
	s.change(at, kind, m.id, func(err error) {
		if err == nil || errors.Is(err, ErrStopped) {
			s.after(s.while()/4, m.startAgain)
		}
	})
}

func removeMember(s *simulation) {
	at, m := s.anyRunning(), s.victim()
	if at != nil {
		s.change(at, RemoveMember, m.id, func(error) {})
	}
}

func updateMember(s *simulation) {
	at := s.anyRunning()
	if at != nil {
		s.change(at, UpdateMember, s.members[s.rng.IntN(len(s.members))].id, func(error) {})
	}
}
