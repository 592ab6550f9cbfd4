package raft

import (
	"fmt"
	"slices"
	"sort"

	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"pando/raft/wal"
)

// force makes a cluster of one out of the member whose log was replayed, if it
// was asked for (server spec, section 9): everything in the log is committed,
// also what no leader had told this member to be, and all others are removed.
// All of it is one batch of the log, which is there after a crash as a whole or
// not at all, and doing it again changes nothing.
func (o *opened) force(cfg Config) error {
	if cfg.ForceNewCluster == nil {
		return nil
	}
	last, err := o.storage.LastIndex()
	if err != nil {
		return err
	}
	m, err := o.membersAtTheEnd(last)
	if err != nil {
		return err
	}
	if m.removed[o.meta.NodeID] {
		return fmt.Errorf("%w: this member has been removed from its cluster, and a member that was removed cannot come back. "+
			"Force a new cluster on a member that was in it to the end", ErrDataDir)
	}
	changes := m.reduce(o.meta.NodeID, cfg.ForceNewCluster)
	if len(changes) == 0 && o.state.Commit == last {
		return nil
	}
	uncommitted := last - o.state.Commit
	state, ents := o.state, []*raftpb.Entry(nil)
	if len(changes) > 0 {
		// A term that nobody wrote in before: the others may have entries of their
		// own at the same indexes.
		state.Term, state.Vote = state.Term+1, o.meta.NodeID
	}
	for i, cc := range changes {
		data, err := proto.Marshal(cc)
		if err != nil {
			return err
		}
		ents = append(ents, &raftpb.Entry{
			Type: raftpb.EntryConfChange.Enum(), Term: proto.Uint64(state.Term), Index: proto.Uint64(last + 1 + uint64(i)), Data: data,
		})
	}
	state.Commit = last + uint64(len(ents))
	if err := o.wal.Append(wal.Batch{State: &state, Entries: walEntries(ents), Sync: true}); err != nil {
		return err
	}
	cfg.Logger.Warn("forced a new cluster: this member goes on alone with all that is in its log",
		zap.Strings("removed", m.others(o.meta.NodeID)), zap.Uint64("entries not known to be committed", uncommitted))
	return o.remember(state, ents)
}

// roster is who is a member, as far as raft knows without the tree.
type roster struct{ voters, learners, removed map[uint64]bool }

// membersAtTheEnd follows the membership from the snapshot through the whole log.
// A change that the tree will refuse counts here too; the removal that follows
// from it will be refused as well.
func (o *opened) membersAtTheEnd(last uint64) (*roster, error) {
	m := &roster{voters: map[uint64]bool{}, learners: map[uint64]bool{}, removed: map[uint64]bool{}}
	for _, id := range o.conf.GetVoters() {
		m.voters[id] = true
	}
	for _, id := range o.conf.GetLearners() {
		m.learners[id] = true
	}
	if last == o.snap.Index {
		return m, nil
	}
	ents, err := o.storage.Entries(o.snap.Index+1, last+1, ^uint64(0))
	if err != nil {
		return nil, err
	}
	for _, e := range ents {
		if e.GetType() != raftpb.EntryConfChange {
			continue
		}
		var cc raftpb.ConfChange
		if err := proto.Unmarshal(e.GetData(), &cc); err != nil {
			return nil, fmt.Errorf("log entry %d holds no readable membership change: %w", e.GetIndex(), err)
		}
		m.change(&cc)
	}
	return m, nil
}

func (m *roster) change(cc *raftpb.ConfChange) {
	id := cc.GetNodeId()
	switch t := cc.GetType(); {
	case m.removed[id]: // it cannot come back
	case t == raftpb.ConfChangeAddNode:
		m.voters[id] = true
		delete(m.learners, id)
	case t == raftpb.ConfChangeAddLearnerNode && !m.voters[id]:
		m.learners[id] = true
	case t == raftpb.ConfChangeRemoveNode:
		m.removed[id] = true
		delete(m.voters, id)
		delete(m.learners, id)
	}
}

// reduce returns the changes that leave self as the only voter. The others go
// first: one of them may have the peer URLs that self is added with.
func (m *roster) reduce(self uint64, context func(uint64) []byte) []*raftpb.ConfChange {
	var changes []*raftpb.ConfChange
	for _, id := range m.ids() {
		if id != self {
			changes = append(changes, &raftpb.ConfChange{Type: raftpb.ConfChangeRemoveNode.Enum(), NodeId: proto.Uint64(id)})
		}
	}
	if !m.voters[self] {
		changes = append(changes, &raftpb.ConfChange{Type: raftpb.ConfChangeAddNode.Enum(), NodeId: proto.Uint64(self), Context: context(self)})
	}
	return changes
}

// ids are all members, in ascending order.
func (m *roster) ids() []uint64 {
	var ids []uint64
	for _, set := range []map[uint64]bool{m.voters, m.learners} {
		for id := range set {
			ids = append(ids, id)
		}
	}
	sort.Slice(ids, func(i, j int) bool { return ids[i] < ids[j] })
	return slices.Compact(ids)
}

func (m *roster) others(self uint64) []string {
	var list []string
	for _, id := range m.ids() {
		if id != self {
			list = append(list, FormatID(id))
		}
	}
	return list
}
