package raft

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"pando/fsys"
)

// acked remembers what was acknowledged, in order, for each writer.
type acked struct {
	mu    sync.Mutex
	lists map[int][]string
}

func (a *acked) add(w int, text string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lists[w] = append(a.lists[w], text)
}

func (a *acked) copy() map[int][]string {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := map[int][]string{}
	for w, l := range a.lists {
		out[w] = append([]string(nil), l...)
	}
	return out
}

// writeUntilStopped lets writers propose until the node refuses.
func (r *rig) writeUntilStopped(writers int) (*acked, *sync.WaitGroup) {
	a, wg := &acked{lists: map[int][]string{}}, &sync.WaitGroup{}
	for w := range writers {
		wg.Go(func() {
			for i := 0; ; i++ {
				text := fmt.Sprintf("%d.%d", w, i)
				if r.propose(text) != nil {
					return
				}
				a.add(w, text)
			}
		})
	}
	return a, wg
}

// check insists that everything acknowledged was replayed, once and in order.
func check(t *testing.T, replayed []string, want map[int][]string) {
	t.Helper()
	seen := map[string]int{}
	for i, text := range replayed {
		if _, twice := seen[text]; twice {
			t.Errorf("%q was applied twice", text)
		}
		seen[text] = i
	}
	for w, texts := range want {
		last := -1
		for _, text := range texts {
			at, ok := seen[text]
			if !ok {
				t.Fatalf("%q was acknowledged to writer %d and is lost", text, w)
			}
			if at < last {
				t.Errorf("%q of writer %d comes out of order", text, w)
			}
			last = at
		}
	}
}

// A power cut at any moment leaves a directory that starts with everything that
// was acknowledged, whatever the disk kept of the rest.
func TestPowerCutLosesNothing(t *testing.T) {
	for range 15 {
		seed := rand.Uint64()
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, 0))
			dir := t.TempDir()
			disk, err := fsys.NewFaulty(fsys.OS, dir)
			if err != nil {
				t.Fatal(err)
			}
			cfg := testConfig(t, disk, dir)
			cfg.SnapshotCount, cfg.segmentSize = 20, 8<<10 // cut, and purge, in between
			r := launch(t, cfg)
			a, wg := r.writeUntilStopped(4)
			for enough := rng.IntN(200); len(r.sm.texts()) < enough; {
				select {
				case <-r.node.Done():
					t.Fatalf("the node stopped: %v", r.node.Err())
				default:
				}
			}
			image := t.TempDir()
			want := a.copy() // acknowledged before the cut
			if err := disk.Crash(image, func() bool { return rng.IntN(2) == 0 }); err != nil {
				t.Fatal(err)
			}
			r.close()
			wg.Wait()
			cfg.FS, cfg.DataDir = fsys.OS, image
			again := launch(t, cfg).ready()
			check(t, again.sm.texts(), want)
			again.mustPropose("after")
			again.close()
		})
	}
}

// zeroing is the least size of the writes that fill a segment in advance.
const zeroing = 16 << 10

// Whatever call fails, at the start or later, the node either goes on or stops;
// the next start has everything that was acknowledged. Small segments make every
// call count: each is filled in one write, and the run goes through several.
func TestAnyFailingCallLosesNothing(t *testing.T) {
	t.Parallel()
	calls := tryWithFault(t, 0)
	segments := 0
	for _, c := range calls {
		if c.Kind == fsys.Rename && filepath.Ext(c.Name) == ".wal" {
			segments++
		}
		tryWithFault(t, c.Seq)
	}
	if len(calls) < 50 || segments < 3 {
		t.Errorf("%d calls could fail, in %d segments: the test sees too little", len(calls), segments)
	}
}

// tryWithFault runs a node whose n-th call fails and starts it again without
// faults. It returns the calls of the first run.
func tryWithFault(t *testing.T, n int) (calls []fsys.Call) {
	t.Helper()
	dir := t.TempDir()
	disk, err := fsys.NewFaulty(fsys.OS, dir)
	if err != nil {
		t.Fatal(err)
	}
	var failed fsys.Call
	disk.OnCall(func(c fsys.Call) fsys.Fault {
		calls = append(calls, c)
		if c.Seq == n {
			failed = c
			return fsys.Fault{Err: syscall.EIO, Short: c.Torn(c.Size / 2)}
		}
		return fsys.Fault{}
	})
	cfg := testConfig(t, disk, dir)
	cfg.SnapshotCount, cfg.segmentSize, cfg.retry = 5, 4<<10, 10*time.Millisecond
	want := map[int][]string{}
	if node, err := Start(cfg, &list{}); err == nil {
		want[0] = proposeUntilError(node, 12)
		node.Close()
	}
	disk.OnCall(nil)
	cfg.FS = fsys.OS
	again := &list{}
	node, err := Start(cfg, again)
	if err != nil {
		t.Fatalf("after %v failed the directory does not start: %v", failed, err)
	}
	defer node.Close()
	select {
	case <-node.Ready():
	case <-time.After(patience):
		t.Fatalf("after %v failed the node is not ready", failed)
	}
	check(t, again.texts(), want)
	return calls
}

// proposeUntilError proposes n texts one by one and returns those acknowledged.
func proposeUntilError(node *Node, n int) (done []string) {
	ids := NewIDs(1, time.Now())
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for i := range n {
		text, id := fmt.Sprint(i, strings.Repeat("x", 1<<10)), ids.Next()
		if _, err := node.Propose(ctx, id, command(id, text)); err != nil {
			return done
		}
		done = append(done, text)
	}
	return done
}

// After a failed fsync a page may be gone although a second fsync succeeds, so
// the node stops and acknowledges nothing more.
func TestFailedSyncStopsTheNode(t *testing.T) {
	for _, kind := range []fsys.Kind{fsys.Datasync, fsys.Write} {
		t.Run(string(kind), func(t *testing.T) {
			dir := t.TempDir()
			disk, err := fsys.NewFaulty(fsys.OS, dir)
			if err != nil {
				t.Fatal(err)
			}
			cfg := testConfig(t, disk, dir)
			r := launch(t, cfg).ready()
			r.mustPropose("a", "b")
			log := "" // the segment in use: what a small write goes to
			disk.OnCall(func(c fsys.Call) fsys.Fault {
				if c.Kind == fsys.Write && c.Size < zeroing {
					log = c.Name
				}
				if c.Kind == kind && c.Name == log {
					return fsys.Fault{Err: syscall.EIO}
				}
				return fsys.Fault{}
			})
			if err := r.propose("c"); !errors.Is(err, ErrStopped) {
				t.Errorf("the write got %v", err)
			}
			select {
			case <-r.node.Done():
			case <-time.After(patience):
				t.Fatal("the node goes on")
			}
			if err := r.node.Err(); !errors.Is(err, syscall.EIO) {
				t.Errorf("the node stopped because of %v", err)
			}
			cfg.FS = fsys.OS
			again := launch(t, cfg).ready()
			check(t, again.sm.texts(), map[int][]string{0: {"a", "b"}})
		})
	}
}

// When the next log segment cannot be prepared, writes are refused before the
// log is full, reads go on, and writes are taken again when there is room.
func TestFullDiskRefusesWritesUntilThereIsRoom(t *testing.T) {
	dir := t.TempDir()
	disk, err := fsys.NewFaulty(fsys.OS, dir)
	if err != nil {
		t.Fatal(err)
	}
	r := launch(t, testConfig(t, disk, dir)).ready()
	disk.OnCall(func(c fsys.Call) fsys.Fault {
		if c.Kind == fsys.OpenFile && filepath.Ext(c.Name) == ".tmp" {
			return fsys.Fault{Err: syscall.ENOSPC}
		}
		return fsys.Fault{}
	})
	big := strings.Repeat("x", 1<<20)
	var want []string
	refused := error(nil)
	for i := 0; refused == nil && i < 100; i++ {
		text := fmt.Sprintf("%d %s", i, big)
		if refused = r.propose(text); refused == nil {
			want = append(want, text)
		}
	}
	if !errors.Is(refused, ErrDiskFull) || !errors.Is(refused, syscall.ENOSPC) {
		t.Fatalf("after %d writes of 1 MiB: %v", len(want), refused)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for s := r.node.Status(); !s.DiskFull || s.Leader != 1; s = r.node.Status() { // it follows soon
		if ctx.Err() != nil {
			t.Fatalf("the status does not tell: %+v", s)
		}
		<-time.After(time.Millisecond)
	}
	if err := r.node.ReadIndex(ctx); err != nil {
		t.Errorf("reading with a full disk: %v", err)
	}
	disk.OnCall(nil)
	for err = r.propose("room"); errors.Is(err, ErrDiskFull); err = r.propose("room") {
		select {
		case <-ctx.Done():
			t.Fatal("writes are not taken again")
		case <-time.After(10 * time.Millisecond):
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	check(t, r.sm.texts(), map[int][]string{0: append(want, "room")})
}

// A start that ended before its first entry was written begins again: nobody was
// ever answered.
func TestBootstrapThatWasCutOffBeginsAgain(t *testing.T) {
	dir := t.TempDir()
	cfg := testConfig(t, fsys.OS, dir)
	b, err := cfg.Bootstrap()
	if err != nil {
		t.Fatal(err)
	}
	st, err := create(cfg, layoutOf(cfg), b)
	if err != nil {
		t.Fatal(err)
	}
	if err := st.wal.Close(); err != nil {
		t.Fatal(err)
	}
	r := launch(t, cfg).ready()
	r.mustPropose("a")
	if r.sm.members != 1 {
		t.Errorf("%d members were added, want 1", r.sm.members)
	}
}

func TestSecondNodeOnTheSameDirectoryIsRefused(t *testing.T) {
	dir := t.TempDir()
	cfg := testConfig(t, fsys.OS, dir)
	r := launch(t, cfg).ready()
	if n, err := Start(cfg, &list{}); !errors.Is(err, fsys.ErrLocked) {
		t.Errorf("got node %v and error %v", n, err)
	}
	r.mustPropose("still here")
}
