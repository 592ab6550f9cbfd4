package raft

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"
)

// Transport carries messages to the other members. Send never blocks; a message
// that does not get through is lost, and the protocol copes.
type Transport interface {
	Send(ms []*raftpb.Message)
}

// noTransport is that of a member without peers.
type noTransport struct{}

func (noTransport) Send([]*raftpb.Message) {}

// maxInbox bounds the messages that wait for the loop (a count).
const maxInbox = 256

// ErrLogTooShort stops a member that a leader knows to have held more than it
// holds: its disk was wiped or exchanged under its old identity. Letting it vote
// could lose acknowledged writes.
var ErrLogTooShort = errors.New("this member's log is shorter than what it has acknowledged to the cluster before: its disk was emptied or exchanged. " +
	"Remove the member from the cluster, add it again, and start it on an empty directory")

// Process takes a message from another member. It waits for room, until ctx ends,
// and for a snapshot within a message until that is installed.
// Messages are checked by whoever received them (replication design, section 10).
func (n *Node) Process(ctx context.Context, m *raftpb.Message) error {
	if m.GetType() == raftpb.MsgSnap && len(m.GetSnapshot().GetData()) > 0 {
		return n.receiveWhole(ctx, m)
	}
	select {
	case n.inbox <- m:
		n.loop.drive()
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-n.stop:
		return ErrStopped
	}
}

// ConnectionLost says that the connection to a member broke. If that member
// leads, an election begins soon instead of after a timeout; should it be alive,
// the pre-vote keeps it in office.
func (n *Node) ConnectionLost(id uint64) {
	select {
	case n.lost <- id:
	case <-n.stop:
	}
}

// receive steps a message and those that wait behind it, but no more than can wait at a time.
func (l *loop) receive(m *raftpb.Message) {
	for left := maxInbox; ; left-- {
		l.step(m)
		if left == 0 {
			return
		}
		select {
		case m = <-l.n.inbox:
		default:
			return
		}
	}
}

func (l *loop) step(m *raftpb.Message) {
	l.changes.heard[m.GetFrom()] = l.changes.ticks
	switch m.GetType() {
	case raftpb.MsgProp:
		l.takeForwarded(m)
		return
	case raftpb.MsgSnap:
		if !l.answersOnly(m) {
			return // its snapshot is missing
		}
	case raftpb.MsgReadIndex:
		if !l.servesReads() {
			return // the library of a lone voter would answer with a commit index that lags; it is asked again
		}
	case raftpb.MsgVote:
		l.noteCandidate(m)
	case raftpb.MsgTimeoutNow:
		if l.noSpace != nil {
			return // a leader that cannot write would only give it back
		}
	case raftpb.MsgHeartbeat:
		// The library panics on a commit index beyond the log.
		if last, err := l.storage.LastIndex(); err == nil && m.GetCommit() > last && m.GetTerm() >= l.term {
			l.n.fail(fmt.Errorf("%w (the leader knows of entry %d, the last one here is %d)", ErrLogTooShort, m.GetCommit(), last))
			return
		}
	}
	if err := l.rn.Step(m); err != nil {
		l.n.log.Debug("message not taken", zap.Stringer("type", m.GetType()), zap.String("from", FormatID(m.GetFrom())), zap.Error(err))
	}
}

// ack says how far a follower's log is that of its leader.
type ack struct{ to, term, index, tick uint64 }

// repeats reports whether m tells a leader what it was told within this tick: a follower
// answers also to a commit index alone. It is told again in the next one, because messages get lost.
func (l *loop) repeats(m *raftpb.Message) bool {
	if m.GetType() != raftpb.MsgAppResp || m.GetReject() || l.rules.made == 0 {
		return false
	}
	was := l.acked
	l.acked = ack{m.GetTo(), m.GetTerm(), m.GetIndex(), l.changes.ticks}
	return l.acked == was
}
