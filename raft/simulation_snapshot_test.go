package raft

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"pando/snapshot"
)

// Snapshots between members. What sender.run and Node.receiveSnapshot wait for, one after the
// other, are events here.

// poll is how often something is looked at that a goroutine would wait for.
const poll = 2 * time.Millisecond

// sendingTo is a sender (sendsnap.go) as events.
type sendingTo struct {
	m     *simMember
	life  int
	s     *sender
	ctx   context.Context
	tries int
	next  <-chan struct{} // of the snapshot that was asked for
}

func (m *simMember) beginSending(s *sender, ctx context.Context) {
	x := &sendingTo{m: m, life: m.life, s: s, ctx: ctx}
	m.after(0, x.waitForBefore)
}

// SendSnapshot implements SnapshotSender. A simulated sender does without.
func (m *simMember) SendSnapshot(context.Context, uint64, *raftpb.Message, func() (io.ReadCloser, int64, error)) error {
	panic("nobody may wait in a simulation")
}

func (x *sendingTo) waitForBefore() {
	if x.s.after != nil && !isClosed(x.s.after) {
		x.m.after(poll, x.waitForBefore)
		return
	}
	x.m.after(x.s.pause, x.waitForFile)
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// waitForFile is sender.file.
func (x *sendingTo) waitForFile() {
	snaps := x.m.node.snaps
	f := snaps.newest.Load()
	switch {
	case x.ctx.Err() != nil:
		x.end(x.ctx.Err())
	case x.s.good(f):
		x.transmit(f)
	case x.next == nil && x.tries == freshTries:
		x.end(fmt.Errorf("no snapshot could be taken that is recent enough: %w", snaps.failure()))
	case x.next == nil:
		x.tries++
		x.next = snaps.next()
		snaps.asked.Store(true)
		x.m.node.apply.nudge()
		x.m.settle()
		x.m.after(poll, x.waitForFile)
	default:
		if isClosed(x.next) {
			x.next = nil
		}
		x.m.after(poll, x.waitForFile)
	}
}

// transmit reads the file and brings it to the member.
func (x *sendingTo) transmit(f *snapshot.File) {
	msg := snapshotMessage(x.s.message, f.Meta)
	data, err := readAll(x.m, f)
	if err != nil {
		x.end(err)
		return
	}
	to := x.s.transfer.to
	x.m.s.trace.add(x.m, "sends snapshot %d to %d", f.Meta.Index, to)
	took := x.m.s.plan.snapshotTime()
	x.m.after(took, func() {
		if x.ctx.Err() != nil || x.m.s.lost(x.m.id, to) {
			x.end(errors.New("the connection broke"))
			return
		}
		x.m.s.member(to).receiveSnapshot(msg, data, x.answered)
	})
}

func readAll(m *simMember, f *snapshot.File) ([]byte, error) {
	file, err := m.disk.OpenFile(f.Name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(file)
	return data, errors.Join(err, file.Close())
}

// answered brings the outcome back.
func (x *sendingTo) answered(from uint64, err error) {
	if x.m.life != x.life {
		return
	}
	x.m.after(x.m.s.plan.delay(), func() {
		if x.m.s.lost(from, x.m.id) {
			err = errors.New("the connection broke before the answer")
		}
		x.end(err)
	})
}

func (x *sendingTo) end(err error) {
	t, pause := x.s.transfer, time.Duration(0)
	if t.err = err; err != nil {
		x.m.s.trace.add(x.m, "snapshot not sent to %d: %v", t.to, err)
		pause = snapshotPause
	}
	x.m.after(pause, func() {
		close(t.done)
		x.m.ask(func() { x.m.node.loop.transferEnded(t) })
	})
}

// receiveSnapshot is Node.receiveSnapshot; answer is called once, unless this process ends.
func (m *simMember) receiveSnapshot(msg *raftpb.Message, data []byte, answer func(from uint64, err error)) {
	broken := func() { answer(m.id, errors.New("the connection broke")) }
	life := m.life
	if m.node == nil {
		broken()
		return
	}
	var done bool
	once := func(_ uint64, err error) {
		if !done {
			done = true
			answer(m.id, err)
		}
	}
	m.s.after(5*time.Second, func() {
		if m.life != life || m.paused {
			once(m.id, errors.New("the connection broke while the snapshot was received"))
		}
	})
	m.after(m.s.plan.snapshotTime(), func() { m.storeSnapshot(msg, data, once) })
}

func (m *simMember) storeSnapshot(msg *raftpb.Message, data []byte, answer func(uint64, error)) {
	n := m.node
	if !n.receiving.TryLock() {
		answer(m.id, ErrSnapshotBusy)
		return
	}
	msg = withoutData(proto.Clone(msg).(*raftpb.Message))
	if n.outdated(msg) {
		n.receiving.Unlock()
		m.deliver(msg)
		answer(m.id, ErrSnapshotOld)
		return
	}
	file, err := snapshot.Receive(m.disk, n.snaps.dir, bytes.NewReader(data))
	if err != nil {
		n.receiving.Unlock()
		answer(m.id, err)
		return
	}
	in, err := n.decode(msg, file)
	if err != nil {
		n.receiving.Unlock()
		answer(m.id, errors.Join(err, file.Discard()))
		return
	}
	m.s.trace.add(m, "has received snapshot %d", in.position().Index)
	m.ask(func() { n.loop.incoming = in })
	m.awaitInstall(in, answer)
}

func (m *simMember) awaitInstall(in *incoming, answer func(uint64, error)) {
	select {
	case err := <-in.answer:
		if err != nil {
			m.s.trace.add(m, "does not install snapshot %d: %v", in.position().Index, err)
		}
		m.node.receiving.Unlock()
		answer(m.id, errors.Join(err, in.file.Discard()))
	default:
		m.after(poll, func() { m.awaitInstall(in, answer) })
	}
}
