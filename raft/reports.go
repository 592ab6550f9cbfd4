package raft

import (
	"sync"

	etcdraft "go.etcd.io/raft/v3"
)

// maxReports bounds the members that reports wait for (a count).
const maxReports = 1024

// reports is what the transport has said and the loop has not heard yet. The
// transport must not be held up, and only the last word on a member counts.
type reports struct {
	mu          sync.Mutex
	unreachable map[uint64]bool
	snapshots   map[uint64]bool // whether it got through
}

// ReportUnreachable says that a message to a member was lost. It never blocks, and
// Transport.Send may call it.
func (n *Node) ReportUnreachable(id uint64) {
	r := &n.reports
	r.mu.Lock()
	if r.unreachable == nil {
		r.unreachable = map[uint64]bool{}
	}
	if len(r.unreachable) < maxReports {
		r.unreachable[id] = true
	}
	r.mu.Unlock()
	n.nudge()
}

// ReportSnapshot says whether a snapshot within a message, given to Transport.Send,
// has reached a member. For one that was streamed the answer of SendSnapshot
// counts, and this changes nothing. It never blocks, and Transport.Send may call it.
func (n *Node) ReportSnapshot(id uint64, ok bool) {
	r := &n.reports
	r.mu.Lock()
	if r.snapshots == nil {
		r.snapshots = map[uint64]bool{}
	}
	if len(r.snapshots) < maxReports {
		r.snapshots[id] = ok
	}
	r.mu.Unlock()
	n.nudge()
}

// takeReports hears what the transport has said.
func (l *loop) takeReports() {
	r := &l.n.reports
	r.mu.Lock()
	unreachable, snapshots := r.unreachable, r.snapshots
	r.unreachable, r.snapshots = nil, nil
	r.mu.Unlock()
	for id := range unreachable {
		l.rn.ReportUnreachable(id)
	}
	for id, ok := range snapshots {
		if t := l.transfers[id]; t != nil {
			select {
			case t.reported <- ok:
			default:
			}
		} else if !ok {
			l.rn.ReportSnapshot(id, etcdraft.SnapshotFailure)
		}
	}
}
