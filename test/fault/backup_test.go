package fault

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"pando/fsys"
	"pando/raft/wal"
	"pando/test/fault/keys"
	"pando/test/server"
)

// A directory that is copied while the server writes, snapshots first and then the log, is a backup: it holds at least
// all that had been acknowledged before.
func TestCopyOfARunningServer(t *testing.T) {
	t.Parallel()
	s, c := server.Start(t, server.Options{Args: []string{"--snapshot-count", "50"}}), content{}
	index := c.fill(t, s, 100)
	life, stop := context.WithCancel(t.Context())
	written := make(chan int)
	go func() {
		defer close(written)
		overwrites(life, s, written)
	}()
	first := <-written
	dir, err := tryCopyTo(t, s.Dir) // in the order of names: snap, then wal
	for tries := 1; errors.Is(err, fs.ErrNotExist) && tries < 50; tries++ {
		dir, err = tryCopyTo(t, s.Dir) // a snapshot was purged, or given its name, before it was read
	}
	if err != nil {
		t.Fatal(err)
	}
	if last := <-written; last < first {
		t.Error("the server has stopped writing")
	}
	stop()
	for range written { // until the writer has ended
	}
	copied := server.Start(t, server.Options{Dir: dir})
	a := do(t, copied, http.MethodGet, keys.Path("/during"))
	if !a.OK() {
		t.Fatalf("/during: %s", a)
	}
	if n, err := strconv.Atoi(a.Node.Value); err != nil || n < first {
		t.Errorf("%d was acknowledged before the copy, which has %s", first, a)
	}
	c["/during"] = a.Node.Value
	c.served(t, copied, index)
}

// overwrites writes one key until ctx ends, and tells how often it has whenever somebody listens.
func overwrites(ctx context.Context, s *server.Server, written chan<- int) {
	c := keys.New(s.Endpoint, 1)
	defer c.Close()
	for n := 1; ; n++ {
		a, err := c.Do(ctx, http.MethodPut, keys.Path("/during"), keys.Form("value", fmt.Sprint(n)))
		if err != nil || !a.OK() {
			return
		}
		select {
		case written <- n:
		default:
		}
	}
}

// Tools that read the directory of a running server (etcdctl backup) take the commit index in the log at its word. So it
// must not stay behind for ever when nobody writes.
func TestCommitIndexIsStored(t *testing.T) {
	s := server.Start(t, server.Options{})
	content{}.fill(t, s, 3)
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	late := time.After(5 * time.Second)
	for {
		committed, last := stored(t, s.Dir)
		if committed == last {
			return
		}
		select {
		case <-again.C:
		case <-late:
			t.Fatalf("the log of an idle server goes to %d and says that it is committed up to %d", last, committed)
		}
	}
}

// stored reads from a copy of the log which entry is the last, and which is the last that it says to be committed.
func stored(t *testing.T, dir string) (committed, last uint64) {
	t.Helper()
	log, err := wal.Look(fsys.OS, filepath.Join(copyTo(t, dir), "member", "wal"), wal.Position{}, wal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w, err := log.Open()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return log.Replay.State.Commit, log.Replay.Entries[len(log.Replay.Entries)-1].Index
}
