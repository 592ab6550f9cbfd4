package raft

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	etcdraft "go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/tracker"
	"go.uber.org/zap"

	"pando/snapshot"
)

// Snapshots to members that need entries which are not held any more (replication
// design, section 7). The library names the state as it is applied; what goes is
// the newest snapshot on disk, if the log is still held from there on, or else a
// new one, so that nothing large is ever in memory. Each member has one sender at
// a time.

// SnapshotSender streams snapshots to other members.
type SnapshotSender interface {
	// SendSnapshot streams a snapshot to a member and returns when that has installed
	// it. m is the MsgSnap without data; open gives the bytes of the .snap file and
	// their number, each time from the beginning. ErrOneMessage means that this
	// member takes snapshots only within the message, by Transport.Send: its outcome
	// comes with ReportSnapshot, or never.
	SendSnapshot(ctx context.Context, to uint64, m *raftpb.Message, open func() (io.ReadCloser, int64, error)) error
}

// ErrOneMessage is SendSnapshot's answer for a member that is not Pando.
var ErrOneMessage = errors.New("the member takes snapshots only within a message")

const (
	// snapshotPause is the time between a snapshot that failed and the next try.
	snapshotPause = time.Second
	// lagPause is the time before a member gets another snapshot that was too slow for
	// the log twice in a row.
	lagPause = time.Minute
	// oneMessageTimeout is how long the outcome of a snapshot within a message is waited for.
	oneMessageTimeout = 5 * time.Minute
	// freshTries is how many snapshots are waited for until one is recent enough.
	freshTries = 3
)

// transfer is a snapshot on its way to a member, up to the moment at which that
// replicates. The loop owns it, but for err, which the sender sets before it ends.
type transfer struct {
	to     uint64
	index  uint64 // the log is kept from here; 0 when it is not any more
	sent   bool   // the member has it and is to replicate
	over   bool   // nobody wants it any more
	cancel context.CancelFunc

	reported chan bool     // capacity 1: what the transport said, for one that went within a message
	done     chan struct{} // closed by the sender at its end
	err      error
}

// beginTransfer starts the sender for a MsgSnap of the library's.
func (l *loop) beginTransfer(m *raftpb.Message) {
	to := m.GetTo()
	ctx, cancel := context.WithCancel(context.Background())
	t := &transfer{to: to, index: l.applied, cancel: cancel, reported: make(chan bool, 1), done: make(chan struct{})}
	s := &sender{n: l.n, transfer: t, message: m}
	if before := l.transfers[to]; before != nil {
		before.cancel()
		s.after = before.done
	}
	first, _ := l.storage.FirstIndex() // never fails
	s.least = first - 1
	if f := l.n.snaps.newest.Load(); s.good(f) {
		t.index = f.Meta.Index
	} else {
		s.least = l.applied
	}
	if l.overflows[to] > 1 {
		s.pause = lagPause
		l.n.log.Error("a member cannot catch up: while it takes a snapshot, more is written than is kept for it; the next one goes later",
			zap.String("member", FormatID(to)), zap.Duration("pause", lagPause))
	}
	l.transfers[to] = t
	l.pin()
	l.n.cfg.world.send(s, ctx)
}

// transferEnded takes the outcome from a sender.
func (l *loop) transferEnded(t *transfer) {
	if l.transfers[t.to] != t {
		return // another one has taken its place
	}
	status := etcdraft.SnapshotFinish
	if t.err != nil {
		status = etcdraft.SnapshotFailure
	}
	switch t.sent = t.err == nil; {
	case t.over:
		delete(l.transfers, t.to)
	case t.sent:
		l.n.log.Info("a member has its snapshot", zap.String("member", FormatID(t.to)))
	default:
		delete(l.transfers, t.to)
		l.n.log.Warn("a snapshot did not reach its member; it is sent again if it is needed",
			zap.String("member", FormatID(t.to)), zap.Error(t.err))
	}
	if !t.over {
		l.rn.ReportSnapshot(t.to, status)
	}
	l.pin()
}

// checkTransfers gives up the log that was kept for members which replicate, or
// which are gone. Each tick calls it.
func (l *loop) checkTransfers() {
	if len(l.transfers) == 0 {
		return
	}
	needs := map[uint64]bool{}
	l.rn.WithProgress(func(id uint64, _ etcdraft.ProgressType, pr tracker.Progress) {
		needs[id] = !l.silent(id) && pr.State != tracker.StateReplicate
		if pr.State == tracker.StateReplicate {
			delete(l.overflows, id)
		}
	})
	for id, t := range l.transfers {
		if t.sent && !needs[id] {
			delete(l.transfers, id)
		}
	}
	l.pin()
}

// endTransfers: this member does not lead any more.
func (l *loop) endTransfers() {
	for id, t := range l.transfers {
		t.over = true
		t.cancel()
		if t.sent {
			delete(l.transfers, id)
		}
	}
	clear(l.overflows)
	l.pin()
}

// pin keeps the log for all transfers.
func (l *loop) pin() {
	l.storage.pinned = 0
	for _, t := range l.transfers {
		if i := t.index; !t.over && i > 0 && (l.storage.pinned == 0 || i < l.storage.pinned) {
			l.storage.pinned = i
		}
	}
}

// compact bounds the log in memory. When it does not hold what is kept for
// transfers, their members need another snapshot; they get it once at once.
func (l *loop) compact() {
	lost, err := l.storage.compact(l.applied)
	if err != nil {
		l.n.fail(err)
	}
	if !lost {
		return
	}
	for id, t := range l.transfers {
		if t.index > 0 && !t.over {
			t.index = 0
			l.overflows[id]++
			l.n.log.Warn("more was written than is kept for a member that takes a snapshot: it will need another one",
				zap.String("member", FormatID(id)), zap.Int("limit", l.storage.keepPinned))
		}
	}
}

// sender brings one snapshot to one member.
type sender struct {
	n        *Node
	transfer *transfer
	message  *raftpb.Message
	least    uint64        // index that the snapshot must reach
	after    chan struct{} // optional: the sender before this one
	pause    time.Duration // before anything is sent
}

func (s *sender) start(ctx context.Context) {
	s.n.wg.Go(func() { s.run(ctx) })
}

func (s *sender) run(ctx context.Context) {
	t := s.transfer
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	unregister := make(chan struct{})
	s.n.wg.Go(func() { // the node's end is the transfer's
		select {
		case <-s.n.stop:
			cancel()
		case <-unregister:
		}
	})
	defer close(unregister)
	t.err = s.send(ctx)
	if t.err != nil {
		_ = sleep(ctx, snapshotPause) // no matter why it ended
	}
	close(t.done)
	select {
	case s.n.transferred <- t:
	case <-s.n.stop:
	}
}

func (s *sender) send(ctx context.Context) error {
	if s.after != nil {
		<-s.after
	}
	if err := sleep(ctx, s.pause); err != nil {
		return err
	}
	f, err := s.file(ctx)
	if err != nil {
		return err
	}
	m := snapshotMessage(s.message, f.Meta)
	s.n.log.Info("sending a snapshot", zap.String("to", FormatID(s.transfer.to)), zap.Uint64("index", f.Meta.Index), zap.Int64("bytes", f.Size))
	if s.n.cfg.Snapshots == nil {
		return s.sendWhole(ctx, m, f)
	}
	err = s.n.cfg.Snapshots.SendSnapshot(ctx, s.transfer.to, m, func() (io.ReadCloser, int64, error) {
		file, err := s.n.cfg.FS.OpenFile(f.Name, os.O_RDONLY, 0)
		return file, f.Size, err
	})
	if errors.Is(err, ErrOneMessage) {
		return s.sendWhole(ctx, m, f)
	}
	return err
}

// good reports whether a snapshot is recent enough, and of a cluster with the receiver in it.
func (s *sender) good(f *snapshot.File) bool {
	return f != nil && f.Meta.Index >= s.least &&
		(slices.Contains(f.Meta.Voters, s.transfer.to) || slices.Contains(f.Meta.Learners, s.transfer.to))
}

// file is the newest snapshot if it is good, or else a new one.
func (s *sender) file(ctx context.Context) (*snapshot.File, error) {
	snaps := s.n.snaps
	for range freshTries {
		changed := snaps.next()
		if f := snaps.newest.Load(); s.good(f) {
			return f, nil
		}
		snaps.asked.Store(true)
		s.n.apply.nudge()
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if f := snaps.newest.Load(); s.good(f) {
		return f, nil
	}
	return nil, fmt.Errorf("no snapshot could be taken that is recent enough: %w", snaps.failure())
}

// sendWhole sends a snapshot within its message. One at a time is in memory.
func (s *sender) sendWhole(ctx context.Context, m *raftpb.Message, f *snapshot.File) error {
	select {
	case s.n.oneMessage <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-s.n.oneMessage }()
	r, err := snapshot.Open(s.n.cfg.FS, *f)
	if err != nil {
		return err
	}
	m.Snapshot.Data = make([]byte, r.Len())
	_, err = io.ReadFull(r, m.Snapshot.Data)
	if err = errors.Join(err, r.Close()); err != nil {
		return err
	}
	s.n.transport.Send([]*raftpb.Message{m})
	ctx, cancel := context.WithTimeout(ctx, oneMessageTimeout)
	defer cancel()
	select {
	case ok := <-s.transfer.reported:
		if !ok {
			return errors.New("the message with the snapshot did not get through")
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for the outcome: %w", ctx.Err())
	}
}

// sleep waits; its error is that of ctx.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
