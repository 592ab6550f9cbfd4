package raft

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"pando/fsys"
	"pando/raft/wal"
	"pando/snapshot"
)

// story is a data directory that a member of a cluster left behind.
type story struct {
	md        wal.Metadata
	entries   []wal.Entry // all of term 1
	committed uint64      // as far as the member was told
	snap      *snapshot.Meta
	texts     []string // what the snapshot holds and the entries say
}

func (s *story) text(texts ...string) {
	for _, text := range texts {
		s.add(raftpb.EntryNormal, command(uint64(len(s.texts)+1), text))
		s.texts = append(s.texts, text)
	}
}

func (s *story) change(t *testing.T, kind raftpb.ConfChangeType, id uint64) {
	t.Helper()
	data, err := proto.Marshal(&raftpb.ConfChange{Type: kind.Enum(), NodeId: proto.Uint64(id)})
	if err != nil {
		t.Fatal(err)
	}
	s.add(raftpb.EntryConfChange, data)
}

func (s *story) add(kind raftpb.EntryType, data []byte) {
	at := uint64(len(s.entries) + 1)
	if s.snap != nil {
		at += s.snap.Index
	}
	s.entries = append(s.entries, wal.Entry{Term: 1, Index: at, Type: uint8(kind), Data: data})
}

// write makes the directory.
func (s *story) write(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	cfg := testConfig(t, fsys.OS, dir)
	l := layoutOf(cfg)
	if err := makeDirs(cfg, l); err != nil {
		t.Fatal(err)
	}
	w, err := wal.Create(fsys.OS, l.wal, s.md, wal.Options{SegmentSize: shortSegment})
	if err != nil {
		t.Fatal(err)
	}
	if s.snap != nil {
		at := wal.Position{Index: s.snap.Index, Term: s.snap.Term}
		_, err := snapshot.Write(fsys.OS, l.snap, *s.snap, image(s.texts[:s.snap.Index]), func() error {
			return w.Append(wal.Batch{Snapshot: &at})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	state := wal.HardState{Term: 1, Vote: s.md.NodeID, Commit: s.committed}
	if err := errors.Join(w.Append(wal.Batch{State: &state, Entries: s.entries}), w.Close()); err != nil {
		t.Fatal(err)
	}
	return dir
}

// shortSegment keeps the number of calls to the file system small.
const shortSegment = 16 << 10

// stories are the ways into --force-new-cluster.
func stories(t *testing.T) map[string]*story {
	survivor := &story{md: wal.Metadata{NodeID: 1, ClusterID: 9}, committed: 5}
	for id := uint64(1); id <= 3; id++ {
		survivor.change(t, raftpb.ConfChangeAddNode, id)
	}
	survivor.text("a", "b", "c")
	survivor.change(t, raftpb.ConfChangeAddLearnerNode, 4)
	survivor.text("d")

	snapshotOf := func(id uint64) *story {
		s := &story{
			md: wal.Metadata{NodeID: id, ClusterID: 9}, committed: 3, texts: []string{"a", "b", "c"},
			snap: &snapshot.Meta{Index: 3, Term: 1, Voters: []uint64{1, 2, 3}, Learners: []uint64{4}},
		}
		s.text("d")
		s.change(t, raftpb.ConfChangeRemoveNode, 3)
		s.change(t, raftpb.ConfChangeAddNode, 5)
		s.text("e")
		return s
	}
	backup := snapshotOf(7)
	backup.snap.Voters, backup.snap.Learners = []uint64{1}, nil
	empty := &story{md: wal.Metadata{NodeID: 7, ClusterID: 9}, committed: 2}
	empty.text("a", "b") // etcdctl leaves out what is about members
	return map[string]*story{
		"survivor": survivor, "snapshot": snapshotOf(2), "learner": snapshotOf(4),
		"stranger": snapshotOf(7), "backup": backup, "nobody": empty,
	}
}

func forced(cfg Config) Config {
	cfg.segmentSize = shortSegment
	cfg.ForceNewCluster = func(id uint64) []byte { return fmt.Appendf(nil, `{"id":%d}`, id) }
	return cfg
}

// alone insists that a node has everything, takes writes, and that nobody else is
// a member.
func alone(t *testing.T, cfg Config, s *story, more ...string) {
	t.Helper()
	r := launch(t, cfg).ready()
	if got, want := r.sm.texts(), append(slices.Clone(s.texts), more...); !slices.Equal(got, want) {
		t.Errorf("it has %q, want %q", got, want)
	}
	if got := r.node.Status(); got.MemberID != s.md.NodeID || got.ClusterID != s.md.ClusterID {
		t.Errorf("it is member %d of cluster %d now", got.MemberID, got.ClusterID)
	}
	r.mustPropose("more")
	r.close()
	if v := r.node.loop.conf; !slices.Equal(v.GetVoters(), []uint64{s.md.NodeID}) || len(v.GetLearners()) > 0 {
		t.Errorf("the members are %v", v)
	}
}

// One member goes on alone with every entry of its log, also those that it does
// not know to be committed; the flag may stay or go (server spec, section 9).
func TestForceNewCluster(t *testing.T) {
	for name, s := range stories(t) {
		t.Run(name, func(t *testing.T) {
			cfg := testConfig(t, fsys.OS, s.write(t))
			alone(t, forced(cfg), s)
			alone(t, cfg, s, "more")
			alone(t, forced(cfg), s, "more", "more")
		})
	}
}

// Killed or cut off at any moment, it can be done again.
func TestForceNewClusterThatIsCutOff(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	s := stories(t)["survivor"]
	for at := 1; ; at++ {
		cfg := testConfig(t, nil, s.write(t))
		disk, err := fsys.NewFaulty(fsys.OS, cfg.DataDir)
		if err != nil {
			t.Fatal(err)
		}
		cut := false
		disk.OnCall(func(c fsys.Call) fsys.Fault {
			if c.Seq < at {
				return fsys.Fault{}
			}
			cut = true
			return fsys.Fault{Err: syscall.EIO, Short: c.Size * rng.IntN(2)} // Crash tears by sectors, as disks do
		})
		cfg.FS = disk
		node, err := Start(forced(cfg), &list{})
		disk.OnCall(func(fsys.Call) fsys.Fault { return fsys.Fault{Err: syscall.EIO} })
		for _, keep := range []func() bool{
			func() bool { return true }, func() bool { return false }, func() bool { return rng.IntN(2) == 0 },
		} {
			again := testConfig(t, fsys.OS, t.TempDir())
			if err := disk.Crash(again.DataDir, keep); err != nil {
				t.Fatal(err)
			}
			alone(t, forced(again), s)
			alone(t, again, s, "more")
		}
		if t.Failed() {
			t.Fatalf("cut off at call %d", at)
		}
		if err == nil {
			node.Close()
			if !cut || at > 300 {
				return
			}
		}
	}
}

// Where there is nothing to rescue the flag changes nothing.
func TestForceNewClusterIsHarmless(t *testing.T) {
	cfg := forced(testConfig(t, fsys.OS, t.TempDir()))
	for n := range 3 {
		r := launch(t, cfg).ready()
		if got := len(r.sm.texts()); got != n || r.sm.members != 1 {
			t.Errorf("start %d: %d texts, %d changes of members", n, got, r.sm.members)
		}
		r.mustPropose("one")
		r.close()
	}
}

// A member that was removed cannot come back, and says so.
func TestForceNewClusterOfARemovedMember(t *testing.T) {
	s := stories(t)["survivor"]
	s.change(t, raftpb.ConfChangeRemoveNode, 1)
	cfg := testConfig(t, fsys.OS, s.write(t))
	refused(t, forced(cfg))
	if names, err := filepath.Glob(filepath.Join(cfg.DataDir, "member", "wal", "*.wal")); err != nil || len(names) != 1 {
		t.Errorf("log files %q, %v", names, err)
	}
}
