package raft

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"pando/fsys"
)

const patience = 20 * time.Second // how long a test waits for what must happen

// rig is a running node and what it applies to.
type rig struct {
	t    *testing.T
	sm   *list
	node *Node
	ids  *IDs
}

func testConfig(t testing.TB, f fsys.FS, dir string) Config {
	return Config{
		FS: f, DataDir: dir,
		Bootstrap: func() (Bootstrap, error) {
			return Bootstrap{MemberID: 1, ClusterID: 2, Members: []Member{{ID: 1, Context: []byte(`{"id":1}`)}}}, nil
		},
		Heartbeat: 10 * time.Millisecond, Election: 100 * time.Millisecond,
		MaxSnapshots: 5, MaxWALs: 5,
		Logger: zap.NewNop(),
	}
}

// launch starts a node; it is closed with the test at the latest.
func launch(t *testing.T, cfg Config) *rig {
	t.Helper()
	return launchOn(t, cfg, &list{})
}

// launchOn starts a node on a state machine.
func launchOn(t *testing.T, cfg Config, sm *list) *rig {
	t.Helper()
	r := &rig{t: t, sm: sm}
	node, err := Start(cfg, r.sm)
	if err != nil {
		t.Fatalf("the node does not start: %v", err)
	}
	r.node, r.ids = node, node.ids
	t.Cleanup(func() { node.Close() })
	return r
}

// ready waits until the log has been replayed.
func (r *rig) ready() *rig {
	r.t.Helper()
	select {
	case <-r.node.Ready():
	case <-r.node.Done():
		r.t.Fatalf("the node stopped: %v", r.node.Err())
	case <-time.After(patience):
		r.t.Fatalf("the node is not ready; status %+v", r.node.Status())
	}
	return r
}

func (r *rig) propose(text string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	id := r.ids.Next()
	_, err := r.node.Propose(ctx, id, command(id, text))
	return err
}

func (r *rig) mustPropose(texts ...string) {
	r.t.Helper()
	for _, text := range texts {
		if err := r.propose(text); err != nil {
			r.t.Fatalf("proposing %q: %v", text, err)
		}
	}
}

// close ends the node and insists that nothing went wrong.
func (r *rig) close() {
	r.t.Helper()
	if err := r.node.Close(); err != nil {
		r.t.Fatalf("closing: %v", err)
	}
}

func TestLoneNodeKeepsWhatItAcknowledged(t *testing.T) {
	dir := t.TempDir()
	cfg := testConfig(t, fsys.OS, dir)
	var want []string
	for round := range 3 {
		r := launch(t, cfg).ready()
		if got := r.sm.texts(); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("start %d: replayed %v, want %v", round, got, want)
		}
		for i := range 5 {
			text := fmt.Sprintf("%d.%d", round, i)
			r.mustPropose(text)
			want = append(want, text)
		}
		r.close()
	}
}

func TestWritersShareBatches(t *testing.T) {
	r := launch(t, testConfig(t, fsys.OS, t.TempDir())).ready()
	const writers, each = 32, 50
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				if err := r.propose(fmt.Sprintf("%d.%d", w, i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	next := map[int]int{}
	for _, text := range r.sm.texts() {
		var w, i int
		if _, err := fmt.Sscanf(text, "%d.%d", &w, &i); err != nil || next[w] != i {
			t.Fatalf("writer %d's command %d was applied where %d was due", w, i, next[w])
		}
		next[w]++
	}
	if len(next) != writers {
		t.Errorf("commands of %d writers were applied, want %d", len(next), writers)
	}
}

// A read after ReadIndex sees every write that was answered before it.
func TestReadIndexIsLinearizable(t *testing.T) {
	r := launch(t, testConfig(t, fsys.OS, t.TempDir()))
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := r.node.ReadIndex(ctx); err != nil { // before anything was elected or applied
		t.Fatal(err)
	}
	for i := range 100 {
		r.mustPropose(fmt.Sprint(i))
		if err := r.node.ReadIndex(ctx); err != nil {
			t.Fatal(err)
		}
		if got := len(r.sm.texts()); got != i+1 {
			t.Fatalf("after write %d a linearizable read sees %d", i+1, got)
		}
	}
}

func TestSnapshotsShortenTheReplay(t *testing.T) {
	dir := t.TempDir()
	cfg := testConfig(t, fsys.OS, dir)
	cfg.SnapshotCount = 10
	r := launch(t, cfg).ready()
	for i := range 95 {
		r.mustPropose(fmt.Sprint(i))
	}
	pattern := filepath.Join(dir, "member", "snap", "*.snap")
	waitForFiles(t, pattern)
	r.close()
	snaps, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	if len(snaps) > cfg.MaxSnapshots {
		t.Errorf("%d snapshots are kept, want at most %d", len(snaps), cfg.MaxSnapshots)
	}
	r = launch(t, cfg).ready()
	if r.sm.restored == 0 {
		t.Error("the restart used no snapshot")
	}
	if got := len(r.sm.texts()); got != 95 {
		t.Errorf("%d commands after the restart, want 95", got)
	}
	r.mustPropose("more")
}

func TestSnapshotOnRequest(t *testing.T) {
	dir := t.TempDir()
	r := launch(t, testConfig(t, fsys.OS, dir)).ready()
	r.node.RequestSnapshot()
	r.mustPropose("a")
	waitForFiles(t, filepath.Join(dir, "member", "snap", "*.snap"))
}

// waitForFiles waits until there are files whose names match.
func waitForFiles(t *testing.T, pattern string) []string {
	t.Helper()
	deadline := time.After(patience)
	for {
		if names, _ := filepath.Glob(pattern); len(names) > 0 {
			return names
		}
		select {
		case <-deadline:
			t.Fatalf("no file %s came", pattern)
		case <-time.After(time.Millisecond):
		}
	}
}

// A log that is gone while snapshots remain must never become an empty server.
func TestMissingLogIsRefused(t *testing.T) {
	dir := t.TempDir()
	cfg := testConfig(t, fsys.OS, dir)
	cfg.SnapshotCount = 2
	r := launch(t, cfg).ready()
	r.mustPropose("a", "b", "c", "d", "e")
	waitForFiles(t, filepath.Join(dir, "member", "snap", "*.snap"))
	r.close()
	if err := os.RemoveAll(filepath.Join(dir, "member", "wal")); err != nil {
		t.Fatal(err)
	}
	if n, err := Start(cfg, &list{}); !errors.Is(err, ErrDataDir) {
		t.Errorf("got node %v and error %v", n, err)
	}
}

// An entry that the state machine cannot take stops the node: skipping it would
// make this member differ from the others.
func TestEntryThatCannotBeAppliedStopsTheNode(t *testing.T) {
	r := launch(t, testConfig(t, fsys.OS, t.TempDir())).ready()
	if err := r.propose("poison"); !errors.Is(err, ErrStopped) {
		t.Errorf("the proposer got %v", err)
	}
	<-r.node.Done()
	if err := r.node.Err(); !errors.Is(err, errPoison) {
		t.Errorf("the node stopped because of %v", err)
	}
	if err := r.propose("late"); !errors.Is(err, ErrStopped) {
		t.Errorf("a late proposer got %v", err)
	}
}

func TestCloseAnswersEverybody(t *testing.T) {
	r := launch(t, testConfig(t, fsys.OS, t.TempDir())).ready()
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				if err := r.propose(fmt.Sprintf("%d.%d", w, i)); err != nil {
					if !errors.Is(err, ErrStopped) {
						t.Errorf("a proposer got %v", err)
					}
					return
				}
			}
		})
	}
	r.mustPropose("one")
	r.close()
	wg.Wait()
}

// The member of a larger cluster that is alone serves what it has after one
// election timeout, and nobody leads.
func TestMemberWithoutQuorum(t *testing.T) {
	cfg := testConfig(t, fsys.OS, t.TempDir())
	cfg.Bootstrap = func() (Bootstrap, error) {
		return Bootstrap{MemberID: 1, ClusterID: 2, Members: []Member{{ID: 1}, {ID: 2}, {ID: 3}}}, nil
	}
	r := launch(t, cfg).ready()
	if s := r.node.Status(); s.Leader != 0 {
		t.Errorf("somebody leads: %+v", s)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*cfg.Election)
	defer cancel()
	if _, err := r.node.Propose(ctx, 1, command(1, "x")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a proposal ended with %v", err)
	}
	if err := r.node.ReadIndex(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a linearizable read ended with %v", err)
	}
}
