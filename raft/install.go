package raft

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	etcdraft "go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"pando/raft/wal"
	"pando/snapshot"
)

// Snapshots from a leader (replication design, section 7). Whoever receives one
// writes it to a temporary file, verifies and decodes it, while this member goes
// on. Then the loop steps the message, as soon as everything that was committed
// before is applied: what is under way for the old log would otherwise meet the
// new one. If the library takes it, the disk goroutine writes the snapshot's
// record, gives the file its name and writes the hard state; the applier replaces
// the state; and only then the library's responses go out.

// Errors of a snapshot that is not taken. Nothing was changed.
var (
	// ErrSnapshotOld means that this member has all that the snapshot holds, is not
	// in its membership, or knows that its sender does not lead any more.
	ErrSnapshotOld = errors.New("the snapshot is not taken: this member has what it holds, is not in its membership, or follows another leader")
	// ErrSnapshotBusy means that another snapshot is being received.
	ErrSnapshotBusy = errors.New("another snapshot is being received")
)

// incoming is a snapshot on its way from the receiving goroutine, which owns the
// file, to the disk and the applier.
type incoming struct {
	message *raftpb.Message // without data
	file    *snapshot.Received
	install func()
	conf    *raftpb.ConfState
	guest   bool       // conf has this member as a learner, although the snapshot does not know it
	answer  chan error // capacity 1

	taken bool // the library wants it written; the loop's
}

func (in *incoming) position() wal.Position {
	return wal.Position{Index: in.file.Meta.Index, Term: in.file.Meta.Term}
}

// metadata is what the library is to know of the snapshot: what the file says.
func (in *incoming) metadata() *raftpb.SnapshotMetadata {
	at := in.position()
	return &raftpb.SnapshotMetadata{ConfState: in.conf, Index: &at.Index, Term: &at.Term}
}

// ReceiveSnapshot takes a snapshot from the leader: m is the MsgSnap without data,
// r the bytes of the .snap file. It returns nil when the snapshot is durable and
// installed. One at a time is received. When the node stops it returns as soon as
// a Read of r does; Close does not wait for that. Any goroutine may call it.
func (n *Node) ReceiveSnapshot(ctx context.Context, m *raftpb.Message, r io.Reader) error {
	return n.receiveSnapshot(ctx, m, func() (*snapshot.Received, error) {
		return snapshot.Receive(n.cfg.FS, n.snaps.dir, &interruptible{ctx: ctx, stop: n.stop, r: r})
	})
}

// receiveWhole takes a snapshot that came within its message, as etcd 2.3 sends it.
func (n *Node) receiveWhole(ctx context.Context, m *raftpb.Message) error {
	data := m.GetSnapshot().GetData()
	meta := m.GetSnapshot().GetMetadata()
	return n.receiveSnapshot(ctx, m, func() (*snapshot.Received, error) {
		at := snapshotMeta(meta.GetIndex(), meta.GetTerm(), meta.GetConfState())
		return snapshot.ReceivePayload(n.cfg.FS, n.snaps.dir, at, whole(data))
	})
}

// whole is a payload that is in memory.
type whole []byte

func (p whole) WriteTo(w io.Writer) (int64, error) { return bytes.NewReader(p).WriteTo(w) }

func (n *Node) receiveSnapshot(ctx context.Context, m *raftpb.Message, get func() (*snapshot.Received, error)) error {
	if !n.receiving.TryLock() {
		return ErrSnapshotBusy
	}
	defer n.receiving.Unlock()
	m = withoutData(m)
	if n.outdated(m) { // the answer tells a leader how far this member is
		return errors.Join(ErrSnapshotOld, n.Process(ctx, m))
	}
	at := m.GetSnapshot().GetMetadata()
	n.log.Info("receiving a snapshot", zap.String("from", FormatID(m.GetFrom())), zap.Uint64("index", at.GetIndex()))
	file, err := get()
	if err != nil {
		return fmt.Errorf("receiving a snapshot: %w", err)
	}
	in, err := n.decode(m, file)
	if err == nil {
		err = n.takeSnapshot(ctx, in)
	}
	return errors.Join(err, file.Discard())
}

// outdated reports whether a snapshot is of no use here.
func (n *Node) outdated(m *raftpb.Message) bool {
	s := n.Status()
	return m.GetTerm() < s.Term || m.GetSnapshot().GetMetadata().GetIndex() <= s.Applied
}

// decode makes a received file ready to be installed. m then says of it what the file says.
func (n *Node) decode(m *raftpb.Message, file *snapshot.Received) (*incoming, error) {
	at := m.GetSnapshot().GetMetadata()
	if file.Meta.Index != at.GetIndex() || file.Meta.Term != at.GetTerm() {
		return nil, fmt.Errorf("the snapshot covers index %d of term %d, its message says %d of %d",
			file.Meta.Index, file.Meta.Term, at.GetIndex(), at.GetTerm())
	}
	// Only what the message says was checked: the library panics over a membership that cannot be.
	if cs := at.GetConfState(); !slices.Equal(file.Meta.Voters, cs.GetVoters()) || !slices.Equal(file.Meta.Learners, cs.GetLearners()) {
		return nil, fmt.Errorf("the snapshot at index %d has other members than its message says", file.Meta.Index)
	}
	install, err := n.sm.Prepare(file)
	if err != nil {
		return nil, fmt.Errorf("the snapshot at index %d cannot be decoded: %w", file.Meta.Index, err)
	}
	in := &incoming{
		message: m, file: file, install: install, answer: make(chan error, 1),
		conf: &raftpb.ConfState{Voters: file.Meta.Voters, Learners: file.Meta.Learners},
	}
	in.invite(n.meta.NodeID, n.conf.Load())
	m.Snapshot.Metadata = in.metadata()
	return in, nil
}

// takeSnapshot gives a snapshot to the loop and waits until it is installed or refused.
func (n *Node) takeSnapshot(ctx context.Context, in *incoming) error {
	select {
	case n.incoming <- in:
	case <-ctx.Done():
		return ctx.Err()
	case <-n.stop:
		return ErrStopped
	}
	select {
	case err := <-in.answer:
		return err
	case <-n.done: // nobody uses the file any more
		return ErrStopped
	}
}

// invite adds a member that joins to a snapshot that is older than the entry which adds
// it, as etcd 2.3 sends them (etcd-compat spec, section 7): the library would not take
// it. That entry makes the learner a voter. No file ever says that it was one.
func (in *incoming) invite(self uint64, now *raftpb.ConfState) {
	for _, conf := range []*raftpb.ConfState{in.conf, now} {
		if slices.Contains(conf.GetVoters(), self) || slices.Contains(conf.GetLearners(), self) {
			return
		}
	}
	in.guest = true
	in.conf.Learners = append(slices.Clone(in.conf.Learners), self)
}

// withoutData copies what a snapshot message says about the snapshot.
func withoutData(m *raftpb.Message) *raftpb.Message {
	return &raftpb.Message{
		Type: m.Type, To: m.To, From: m.From, Term: m.Term,
		Snapshot: &raftpb.Snapshot{Metadata: raftpb.EnsureSnapshotMetadata(m.GetSnapshot().GetMetadata())},
	}
}

// interruptible is a reader that ends with its context and with the node.
type interruptible struct {
	ctx  context.Context
	stop <-chan struct{}
	r    io.Reader
}

func (i *interruptible) Read(b []byte) (int, error) {
	select {
	case <-i.stop:
		return 0, ErrStopped
	default:
	}
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	return i.r.Read(b)
}

// stepSnapshot steps a snapshot that waits, once nothing of the old log is being
// applied: the library has then handed out all that it can. What it may have
// committed and not yet stored, the snapshot covers.
func (l *loop) stepSnapshot() {
	in := l.incoming
	if in == nil || in.taken || l.applying || len(l.applies) > 0 {
		return
	}
	if err := l.rn.Step(in.message); err != nil {
		l.n.log.Debug("snapshot not taken", zap.Error(err))
	}
	l.handleReadies()
	if !in.taken {
		l.incoming = nil
		in.answer <- ErrSnapshotOld
	}
}

// answersOnly reports whether the library takes nothing from a snapshot message, whose
// snapshot is not here, and only tells the leader how far this member is.
func (l *loop) answersOnly(m *raftpb.Message) bool {
	return m.GetSnapshot().GetMetadata().GetIndex() <= l.rn.BasicStatus().GetCommit()
}

// hasSnapshot reports whether a MsgStorageAppend installs a snapshot.
func hasSnapshot(m *raftpb.Message) bool { return !etcdraft.IsEmptySnap(m.GetSnapshot()) }

// install makes a snapshot durable: its record, its name. The hard state, whose
// commit index needs the snapshot, is written by the caller. A crash before the
// rename leaves a record that the next start passes over.
func (d *disk) install(in *incoming) error {
	at := in.position()
	b := wal.Batch{Snapshot: &at, Sync: true}
	if d.state != (wal.HardState{}) {
		state := d.state
		b.State = &state
	}
	if err := d.appendWithRoom(b); err != nil {
		return err
	}
	if err := in.file.Name(); err != nil {
		return fmt.Errorf("naming the snapshot at index %d: %w", at.Index, err)
	}
	return nil
}

// install replaces the state by a snapshot.
func (a *applier) install(in *incoming) published {
	at := in.position()
	in.install()
	a.conf, a.guest, a.count = in.conf, in.guest, 0
	a.at = at
	a.n.snaps.lastLog = a.n.disk.written.Load()
	p := published{index: at.Index, term: at.Term, installed: in}
	a.publish(&p, 0)
	return p
}

// stored: the snapshot is durable. Its batch stays the one that is being written
// until the applier has installed it, because the responses wait for that.
func (l *loop) stored(in *incoming) error {
	if err := l.storage.install(in.metadata()); err != nil {
		return err
	}
	for _, m := range l.writing {
		if err := l.storage.append(m.GetEntries()); err != nil {
			return err
		}
	}
	l.applying = true
	l.n.apply.work <- applyWork{install: in}
	return nil
}

// installed: the applier has published the state of a snapshot.
func (l *loop) installed(p published) {
	in, done := p.installed, l.writing
	l.incoming, l.writing = nil, nil
	l.lastRemoved = nil
	// What was proposed in time to be in the snapshot may have been carried out.
	l.n.waiters.forgetUpTo(p.term)
	l.settled = max(l.settled, p.term)
	if c := l.changes.current; c != nil && c.index == 0 {
		l.changes.current = nil
		c.done <- ErrInDoubt
	}
	for _, m := range done {
		for _, r := range m.GetResponses() {
			l.route(r)
		}
	}
	l.n.snaps.adopt(in.file.File())
	l.n.log.Info("installed a snapshot", zap.String("from", FormatID(in.message.GetFrom())),
		zap.Uint64("index", p.index), zap.Uint64("term", p.term), zap.Int64("bytes", in.file.Size))
	l.publishStatus() // whoever is answered sees it there
	in.answer <- nil
}

// snapshotMessage is m with the snapshot that is really sent.
func snapshotMessage(m *raftpb.Message, at snapshot.Meta) *raftpb.Message {
	out := withoutData(m)
	out.Snapshot.Metadata = &raftpb.SnapshotMetadata{
		ConfState: &raftpb.ConfState{Voters: at.Voters, Learners: at.Learners},
		Index:     proto.Uint64(at.Index), Term: proto.Uint64(at.Term),
	}
	return out
}
