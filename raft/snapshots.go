package raft

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"

	"pando/raft/wal"
	"pando/snapshot"
)

// snapshotter is the goroutine that writes snapshots, one at a time, from an
// image that nothing changes.
type snapshotter struct {
	n    *Node
	dir  string
	jobs chan snapshotJob // capacity 1: start never waits

	busy    atomic.Bool  // a snapshot is being written
	asked   atomic.Bool  // somebody wants one now
	want    atomic.Int64 // log bytes that earn the next one
	lastLog int64        // log bytes when the last one was begun; the applier's
	newest  atomic.Pointer[snapshot.File]
	tidyNow chan struct{} // capacity 1: a snapshot was added from elsewhere

	mu      sync.Mutex
	keep    []uint64      // indexes of the newest readable snapshots, oldest first; at most two
	changed chan struct{} // closed when the next snapshot is written or has failed
	err     error         // of the last one
}

type snapshotJob struct {
	meta  snapshot.Meta
	image snapshot.Payload
}

func newSnapshotter(n *Node, st *opened) *snapshotter {
	s := &snapshotter{
		n: n, dir: st.snapDir,
		jobs:    make(chan snapshotJob, 1),
		tidyNow: make(chan struct{}, 1),
		changed: make(chan struct{}),
	}
	s.want.Store(max(minSnapshotBytes, st.snapFile.Size))
	if st.snap.Index > 0 {
		s.keep = []uint64{st.snap.Index}
		s.newest.Store(&st.snapFile)
	}
	// The log that was replayed counts: a node that restarts often must not
	// replay more and more.
	s.lastLog = -st.replayedBytes
	return s
}

// due reports whether it is time for a snapshot. Applier only.
func (s *snapshotter) due(entries uint64) bool {
	if s.busy.Load() {
		return false
	}
	if s.asked.Load() {
		return true
	}
	if n := s.n.cfg.SnapshotCount; n > 0 {
		return entries >= n
	}
	return s.n.disk.written.Load()-s.lastLog >= s.want.Load()
}

// start hands over the state as it has just been published. Applier only.
func (s *snapshotter) start(index, term uint64, conf *raftpb.ConfState) {
	s.busy.Store(true)
	s.asked.Store(false)
	s.lastLog = s.n.disk.written.Load()
	s.jobs <- snapshotJob{meta: snapshotMeta(index, term, conf), image: s.n.sm.Image()}
}

func (s *snapshotter) run() {
	defer s.n.wg.Done()
	for {
		select {
		case j := <-s.jobs:
			s.carryOut(j)
		case <-s.tidyNow:
			s.tidy()
		case <-s.n.stop:
			return
		}
	}
}

func (s *snapshotter) carryOut(j snapshotJob) {
	s.finished(s.take(j))
	s.busy.Store(false)
	if s.asked.Load() {
		s.n.apply.nudge()
	}
}

// take writes one snapshot. A failure loses nothing: the log still holds
// everything, and the next snapshot is tried after as much log again.
func (s *snapshotter) take(j snapshotJob) error {
	begin := s.n.cfg.world.now()
	at := wal.Position{Index: j.meta.Index, Term: j.meta.Term}
	f, err := snapshot.Write(s.n.cfg.FS, s.dir, j.meta, j.image, func() error {
		return s.n.cfg.world.askDisk(s.n.disk, snapshotRecord{at: at})
	})
	if err != nil {
		if !errors.Is(err, ErrStopped) {
			s.n.log.Error("snapshot not written; the log is kept and it is tried again later", zap.Error(err))
		}
		return err
	}
	s.want.Store(max(minSnapshotBytes, f.Size))
	took := s.n.cfg.world.now().Sub(begin)
	s.n.log.Info("snapshot written", zap.Uint64("index", j.meta.Index), zap.Int64("bytes", f.Size), zap.Duration("took", took))
	s.n.cfg.Observer.SnapshotWritten(f.Size, took)
	s.keepAlso(f)
	s.tidy()
	return nil
}

// keepAlso makes f the newest snapshot, unless there is a newer one.
func (s *snapshotter) keepAlso(f snapshot.File) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.keep); n > 0 && f.Meta.Index <= s.keep[n-1] {
		return
	}
	s.newest.Store(&f)
	if s.keep = append(s.keep, f.Meta.Index); len(s.keep) > 2 {
		s.keep = s.keep[1:]
	}
}

// adopt takes a snapshot that came from another member. Loop only.
func (s *snapshotter) adopt(f snapshot.File) {
	s.want.Store(max(minSnapshotBytes, f.Size))
	s.keepAlso(f)
	select {
	case s.tidyNow <- struct{}{}:
	default:
	}
}

// next is closed when the next snapshot has been written or has failed.
func (s *snapshotter) next() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// failure is why the last snapshot failed, nil if it did not.
func (s *snapshotter) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// finished tells those who wait how the last snapshot ended.
func (s *snapshotter) finished(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
	close(s.changed)
	s.changed = make(chan struct{})
}

// tidy removes what is not needed any more: snapshots beyond the count to keep,
// and log below the second-newest readable snapshot, so that a damaged newest
// one costs nothing.
func (s *snapshotter) tidy() {
	s.mu.Lock()
	keep := slices.Clone(s.keep)
	s.mu.Unlock()
	if n := s.n.cfg.MaxSnapshots; n > 0 {
		if err := snapshot.Purge(s.n.cfg.FS, s.dir, max(n, 2)); err != nil {
			s.n.log.Warn("old snapshots not removed", zap.Error(err))
		}
	}
	if len(keep) < 2 {
		return
	}
	if err := s.n.cfg.world.askDisk(s.n.disk, snapshotRecord{at: wal.Position{Index: keep[0]}, release: true}); err != nil && !errors.Is(err, ErrStopped) {
		s.n.log.Warn("old log files not removed", zap.Error(err))
	}
}
