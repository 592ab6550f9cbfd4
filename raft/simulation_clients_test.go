package raft

import (
	"errors"
	"slices"
	"time"
)

// operation is a request of a client whose outcome is open.
type operation struct {
	poll func() bool // whether it has ended
	lost func()      // the process that had it ended
}

// pollOperations looks which requests have got their answer.
func (m *simMember) pollOperations() {
	open := m.ops
	m.ops = nil // what an answer leads to may add to them
	var still []operation
	for _, o := range open {
		if !o.poll() {
			still = append(still, o)
		}
	}
	m.ops = append(still, m.ops...)
}

// client makes one request after the other, each at any member that runs.
func (s *simulation) client() {
	s.after(s.plan.think(), func() {
		switch m := s.anyRunning(); {
		case s.closing:
		case m == nil:
			s.client()
		case s.rng.IntN(3) == 0:
			s.read(m, s.client)
		default:
			s.write(m, s.plan.patience(), func(bool) { s.client() })
		}
	})
}

// write proposes a command; then is told whether it was answered with success in time.
func (s *simulation) write(m *simMember, patience time.Duration, then func(ok bool)) {
	s.lastID++
	s.propose(m, s.lastID, simCommand(s.lastID, s.plan.padding()), patience, then)
}

func (s *simulation) propose(m *simMember, id uint64, data []byte, patience time.Duration, then func(ok bool)) {
	p := &proposal{id: id, data: data, done: make(chan outcome, 1)}
	s.trace.add(m, "is asked to write %d", id)
	if err := m.node.enqueue(p); err != nil {
		s.trace.add(m, "refuses %d: %v", id, err)
		if !errors.Is(err, ErrStopped) {
			s.check.forbid(id, "it was refused: "+err.Error())
		}
		then(false)
		return
	}
	m.wake()
	ended := false
	end := func(ok bool) {
		if ended {
			return
		}
		ended = true
		s.after(0, func() { then(ok) })
	}
	m.ops = append(m.ops, operation{
		lost: func() { end(false) },
		poll: func() bool {
			if ended {
				return true
			}
			select {
			case o := <-p.done:
				if o.err == nil {
					s.trace.add(m, "has written %d at %d", id, o.result)
					s.check.answered(m, id, o.result.(uint64))
				} else {
					s.trace.add(m, "answers %d: %v", id, o.err)
				}
				end(o.err == nil)
				return true
			default:
				return false
			}
		},
	})
	m.after(patience, func() {
		if ended {
			return
		}
		s.trace.add(m, "client does not wait any longer for %d", id)
		m.node.abandon(p)
		if p.stamp == 0 && !p.unknown {
			s.check.forbid(id, "its client gave up while it was queued")
		}
		end(false)
	})
}

// publish has a member publish what it is, at least once in each life, and until everybody knows: what an earlier life has
// published may come true later.
func (m *simMember) publish() {
	level := 1
	if m.etcd {
		level = 0
	}
	m.after(m.s.plan.about(50*time.Millisecond), func() {
		switch g := m.sm.published; {
		case m.told && (m.etcd || g.Levels[m.id] == level):
		case !slices.Contains(g.Members, m.id) || !isClosed(m.node.Ready()):
			m.publish()
		default:
			m.s.lastID++
			life := m.life
			m.s.propose(m, m.s.lastID, simPublish(m.s.lastID, m.id, level), 5*time.Second, func(ok bool) {
				if m.life == life {
					m.told = ok
					m.publish()
				}
			})
		}
	})
}

// read asks for a linearizable read: it must show everything that somebody was told before.
func (s *simulation) read(m *simMember, then func()) {
	c, floor := make(chan error, 1), s.check.visible
	if err := m.node.reads.put(c); err != nil {
		then()
		return
	}
	m.node.nudge()
	m.wake()
	ended := false
	end := func() {
		if ended {
			return
		}
		ended = true
		s.after(0, then)
	}
	m.ops = append(m.ops, operation{
		lost: end,
		poll: func() bool {
			if ended {
				return true
			}
			select {
			case err := <-c:
				got := m.sm.published.Index
				if err == nil {
					s.trace.add(m, "shows a reader what is written up to %d", got)
					if got < floor {
						s.check.fail("a read at member %d shows command %d, and %d was known before it began", m.id, got, floor)
					}
					s.check.visible = max(s.check.visible, got)
				}
				end()
				return true
			default:
				return false
			}
		},
	})
	m.after(s.plan.patience(), end)
}

var kindNames = map[ChangeKind]string{AddVoter: "add", AddLearner: "add as a learner", UpdateMember: "update", RemoveMember: "remove"}

// change asks a member for a membership change, and whoever leads if that does not. then gets
// the outcome: an error of ErrStopped means that it is unknown.
func (s *simulation) change(m *simMember, kind ChangeKind, id uint64, then func(error)) {
	gone := make(chan struct{})
	ch := newChange(Change{Kind: kind, ID: id, Context: contextOf(kind, id)}, gone)
	ended := false
	end := func(err error) {
		if ended {
			return
		}
		ended = true
		s.after(0, func() { then(err) })
	}
	s.trace.add(m, "is asked to %s member %d", kindNames[kind], id)
	m.ask(func() { m.node.loop.queueChange(ch) })
	m.ops = append(m.ops, operation{
		lost: func() { end(ErrStopped) },
		poll: func() bool {
			if ended {
				return true
			}
			select {
			case err := <-ch.done:
				if err == nil {
					s.trace.add(m, "did %s member %d", kindNames[kind], id)
				} else {
					s.trace.add(m, "did not %s member %d: %v", kindNames[kind], id, err)
				}
				s.changeAnswered(ch, err, end)
				return true
			default:
				return false
			}
		},
	})
	m.after(10*time.Second, func() {
		if !ended {
			s.trace.add(m, "client does not wait any longer for it to %s member %d", kindNames[kind], id)
			close(gone)
			end(ErrStopped)
		}
	})
}

func (s *simulation) changeAnswered(ch *change, err error, end func(error)) {
	if errors.Is(err, ErrStopped) || errors.Is(err, ErrInDoubt) {
		end(ErrStopped)
		return
	}
	s.check.changeEnded(ch, err)
	var other *NotLeaderError
	if errors.As(err, &other) {
		if m := s.member(other.Leader); m != nil && m.node != nil {
			s.change(m, ch.Kind, ch.ID, end)
			return
		}
	}
	end(err)
}
