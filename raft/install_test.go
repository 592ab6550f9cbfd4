package raft

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"pando/fsys"
	"pando/snapshot"
)

// followerConfig is that of member 2, whose leader is played by the test.
func followerConfig(t *testing.T, f fsys.FS, dir string) Config {
	cfg := testConfig(t, f, dir)
	cfg.Election = time.Hour // it never campaigns
	cfg.segmentSize = 64 << 10
	cfg.Bootstrap = func() (Bootstrap, error) {
		return Bootstrap{MemberID: 2, ClusterID: 9, Members: []Member{{ID: 1}, {ID: 2}, {ID: 3}}}, nil
	}
	return cfg
}

// fromLeader is a snapshot of three members as member 1 would send it.
func fromLeader(t *testing.T, index uint64, texts ...string) (*raftpb.Message, []byte) {
	t.Helper()
	meta := snapshot.Meta{Index: index, Term: 5, Voters: []uint64{1, 2, 3}}
	return encoded(t, meta, image(texts))
}

func encoded(t *testing.T, meta snapshot.Meta, p snapshot.Payload) (*raftpb.Message, []byte) {
	t.Helper()
	f, err := snapshot.Write(fsys.OS, t.TempDir(), meta, p, func() error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(f.Name)
	if err != nil {
		t.Fatal(err)
	}
	m := &raftpb.Message{
		Type: raftpb.MsgSnap.Enum(), From: proto.Uint64(1), To: proto.Uint64(2), Term: proto.Uint64(meta.Term),
		Snapshot: &raftpb.Snapshot{},
	}
	return snapshotMessage(m, meta), b
}

func appends(term, prev uint64, texts ...string) *raftpb.Message {
	m := &raftpb.Message{
		Type: raftpb.MsgApp.Enum(), From: proto.Uint64(1), To: proto.Uint64(2), Term: &term,
		Index: &prev, LogTerm: &term, Commit: proto.Uint64(prev + uint64(len(texts))),
	}
	for i, text := range texts {
		e := &raftpb.Entry{Data: command(uint64(i+1), text)}
		e.Term, e.Index = &term, proto.Uint64(prev+1+uint64(i))
		m.Entries = append(m.Entries, e)
	}
	return m
}

// has waits until a member shows these texts.
func (r *rig) has(texts ...string) {
	r.t.Helper()
	for deadline := time.Now().Add(patience); !slices.Equal(r.sm.texts(), texts); <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatalf("it has %v, want %v; status %+v, %v", r.sm.texts(), texts, r.node.Status(), r.node.Err())
		}
	}
}

// What was installed is there after a restart, with what followed it; files of the
// transfer are not.
func TestInstalledSnapshotIsDurable(t *testing.T) {
	dir := t.TempDir()
	cfg := followerConfig(t, fsys.OS, dir)
	r := launch(t, cfg)
	ctx := context.Background()
	m, file := fromLeader(t, 1000, "a", "b")
	if err := r.node.ReceiveSnapshot(ctx, m, bytes.NewReader(file)); err != nil {
		t.Fatal(err)
	}
	r.has("a", "b")
	if s := r.node.Status(); s.Applied != 1000 || s.Term != 5 {
		t.Errorf("status %+v", s)
	}
	must(t, r.node.Process(ctx, appends(5, 1000, "c")))
	r.has("a", "b", "c")
	for _, index := range []uint64{2000, 3000, 4000} {
		m, file := fromLeader(t, index, fmt.Sprint(index))
		must(t, r.node.ReceiveSnapshot(ctx, m, bytes.NewReader(file)))
		r.has(fmt.Sprint(index))
	}
	must(t, r.node.Process(ctx, appends(5, 4000, "d")))
	r.has("4000", "d")
	r.close()
	if names := entriesOf(t, filepath.Join(dir, "member", "snap")); len(names) != 4 {
		t.Errorf("files: %v", names)
	}
	again := launch(t, cfg)
	again.has("4000")
	if voters := again.node.loop.conf.GetVoters(); !slices.Equal(voters, []uint64{1, 2, 3}) {
		t.Errorf("voters %v", voters)
	}
	must(t, again.node.Process(ctx, appends(5, 4001, "e")))
	again.has("4000", "d", "e")
}

func entriesOf(t *testing.T, dir string) (names []string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

func TestSnapshotsThatAreRefused(t *testing.T) {
	dir := t.TempDir()
	r := launch(t, followerConfig(t, fsys.OS, dir))
	ctx := context.Background()
	m, file := fromLeader(t, 1000, "a")
	must(t, r.node.ReceiveSnapshot(ctx, m, bytes.NewReader(file)))
	next, good := fromLeader(t, 2000, "b")
	other, _ := fromLeader(t, 2001, "b")
	past := proto.Clone(next).(*raftpb.Message)
	past.Term = proto.Uint64(4)
	without, noMember := encoded(t, snapshot.Meta{Index: 2000, Term: 5, Voters: []uint64{1, 3}}, image{"b"})
	_, twice := encoded(t, snapshot.Meta{Index: 2000, Term: 5, Voters: []uint64{1, 2, 2}, Learners: []uint64{3}}, image{"b"})
	_, noState := encoded(t, snapshot.Meta{Index: 2000, Term: 5, Voters: []uint64{1, 2, 3}}, whole("{"))
	flipped := slices.Clone(good)
	flipped[len(flipped)/2] ^= 1
	broken := errors.New("broken")
	for _, c := range []struct {
		name string
		m    *raftpb.Message
		r    io.Reader
		want string
	}{
		{"what it has", m, bytes.NewReader(file), "not taken"},
		{"of an earlier term", past, bytes.NewReader(good), "not taken"},
		{"without this member", without, bytes.NewReader(noMember), "not taken"},
		{"another than announced", other, bytes.NewReader(good), "covers index 2000"},
		{"with other members than announced", next, bytes.NewReader(twice), "other members"},
		{"damaged", next, bytes.NewReader(flipped), "not a whole snapshot"},
		{"cut", next, bytes.NewReader(good[:len(good)-1]), "not a whole snapshot"},
		{"empty", next, strings.NewReader(""), "not a whole snapshot"},
		{"without a state", next, bytes.NewReader(noState), "decoded"},
		{"a stream that breaks", next, io.MultiReader(bytes.NewReader(good[:9]), failing{broken}), "broken"},
	} {
		err := r.node.ReceiveSnapshot(ctx, c.m, c.r)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want something with %q", c.name, err, c.want)
		}
	}
	must(t, r.node.Process(ctx, next)) // without the snapshot itself
	r.has("a")
	if names := entriesOf(t, filepath.Join(dir, "member", "snap")); len(names) != 1 {
		t.Errorf("files: %v", names)
	}
	must(t, r.node.ReceiveSnapshot(ctx, next, bytes.NewReader(good)))
	r.has("b")
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// One at a time is received, and one that never ends does not hold up the node.
func TestSnapshotsAreReceivedOneAtATime(t *testing.T) {
	r := launch(t, followerConfig(t, fsys.OS, t.TempDir()))
	m, file := fromLeader(t, 1000, "a")
	in, out := io.Pipe()
	answered := make(chan error, 1)
	go func() { answered <- r.node.ReceiveSnapshot(context.Background(), m, in) }()
	if _, err := out.Write(file[:10]); err != nil {
		t.Fatal(err)
	}
	if err := r.node.ReceiveSnapshot(context.Background(), m, bytes.NewReader(file)); !errors.Is(err, ErrSnapshotBusy) {
		t.Errorf("a second one: %v", err)
	}
	must(t, r.node.Process(context.Background(), appends(5, 0)))
	r.close()
	out.CloseWithError(errCut)
	if err := <-answered; err == nil {
		t.Error("the one that was cut off is installed")
	}
}

// installing lets a follower install a snapshot over a log of its own and has calls
// from the n-th on be decided by fault. It returns the calls, and whether the
// snapshot was installed.
func installing(t *testing.T, disk *fsys.Faulty, dir string, n int, fault func(fsys.Call) fsys.Fault) (calls []fsys.Call, ok bool) {
	t.Helper()
	node, err := Start(followerConfig(t, disk, dir), &list{})
	if err != nil {
		t.Fatal(err)
	}
	defer node.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	must(t, node.Process(ctx, appends(4, 3, "old"))) // a gap: only the term is taken
	m, file := fromLeader(t, 1000, "a", "b")
	first := disk.Calls()
	disk.OnCall(func(c fsys.Call) fsys.Fault {
		c.Seq -= first
		calls = append(calls, c)
		if n > 0 && c.Seq >= n {
			return fault(c)
		}
		return fsys.Fault{}
	})
	err = node.ReceiveSnapshot(ctx, m, bytes.NewReader(file))
	disk.OnCall(nil)
	return calls, err == nil
}

// startsAgain insists that a directory starts with the snapshot or without it, and
// takes the snapshot.
func startsAgain(t *testing.T, dir string, installed bool) {
	t.Helper()
	r := launch(t, followerConfig(t, fsys.OS, dir))
	defer r.close()
	switch got := r.sm.texts(); {
	case len(got) == 2:
	case installed || len(got) > 0:
		t.Fatalf("after the restart it has %v", got)
	}
	ctx := context.Background()
	if m, file := fromLeader(t, 1000, "a", "b"); len(r.sm.texts()) == 0 {
		if err := r.node.ReceiveSnapshot(ctx, m, bytes.NewReader(file)); err != nil {
			t.Fatalf("the snapshot is not taken any more: %v", err)
		}
	}
	must(t, r.node.Process(ctx, appends(5, 1000, "c")))
	r.has("a", "b", "c")
}

// Whichever call fails during an installation, the directory starts afterwards.
func TestAnyFailingCallOfAnInstallation(t *testing.T) {
	try := func(n int) int {
		dir := t.TempDir()
		disk, err := fsys.NewFaulty(fsys.OS, dir)
		if err != nil {
			t.Fatal(err)
		}
		calls, ok := installing(t, disk, dir, n, func(c fsys.Call) fsys.Fault {
			if c.Seq == n {
				return fsys.Fault{Err: syscall.EIO, Short: c.Torn(c.Size / 2)}
			}
			return fsys.Fault{}
		})
		startsAgain(t, dir, ok)
		return len(calls)
	}
	n := try(0)
	if n < 10 {
		t.Fatalf("only %d calls", n)
	}
	for i := 1; i <= n; i++ {
		try(i)
	}
}

// A power cut before any call of an installation leaves a directory that starts.
func TestPowerCutDuringAnInstallation(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	n := 10
	for i := 0; i < 2*(n+2); i++ {
		at := 1 + i%(n+2) // behind the last call nothing fails
		dir, image := t.TempDir(), t.TempDir()
		disk, err := fsys.NewFaulty(fsys.OS, dir)
		if err != nil {
			t.Fatal(err)
		}
		calls, ok := installing(t, disk, dir, at, func(fsys.Call) fsys.Fault { return fsys.Fault{Err: syscall.EIO} })
		n = max(n, len(calls))
		if err := disk.Crash(image, func() bool { return rng.IntN(2) == 0 }); err != nil {
			t.Fatal(err)
		}
		startsAgain(t, image, ok)
	}
}

// A crash between the snapshot's record and its name leaves a record without a file.
// The old log goes on behind it, over several segments.
func TestLogGoesOnBehindARecordWithoutASnapshot(t *testing.T) {
	dir := t.TempDir()
	disk, err := fsys.NewFaulty(fsys.OS, dir)
	if err != nil {
		t.Fatal(err)
	}
	_, ok := installing(t, disk, dir, 1, func(c fsys.Call) fsys.Fault {
		if strings.HasSuffix(c.Name, ".snap") {
			return fsys.Fault{Err: syscall.EIO}
		}
		return fsys.Fault{}
	})
	if ok {
		t.Fatal("the snapshot is installed without a name")
	}
	ctx := context.Background()
	var texts []string
	for round := range 3 {
		r := launch(t, followerConfig(t, fsys.OS, dir))
		r.has(texts...)
		for i := range 50 {
			prev := uint64(3 + len(texts))
			m := appends(5, prev, fmt.Sprint(round, ".", i, strings.Repeat(".", 1000)))
			if prev == 3 {
				m.LogTerm = proto.Uint64(1)
			}
			must(t, r.node.Process(ctx, m))
			texts = append(texts, string(m.Entries[0].Data[8:]))
		}
		r.has(texts...)
		r.close()
	}
	r := launch(t, followerConfig(t, fsys.OS, dir))
	r.has(texts...)
	m, file := fromLeader(t, 1000, "a", "b")
	must(t, r.node.ReceiveSnapshot(ctx, m, bytes.NewReader(file)))
	must(t, r.node.Process(ctx, appends(5, 1000, "c")))
	r.has("a", "b", "c")
	r.close()
	launch(t, followerConfig(t, fsys.OS, dir)).has("a", "b", "c")
}

// largeSize is the size of a state that is made while it is written and forgotten
// while it is read, in bytes.
const largeSize = 50 << 20

type largeImage struct{}

func (largeImage) WriteTo(w io.Writer) (int64, error) {
	piece, written := bytes.Repeat([]byte("0123456789abcdef"), 1024), int64(0)
	for written < largeSize {
		n, err := w.Write(piece)
		written += int64(n)
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// A large state goes from disk to disk.
func TestSnapshotsAreNotHeldInMemory(t *testing.T) {
	c := startTuned(t, fewEntries)
	for _, r := range c.rigs {
		r.sm.large.Store(true)
	}
	lead, out := c.leader(), c.aFollower()
	c.cutOff(out)
	c.rigs[lead].write("missed", 1000)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	c.heal(out)
	for deadline := time.Now().Add(patience); c.rigs[out].node.Status().Applied < c.rigs[lead].node.Status().Applied; <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no snapshot came: %+v", c.rigs[out].node.Status())
		}
	}
	runtime.ReadMemStats(&after)
	if sm := c.rigs[out].sm; sm.restoredFrom() != largeSize {
		t.Error("it came back without a snapshot")
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 16<<20 {
		t.Errorf("%d MiB were allocated for a snapshot of %d MiB", n>>20, largeSize>>20)
	}
}
