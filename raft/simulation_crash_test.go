package raft

import (
	"errors"

	"pando/fsys"
)

// waitForRoom: the disk goroutine waits, and the loop goes on, until there is room.
func (m *simMember) waitForRoom(*disk) error {
	if m.dying {
		return ErrStopped
	}
	for range m.s.rng.IntN(20) {
		m.tell(m.node.loop.tick)
		m.step()
	}
	if m.stopping() {
		return ErrStopped
	}
	m.setFull(false)
	return nil
}

// ended: the node has stopped by itself.
func (m *simMember) ended() {
	if m.node == nil {
		return
	}
	err := m.node.Err()
	m.s.trace.add(m, "has stopped: %v", err)
	m.s.ended(m, err)
	m.stop()
}

// stop is Close and the end of the process.
func (m *simMember) stop() {
	n := m.node
	if w := m.writing; w != nil && n.healthy() {
		if n.disk.carryOut(*w) {
			m.s.check.stored(m, *w)
		}
	}
	n.loop.failChanges()
	n.loop.endTransfers()
	if w := n.loop.lastWork(); len(w.messages) > 0 {
		n.disk.carryOut(w)
	}
	if err := n.disk.wal.Close(); err != nil && n.healthy() {
		m.s.check.fail("member %d: closing the log: %v", m.id, err)
	}
	n.beginStop()
	n.waiters.fail(ErrStopped)
	n.reads.fail(ErrStopped)
	m.pollOperations()
	m.forget()
	m.disk.Kill()
}

// forget ends the process for everybody.
func (m *simMember) forget() {
	m.life++
	m.node, m.paused, m.held = nil, false, nil
	for _, o := range m.ops {
		o.lost()
	}
	m.ops = nil
	m.setFull(false)
	m.s.connectionsBroke(m)
}

// crash ends the process at any moment: in the middle of a write, perhaps. With power, what
// was not synced is lost, or not.
func (m *simMember) crash(power bool) {
	m.s.trace.add(m, "crashes, power lost: %t", power)
	m.dying = true
	if w := m.writing; w != nil && m.s.plan.choose(2) == 1 {
		m.cutShort(4)
		m.node.disk.carryOut(*w)
	}
	if j := m.taking; j != nil && m.s.plan.choose(2) == 1 {
		m.cutShort(12)
		m.node.snaps.carryOut(*j)
	}
	m.dying = false
	m.disk.OnCall(nil)
	if power {
		p := m.s.plan.choose(3)
		m.disk.PowerCut(func() bool { return m.s.rng.IntN(2) < p })
	} else {
		m.disk.Kill()
	}
	m.forget()
}

// cutShort has the process die at one of its next calls of the file system.
func (m *simMember) cutShort(calls int) {
	last := m.s.rng.IntN(calls)
	m.disk.OnCall(func(c fsys.Call) fsys.Fault {
		if last--; last >= 0 {
			return fsys.Fault{}
		}
		return fsys.Fault{Err: errCrash, Short: c.Size * m.s.rng.IntN(2)} // what is torn is torn at sectors, by the power cut
	})
}

var errCrash = errors.New("the process ends here")

func (m *simMember) pause() {
	m.s.trace.add(m, "is stopped")
	m.paused = true
}

func (m *simMember) resume() {
	m.s.trace.add(m, "goes on")
	m.paused = false
	held := m.held
	m.held = nil
	for _, do := range held {
		m.after(0, do)
	}
}

// setFull fills the disk, or makes room on it.
func (m *simMember) setFull(full bool) {
	if !full {
		m.disk.OnCall(nil)
		return
	}
	m.disk.OnCall(func(c fsys.Call) fsys.Fault {
		if c.Kind == fsys.OpenFile && c.Name[len(c.Name)-4:] == ".tmp" {
			return fsys.Fault{Err: errNoSpace}
		}
		return fsys.Fault{}
	})
}

var errNoSpace = errors.New("no space left on device")
