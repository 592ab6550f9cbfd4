package takeover

import (
	"fmt"
	"net/http"
	"path/filepath"
	"testing"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"pando/config"
	"pando/fsys"
	"pando/raft/wal"
	"pando/store"
	"pando/test/fault/keys"
	"pando/test/server"
)

// An etcd 2.3 that was started with --force-new-cluster on a backup removes all the old members before it adds itself:
// for one entry the log has no voters at all. That is no reason not to start on it.
func TestForcedNewCluster(t *testing.T) {
	const old, self = 0xaaa1, 0xbbb2
	dir := filepath.Join(t.TempDir(), "data")
	l := &logBuilder{}
	l.conf(t, raftpb.ConfChangeAddNode, old)
	l.write(store.Command{ID: 1, Method: "PUT", Path: "/1/kept", Val: "value"})
	l.conf(t, raftpb.ConfChangeRemoveNode, old)
	l.conf(t, raftpb.ConfChangeAddNode, self)
	l.write(store.Command{ID: 2, Method: "PUT", Path: "/1/after", Val: "value"})
	l.save(t, dir, wal.Metadata{NodeID: self, ClusterID: 0xccc3})

	s := server.Start(t, server.Options{Dir: dir})
	for _, key := range []string{"/kept", "/after"} {
		if a := do(t, s, http.MethodGet, keys.Path(key, "quorum", "true")); !a.OK() {
			t.Errorf("%s: %s", key, a)
		}
	}
	list := members(t, do(t, s, http.MethodGet, "/v2/members").Body)
	if _, ok := list[fmt.Sprintf("%x", self)]; !ok || len(list) != 1 {
		t.Errorf("members %v", list)
	}
	if a := do(t, s, http.MethodPut, keys.Path("/new"), "value", "x"); !a.OK() {
		t.Errorf("a write: %s", a)
	}
}

// logBuilder collects the entries of a log, all of term 1.
type logBuilder struct{ entries []wal.Entry }

func (l *logBuilder) add(kind raftpb.EntryType, data []byte) {
	l.entries = append(l.entries, wal.Entry{Term: 1, Index: uint64(len(l.entries) + 1), Type: uint8(kind), Data: data})
}

func (l *logBuilder) write(c store.Command) { l.add(raftpb.EntryNormal, c.Marshal()) }

func (l *logBuilder) conf(t *testing.T, kind raftpb.ConfChangeType, member uint64) {
	t.Helper()
	cc := &raftpb.ConfChange{
		Type: kind.Enum(), NodeId: proto.Uint64(member), Id: proto.Uint64(uint64(len(l.entries) + 1)),
		Context: config.MemberContext(member, "m", []string{fmt.Sprintf("http://127.0.0.1:%d", member&0xfff)}),
	}
	data, err := proto.Marshal(cc)
	if err != nil {
		t.Fatal(err)
	}
	l.add(raftpb.EntryConfChange, data)
}

// save makes a data directory of it, everything committed.
func (l *logBuilder) save(t *testing.T, dir string, md wal.Metadata) {
	t.Helper()
	member := filepath.Join(dir, "member")
	if err := fsys.OS.MkdirAll(filepath.Join(member, "snap"), 0o700); err != nil {
		t.Fatal(err)
	}
	w, err := wal.Create(fsys.OS, filepath.Join(member, "wal"), md, wal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	state := wal.HardState{Term: 1, Vote: md.NodeID, Commit: uint64(len(l.entries))}
	if err := w.Append(wal.Batch{State: &state, Entries: l.entries, Sync: true}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}
