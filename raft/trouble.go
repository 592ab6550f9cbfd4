package raft

import (
	"slices"

	etcdraft "go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/tracker"
)

// What the loop does about a disk that is slow or full.

// patientWithDisk reports whether proposals wait for the disk, so that those which
// come meanwhile are written, sent and applied as one. It has a heartbeat or two for
// that; then the other members go on without this one's disk, until so much waits
// for it that it had better catch up.
func (l *loop) patientWithDisk() bool {
	slow := l.diskBusy && l.changes.ticks-l.diskTick > 1
	return len(l.writing) > 0 && (!slow || l.queued >= maxBatch)
}

// leaveFullDisk offers the leadership to the others in turn while this member's log
// cannot grow: writes go on under one that has room (replication design, section 8).
// A member that has none itself does not take the offer, and the library ends it
// after an election timeout.
func (l *loop) leaveFullDisk() {
	m := &l.changes
	if l.noSpace == nil || !l.leading || m.ticks < m.transfer {
		return
	}
	var others []uint64
	l.rn.WithProgress(func(id uint64, typ etcdraft.ProgressType, _ tracker.Progress) {
		if id != l.n.meta.NodeID && typ == etcdraft.ProgressTypePeer && l.rules.isPando(id) && !l.silent(id) {
			others = append(others, id)
		}
	})
	if len(others) == 0 {
		return
	}
	slices.Sort(others)
	l.rn.TransferLeader(others[m.offers%uint64(len(others))])
	m.offers++
	m.transfer = m.ticks + l.electionTicks()
}
