package transport

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/etcd/server/v3/etcdserver/api/rafthttp"
	etcdraft "go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

var errNotAMember = errors.New("transport: the sender of a message is not a member")

// receiver stands between rafthttp and the Handler.
type receiver struct{ t *Transport }

var _ rafthttp.Raft = (*receiver)(nil)

// Process takes a message from a stream of rafthttp's. Which peer's it was is not known here, only whom the message names.
func (r *receiver) Process(ctx context.Context, m *raftpb.Message) error {
	if !r.t.enter() {
		return errStopped
	}
	defer r.t.leave()
	if err := check(m, r.t.cfg.MemberID); err != nil {
		return fmt.Errorf("transport: a message from a stream is invalid: %w", err)
	}
	if !r.t.isMember(m.GetFrom()) {
		return errNotAMember
	}
	return r.t.take(ctx, m, m.GetFrom())
}

// take hands on a message that was checked and that a member has brought, its sender or who passes it on.
func (t *Transport) take(ctx context.Context, m *raftpb.Message, by uint64) error {
	t.hear(by)
	return t.cfg.Handler.Process(ctx, m)
}

func (t *Transport) isMember(id uint64) bool {
	return !t.cfg.Handler.Removed(id) && t.cfg.Handler.Member(id)
}

func (r *receiver) IsIDRemoved(id uint64) bool { return r.t.cfg.Handler.Removed(id) }

// ReportUnreachable is not passed on while the transport stops, when everything that waits is lost.
func (r *receiver) ReportUnreachable(id uint64) {
	if r.t.ctx.Err() == nil {
		r.t.cfg.Handler.ReportUnreachable(id)
	}
}

func (r *receiver) ReportSnapshot(id uint64, status etcdraft.SnapshotStatus) {
	if r.t.ctx.Err() == nil {
		r.t.cfg.Handler.ReportSnapshot(id, status == etcdraft.SnapshotFinish)
	}
}
