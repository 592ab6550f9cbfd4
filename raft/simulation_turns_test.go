package raft

// How a simulated member comes to turns at its loop (simPlan.turns): its bearers of news, and its own goroutine.

// tell is during, which stands for the loop's own goroutine.
func (m *simMember) tell(event func()) {
	l := m.node.loop
	if l.manned {
		l.during(event)
		return
	}
	event()
	if m.stopping() {
		return
	}
	l.round()
	if !l.follows() {
		m.clock.onTime()
	}
}

// drive has who has left news for the loop take a turn soon, or the loop look for it.
func (m *simMember) drive(who driver) {
	if !m.node.loop.manned {
		m.wake()
		return
	}
	m.after(m.s.plan.cpu(), func() {
		if !m.stopping() {
			m.node.loop.driveAs(who)
		}
		m.settle()
		m.wake()
	})
}
