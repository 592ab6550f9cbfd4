package transport

import (
	"testing"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// snapshotMessage is a MsgSnap without data, as a leader makes it.
func snapshotMessage(from, to uint64) *raftpb.Message {
	return &raftpb.Message{
		Type: raftpb.MsgSnap.Enum(), From: new(from), To: new(to), Term: new(uint64(3)),
		Snapshot: &raftpb.Snapshot{Metadata: &raftpb.SnapshotMetadata{
			Index: new(uint64(10)), Term: new(uint64(3)), ConfState: &raftpb.ConfState{Voters: []uint64{1, 2}, Learners: []uint64{3}},
		}},
	}
}

func confChange(t *testing.T, cc proto.Message) []byte {
	t.Helper()
	data, err := proto.Marshal(cc)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func entry(index, term uint64) *raftpb.Entry {
	return &raftpb.Entry{Index: new(index), Term: new(term), Type: raftpb.EntryNormal.Enum()}
}

func TestCheck(t *testing.T) {
	add := confChange(t, &raftpb.ConfChange{Type: raftpb.ConfChangeAddNode.Enum(), NodeId: new(uint64(3))})
	odd := confChange(t, &raftpb.ConfChange{Type: raftpb.ConfChangeType(9).Enum(), NodeId: new(uint64(3))})
	conf := func(data []byte) *raftpb.Entry {
		e := entry(6, 2)
		e.Type, e.Data = raftpb.EntryConfChange.Enum(), data
		return e
	}
	message := func(typ raftpb.MessageType, change func(m *raftpb.Message)) *raftpb.Message {
		m := &raftpb.Message{Type: typ.Enum(), From: new(uint64(1)), To: new(uint64(2)), Term: new(uint64(3))}
		change(m)
		return m
	}
	appending := func(entries ...*raftpb.Entry) *raftpb.Message {
		return message(raftpb.MsgApp, func(m *raftpb.Message) {
			m.Index, m.LogTerm, m.Entries = new(uint64(5)), new(uint64(2)), entries
		})
	}
	proposal := func(entries ...*raftpb.Entry) *raftpb.Message {
		return message(raftpb.MsgProp, func(m *raftpb.Message) { m.Term, m.Entries = nil, entries })
	}
	snapshot := func(change func(md *raftpb.SnapshotMetadata)) *raftpb.Message {
		m := snapshotMessage(1, 2)
		change(m.Snapshot.Metadata)
		return m
	}
	for name, c := range map[string]struct {
		m  *raftpb.Message
		ok bool
	}{
		"heartbeat":              {heartbeat(1, 2, 3), true},
		"heartbeat with context": {message(raftpb.MsgHeartbeat, func(m *raftpb.Message) { m.Context = make([]byte, 8) }), true},
		"odd context":            {message(raftpb.MsgHeartbeatResp, func(m *raftpb.Message) { m.Context = make([]byte, 3) }), false},
		"no term":                {heartbeat(1, 2, 0), false},
		"from nobody":            {heartbeat(0, 2, 3), false},
		"from ourselves":         {heartbeat(2, 2, 3), false},
		"to another":             {heartbeat(1, 3, 3), false},
		"empty":                  {&raftpb.Message{}, false},
		"hup":                    {message(raftpb.MsgHup, func(*raftpb.Message) {}), false},
		"storage append":         {message(raftpb.MsgStorageAppend, func(*raftpb.Message) {}), false},
		"forget leader":          {message(raftpb.MsgForgetLeader, func(*raftpb.Message) {}), false},
		"negative type":          {message(-5, func(*raftpb.Message) {}), false},
		"unknown type":           {message(77, func(*raftpb.Message) {}), false},
		"responses":              {message(raftpb.MsgApp, func(m *raftpb.Message) { m.Responses = []*raftpb.Message{{}} }), false},
		"proposal":               {proposal(&raftpb.Entry{}), true},
		"stamped proposal":       {message(raftpb.MsgProp, func(m *raftpb.Message) { m.Entries = []*raftpb.Entry{{}} }), true},
		"empty proposal":         {proposal(), false},
		"stamped empty proposal": {message(raftpb.MsgProp, func(*raftpb.Message) {}), true},
		"proposed conf change":   {proposal(conf(add)), true},
		"garbage conf change":    {proposal(conf([]byte("\xff"))), false},
		"unknown conf change":    {proposal(conf(odd)), false},
		"joint conf change":      {proposal(&raftpb.Entry{Type: raftpb.EntryConfChangeV2.Enum()}), false},
		"unknown entry":          {proposal(&raftpb.Entry{Type: raftpb.EntryType(9).Enum()}), false},
		"append":                 {appending(entry(6, 2), entry(7, 3)), true},
		"append nothing":         {appending(), true},
		"append conf change":     {appending(conf(add)), true},
		"append garbage":         {appending(conf([]byte("\xff"))), false},
		"append with a gap":      {appending(entry(7, 2)), false},
		"append an older term":   {appending(entry(6, 1)), false},
		"append a later term":    {appending(entry(6, 4)), false},
		"append no term":         {message(raftpb.MsgApp, func(m *raftpb.Message) { m.Entries = []*raftpb.Entry{entry(1, 0)} }), false},
		"snapshot":               {snapshotMessage(1, 2), true},
		"snapshot of nothing":    {message(raftpb.MsgSnap, func(*raftpb.Message) {}), false},
		"snapshot without index": {snapshot(func(md *raftpb.SnapshotMetadata) { md.Index = nil }), false},
		"snapshot of nobody":     {snapshot(func(md *raftpb.SnapshotMetadata) { md.ConfState = nil }), false},
		"snapshot member twice":  {snapshot(func(md *raftpb.SnapshotMetadata) { md.ConfState.Learners = []uint64{2} }), false},
		"snapshot member zero":   {snapshot(func(md *raftpb.SnapshotMetadata) { md.ConfState.Voters[0] = 0 }), false},
		"snapshot joint":         {snapshot(func(md *raftpb.SnapshotMetadata) { md.ConfState.VotersOutgoing = []uint64{1} }), false},
		"read index":             {message(raftpb.MsgReadIndex, func(m *raftpb.Message) { m.Term, m.Entries = nil, []*raftpb.Entry{{}} }), true},
		"read index with a term": {message(raftpb.MsgReadIndex, func(m *raftpb.Message) { m.Entries = []*raftpb.Entry{{}} }), false},
		"read index of nothing":  {message(raftpb.MsgReadIndex, func(m *raftpb.Message) { m.Term = nil }), false},
		"transfer":               {message(raftpb.MsgTransferLeader, func(*raftpb.Message) {}), false},
	} {
		if err := check(c.m, 2); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
