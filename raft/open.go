package raft

import (
	"errors"
	"fmt"
	"path/filepath"
	"sort"

	etcdraft "go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"pando/fsys"
	"pando/raft/wal"
	"pando/snapshot"
)

// opened is what Start found or made on disk.
type opened struct {
	wal       *wal.WAL
	meta      wal.Metadata
	state     wal.HardState
	storage   *logStorage
	bootstrap []etcdraft.Peer // only for a new cluster

	snapDir       string
	snap          wal.Position // of the restored snapshot; zero if none
	snapSize      int64
	conf          *raftpb.ConfState // as of the snapshot
	replayedBytes int64             // size of the entries that follow it
}

// open restores a member or makes a new one.
func open(cfg Config, sm StateMachine) (*opened, error) {
	if err := adoptOldLayout(cfg); err != nil {
		return nil, err
	}
	l := layoutOf(cfg)
	hasSnap, err := hasSnapshots(cfg.FS, l.snap)
	if err != nil {
		return nil, err
	}
	switch hasLog := wal.Exists(cfg.FS, l.wal); {
	case hasLog:
		return restore(cfg, l, sm)
	case hasSnap:
		return nil, fmt.Errorf("%w: %s holds snapshots but %s holds no log. Starting without it would forget acknowledged writes. "+
			"Put the log back (is --wal-dir missing?), or restore a backup; to give the data up, remove the whole directory", ErrDataDir, l.snap, l.wal)
	default:
		return create(cfg, l)
	}
}

// create makes the log of a new cluster. The membership entries follow through
// the ordinary path, written and applied like all others.
func create(cfg Config, l layout) (*opened, error) {
	b, err := cfg.Bootstrap()
	if err != nil {
		return nil, err
	}
	if err := makeDirs(cfg, l); err != nil {
		return nil, err
	}
	md := wal.Metadata{NodeID: b.MemberID, ClusterID: b.ClusterID}
	w, err := wal.Create(cfg.FS, l.wal, md, wal.Options{Logger: cfg.Logger})
	if err != nil {
		return nil, err
	}
	o := &opened{wal: w, meta: md, storage: newLogStorage(), snapDir: l.snap, conf: &raftpb.ConfState{}}
	for _, m := range b.Members {
		o.bootstrap = append(o.bootstrap, etcdraft.Peer{ID: m.ID, Context: m.Context})
	}
	sort.Slice(o.bootstrap, func(i, j int) bool { return o.bootstrap[i].ID < o.bootstrap[j].ID })
	return o, nil
}

// restore reads the newest usable snapshot into sm and the log behind it.
func restore(cfg Config, l layout, sm StateMachine) (*opened, error) {
	if err := makeDirs(cfg, l); err != nil {
		return nil, err
	}
	o := &opened{storage: newLogStorage(), snapDir: l.snap, conf: &raftpb.ConfState{}}
	if err := o.restoreSnapshot(cfg, l, sm); err != nil {
		return nil, err
	}
	w, replay, err := wal.Open(cfg.FS, l.wal, o.snap, wal.Options{Logger: cfg.Logger})
	if err != nil {
		return nil, err
	}
	if o.snap.Index == 0 && neverBegan(replay) {
		cfg.Logger.Warn("the directory was left by a start that ended before its first entry was written: beginning again")
		if err := errors.Join(w.Close(), removeLog(cfg.FS, l.wal)); err != nil {
			return nil, err
		}
		return create(cfg, l)
	}
	o.wal, o.meta = w, replay.Metadata
	if r := replay.Repaired; r != nil {
		cfg.Logger.Warn("cut a torn write from the end of the log; it was never acknowledged",
			zap.String("file", r.File), zap.Int64("offset", r.Offset), zap.Int64("bytes", r.Bytes), zap.String("why", r.Why))
	}
	if err := o.fill(replay); err != nil {
		w.Close()
		return nil, err
	}
	return o, nil
}

// neverBegan reports whether a log ends inside the membership entries of its
// bootstrap, with nothing committed: no request was ever taken.
func neverBegan(r *wal.Replay) bool {
	if r.State.Commit > 0 || r.State.Vote != 0 || r.State.Term > 1 {
		return false
	}
	for _, e := range r.Entries {
		if e.Term > 1 || raftpb.EntryType(e.Type) != raftpb.EntryConfChange {
			return false
		}
	}
	return true
}

// removeLog removes the log files, newest first, so that a crash in between
// leaves the beginning of the same log.
func removeLog(f fsys.FS, dir string) error {
	list, err := f.ReadDir(dir)
	if err != nil {
		return err
	}
	for i := len(list) - 1; i >= 0; i-- {
		if filepath.Ext(list[i].Name()) != ".wal" {
			continue
		}
		if err := f.Remove(filepath.Join(dir, list[i].Name())); err != nil {
			return err
		}
	}
	return f.SyncDir(dir)
}

// restoreSnapshot picks the newest readable snapshot that the log knows: one
// without a record in the log may be ahead of what is durable.
func (o *opened) restoreSnapshot(cfg Config, l layout, sm StateMachine) error {
	positions, err := wal.Positions(cfg.FS, l.wal)
	if err != nil {
		return err
	}
	known := make(map[wal.Position]bool, len(positions))
	for _, p := range positions {
		known[p] = true
	}
	r, err := snapshot.Newest(cfg.FS, l.snap, func(index, term uint64) bool {
		return known[wal.Position{Index: index, Term: term}]
	}, cfg.Logger)
	if err != nil || r == nil {
		return err
	}
	defer r.Close()
	if err := sm.Restore(r); err != nil {
		return fmt.Errorf("%w: the snapshot at index %d cannot be decoded: %w", ErrDataDir, r.Meta.Index, err)
	}
	o.snap = wal.Position{Index: r.Meta.Index, Term: r.Meta.Term}
	o.snapSize = r.Size
	o.conf = &raftpb.ConfState{Voters: r.Meta.Voters, Learners: r.Meta.Learners}
	return o.storage.ApplySnapshot(&raftpb.Snapshot{Metadata: &raftpb.SnapshotMetadata{
		ConfState: o.conf, Index: proto.Uint64(o.snap.Index), Term: proto.Uint64(o.snap.Term),
	}})
}

// fill puts the replayed log into memory, after checking that it is whole.
func (o *opened) fill(replay *wal.Replay) error {
	ents := make([]*raftpb.Entry, len(replay.Entries))
	for i, e := range replay.Entries {
		ents[i] = &raftpb.Entry{
			Type: raftpb.EntryType(e.Type).Enum(), Term: proto.Uint64(e.Term), Index: proto.Uint64(e.Index), Data: e.Data,
		}
		o.replayedBytes += int64(len(e.Data))
	}
	last := o.snap.Index
	if n := len(ents); n > 0 {
		last = ents[n-1].GetIndex()
	}
	o.state = replay.State
	// A commit index is stored lazily, so the snapshot may be ahead of it.
	o.state.Commit = max(o.state.Commit, o.snap.Index)
	o.state.Term = max(o.state.Term, o.snap.Term)
	if o.state.Commit > last {
		return fmt.Errorf("%w: the log says that entries up to %d are committed but ends at %d; acknowledged writes are missing from it. "+
			"Restore a backup, or replace this member if the others of its cluster are well", wal.ErrDamaged, o.state.Commit, last)
	}
	err := o.storage.SetHardState(&raftpb.HardState{
		Term: proto.Uint64(o.state.Term), Vote: proto.Uint64(o.state.Vote), Commit: proto.Uint64(o.state.Commit),
	})
	return errors.Join(err, o.storage.append(ents))
}
