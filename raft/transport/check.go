package transport

import (
	"errors"
	"fmt"
	"slices"

	etcdraft "go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// isLocal reports whether a message is of a type that belongs inside a process.
func isLocal(m *raftpb.Message) bool {
	if m.GetType() < 0 { // the library looks it up in an array
		return false
	}
	return etcdraft.IsLocalMsg(m.GetType()) || m.GetType() == raftpb.MsgForgetLeader
}

// check finds what in a message from the network would make the engine panic, or believe what no member can have said. It
// knows nothing of this member's log: a heartbeat that commits what is not there is for the owner of the engine to find.
func check(m *raftpb.Message, self uint64) error {
	switch {
	case isLocal(m):
		return fmt.Errorf("%v is not for the network", m.GetType())
	case m.GetTo() != self:
		return fmt.Errorf("it is for member %x", m.GetTo())
	case m.GetFrom() == 0 || m.GetFrom() == self:
		return fmt.Errorf("it cannot come from member %x", m.GetFrom())
	case len(m.GetResponses()) > 0:
		return errors.New("it has responses of a local message")
	}
	switch m.GetType() {
	case raftpb.MsgProp:
		return checkProposal(m)
	case raftpb.MsgReadIndex:
		if len(m.GetEntries()) != 1 || m.GetTerm() != 0 {
			return errors.New("a question for the read index has one entry and no term")
		}
		return nil
	}
	if m.GetTerm() == 0 {
		return errors.New("it has no term") // the engine takes those for local ones
	}
	switch m.GetType() {
	case raftpb.MsgApp:
		return checkAppend(m)
	case raftpb.MsgSnap:
		return checkSnapshot(m.GetSnapshot())
	case raftpb.MsgHeartbeat, raftpb.MsgHeartbeatResp:
		if n := len(m.GetContext()); n != 0 && n != 8 {
			return fmt.Errorf("a context of %d bytes", n) // it is a counter of the leader's, sent and sent back
		}
		return nil
	case raftpb.MsgAppResp, raftpb.MsgVote, raftpb.MsgVoteResp, raftpb.MsgTimeoutNow, raftpb.MsgReadIndexResp,
		raftpb.MsgPreVote, raftpb.MsgPreVoteResp:
		return nil
	case raftpb.MsgTransferLeader:
		return errors.New("only a leader itself hands over") // the engine of a follower panics on forwarding it
	}
	return fmt.Errorf("unknown type %d", m.GetType())
}

// checkProposal wants entries of what may be an etcd's proposal. A batch of a Pando, which has a term, may have none: its callers have
// left, and its number has not.
func checkProposal(m *raftpb.Message) error {
	if len(m.GetEntries()) == 0 && m.GetTerm() == 0 {
		return errors.New("an empty proposal")
	}
	for _, e := range m.GetEntries() {
		if err := checkEntry(e); err != nil {
			return err
		}
	}
	return nil
}

// checkAppend wants entries without a gap behind the one that they follow, in terms that never go back.
func checkAppend(m *raftpb.Message) error {
	index, term := m.GetIndex(), m.GetLogTerm()
	for _, e := range m.GetEntries() {
		index++
		if e.GetIndex() != index || e.GetTerm() < max(term, 1) {
			return fmt.Errorf("entry %d of term %d cannot follow %d of term %d", e.GetIndex(), e.GetTerm(), index-1, term)
		}
		term = e.GetTerm()
		if err := checkEntry(e); err != nil {
			return err
		}
	}
	if term > m.GetTerm() {
		return fmt.Errorf("an entry of term %d in a message of term %d", term, m.GetTerm())
	}
	return nil
}

// checkEntry decodes what the engine decodes: conf changes of the simple kind, the only ones that etcd 2.3 and Pando make.
func checkEntry(e *raftpb.Entry) error {
	switch e.GetType() {
	case raftpb.EntryNormal:
		return nil
	case raftpb.EntryConfChange:
		var cc raftpb.ConfChange
		if err := proto.Unmarshal(e.GetData(), &cc); err != nil {
			return fmt.Errorf("a conf change that cannot be read: %w", err)
		}
		switch cc.GetType() {
		case raftpb.ConfChangeAddNode, raftpb.ConfChangeRemoveNode, raftpb.ConfChangeUpdateNode, raftpb.ConfChangeAddLearnerNode:
			return nil
		}
		return fmt.Errorf("a conf change of unknown type %d", cc.GetType())
	}
	return fmt.Errorf("an entry of unknown type %d", e.GetType())
}

// checkSnapshot wants a configuration that the engine can restore: voters, no member twice, nothing joint.
func checkSnapshot(s *raftpb.Snapshot) error {
	md := s.GetMetadata()
	cs := md.GetConfState()
	switch {
	case md.GetIndex() == 0 || md.GetTerm() == 0:
		return errors.New("a snapshot without index or term")
	case len(cs.GetVoters()) == 0:
		return errors.New("a snapshot without voters")
	case len(cs.GetVotersOutgoing()) > 0 || len(cs.GetLearnersNext()) > 0 || cs.GetAutoLeave():
		return errors.New("a snapshot amidst a joint change")
	}
	all := slices.Sorted(slices.Values(slices.Concat(cs.GetVoters(), cs.GetLearners())))
	if all[0] == 0 || len(slices.Compact(all)) != len(cs.GetVoters())+len(cs.GetLearners()) {
		return errors.New("a snapshot that names a member twice, or none")
	}
	return nil
}
