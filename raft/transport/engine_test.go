package transport

import (
	"io"
	"log"
	"testing"

	etcdraft "go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"
)

// TestEngineSurvivesWhatPasses: the engine never panics on messages that pass check, as a follower and as a leader, however little
// they have to do with each other. Heartbeats that commit entries behind the log's end are for its owner to find.
func TestEngineSurvivesWhatPasses(t *testing.T) { rapid.Check(t, engineSurvives) }

func engineSurvives(t *rapid.T) {
	e := newEngine(t, rapid.Bool().Draw(t, "leads"))
	for range rapid.IntRange(1, 20).Draw(t, "messages") {
		m := anyMessage(t)
		if check(m, 2) != nil || m.GetType() == raftpb.MsgHeartbeat && m.GetCommit() > e.last() {
			continue
		}
		if m.GetType() == raftpb.MsgProp { // its owner takes the entries out of it
			if len(m.GetEntries()) == 0 {
				continue
			}
			m.Term = nil
		}
		_ = e.node.Step(m) // what the engine refuses is as good as what it takes
		e.settle(t)
	}
}

// engine is member 2 of three, with its storage.
type engine struct {
	node    *etcdraft.RawNode
	storage *etcdraft.MemoryStorage
}

func newEngine(t *rapid.T, leads bool) *engine {
	e := &engine{storage: etcdraft.NewMemoryStorage()}
	must(t, e.storage.ApplySnapshot(&raftpb.Snapshot{Metadata: &raftpb.SnapshotMetadata{
		Index: new(uint64(1)), Term: new(uint64(1)), ConfState: &raftpb.ConfState{Voters: []uint64{1, 2, 3}},
	}}))
	must(t, e.storage.Append([]*raftpb.Entry{entry(2, 1), entry(3, 2), entry(4, 2)}))
	must(t, e.storage.SetHardState(&raftpb.HardState{Term: new(uint64(2)), Commit: new(uint64(3))}))
	var err error
	e.node, err = etcdraft.NewRawNode(&etcdraft.Config{
		ID: 2, ElectionTick: 10, HeartbeatTick: 1, Storage: e.storage, MaxSizePerMsg: 1 << 20, MaxInflightMsgs: 16, Applied: 1,
		Logger: &etcdraft.DefaultLogger{Logger: log.New(io.Discard, "", 0)},
	})
	must(t, err)
	if leads {
		must(t, e.node.Campaign())
		e.settle(t)
		must(t, e.node.Step(&raftpb.Message{
			Type: raftpb.MsgVoteResp.Enum(), From: new(uint64(3)), To: new(uint64(2)), Term: new(uint64(3)),
		}))
		e.settle(t)
	}
	return e
}

func (e *engine) last() uint64 {
	last, err := e.storage.LastIndex()
	if err != nil {
		panic(err)
	}
	return last
}

// settle does what a member does with what the engine has ready. A conf change that would leave no voter is refused by the
// state machine of a real member, and so it is here.
func (e *engine) settle(t *rapid.T) {
	for e.node.HasReady() {
		ready := e.node.Ready()
		if !etcdraft.IsEmptySnap(ready.Snapshot) {
			must(t, e.storage.ApplySnapshot(ready.Snapshot))
		}
		must(t, e.storage.Append(ready.Entries))
		if !etcdraft.IsEmptyHardState(ready.HardState) {
			must(t, e.storage.SetHardState(ready.HardState))
		}
		for _, committed := range ready.CommittedEntries {
			if committed.GetType() == raftpb.EntryConfChange {
				var cc raftpb.ConfChange
				must(t, proto.Unmarshal(committed.GetData(), &cc))
				if cc.GetType() != raftpb.ConfChangeAddNode {
					cc.NodeId = nil
				}
				e.node.ApplyConfChange(&cc)
			}
		}
		e.node.Advance(ready)
	}
}

func must(t *rapid.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// anyMessage makes messages of small numbers, so that they often fit to the log and to each other.
func anyMessage(t *rapid.T) *raftpb.Message {
	number := func(what string) *uint64 { return new(rapid.Uint64Range(0, 6).Draw(t, what)) }
	m := &raftpb.Message{
		Type: raftpb.MessageType(rapid.Int32Range(0, 25).Draw(t, "type")).Enum(),
		From: number("from"), To: new(uint64(2)), Term: number("term"), LogTerm: number("log term"),
		Index: number("index"), Commit: number("commit"), RejectHint: number("hint"), Reject: new(rapid.Bool().Draw(t, "reject")),
		// Of the contexts of eight bytes only the one that confirms no read: others lead a leader astray if two members lie.
		Context: rapid.OneOf(rapid.SliceOfN(rapid.Byte(), 0, 2), rapid.Just(make([]byte, 8))).Draw(t, "context"),
	}
	follows := rapid.Bool().Draw(t, "entries follow")
	for i := range rapid.Uint64Range(0, 3).Draw(t, "entries") {
		e := &raftpb.Entry{Index: number("entry index"), Term: number("entry term")}
		if follows {
			e.Index = new(m.GetIndex() + i + 1)
		}
		e.Type = raftpb.EntryType(rapid.Int32Range(0, 2).Draw(t, "entry type")).Enum()
		e.Data = rapid.OneOf(rapid.SliceOfN(rapid.Byte(), 0, 3), rapid.Just([]byte{0x10, 0x00, 0x18, 0x03})).Draw(t, "data")
		m.Entries = append(m.Entries, e)
	}
	if rapid.Bool().Draw(t, "snapshot") {
		members := rapid.SliceOfN(rapid.Uint64Range(0, 4), 0, 4)
		m.Snapshot = &raftpb.Snapshot{Metadata: &raftpb.SnapshotMetadata{
			Index: number("snapshot index"), Term: number("snapshot term"),
			ConfState: &raftpb.ConfState{Voters: members.Draw(t, "voters"), Learners: members.Draw(t, "learners")},
		}}
	}
	return m
}
