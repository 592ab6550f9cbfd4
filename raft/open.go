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
	snapFile      snapshot.File
	conf          *raftpb.ConfState // as of the snapshot
	entries       []*raftpb.Entry   // those that follow it
	replayedBytes int64             // their size
}

// open restores a member or makes a new one.
func open(cfg Config, sm StateMachine) (*opened, error) {
	l := layoutOf(cfg)
	if err := finishTakeover(cfg, l); err != nil {
		return nil, err
	}
	if err := adoptOldLayout(cfg, l); err != nil {
		return nil, err
	}
	hasSnap, err := hasSnapshots(cfg.FS, l.snap)
	if err != nil {
		return nil, err
	}
	hasLog, err := wal.Exists(cfg.FS, l.wal)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %s cannot be read: %w", ErrDataDir, l.wal, err)
	case hasLog:
		return restore(cfg, l, sm)
	case hasSnap:
		return nil, fmt.Errorf("%w: %s holds snapshots but %s holds no log. Starting without it would forget acknowledged writes. "+
			"Put the log back (is --wal-dir missing?), or restore a backup; to give the data up, remove the whole directory", ErrDataDir, l.snap, l.wal)
	}
	b, err := cfg.Bootstrap()
	if err != nil {
		return nil, err
	}
	return create(cfg, l, b)
}

// create makes the log of a new cluster. The membership entries follow through
// the ordinary path, written and applied like all others.
func create(cfg Config, l layout, b Bootstrap) (*opened, error) {
	if err := makeDirs(cfg, l); err != nil {
		return nil, err
	}
	md := wal.Metadata{NodeID: b.MemberID, ClusterID: b.ClusterID}
	w, err := wal.Create(cfg.FS, l.wal, md, cfg.walOptions())
	if err != nil {
		return nil, err
	}
	o := &opened{wal: w, meta: md, storage: newLogStorage(cfg), snapDir: l.snap, conf: &raftpb.ConfState{}}
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
	if err := wal.CheckUnlocked(cfg.FS, l.wal); err != nil {
		return nil, err
	}
	if err := snapshot.RemoveLeftovers(cfg.FS, l.snap); err != nil {
		return nil, err
	}
	o := &opened{storage: newLogStorage(cfg), snapDir: l.snap, conf: &raftpb.ConfState{}}
	log, err := o.restoreAtOnce(cfg, l, sm)
	if err == nil && log == nil {
		if err := takeOver(cfg, l); err != nil {
			return nil, err
		}
		log, err = o.restoreInTurn(cfg, l, sm)
	}
	if err != nil {
		return nil, err
	}
	replay := log.Replay
	w, err := log.Open()
	if err != nil {
		return nil, err
	}
	if err := o.checkSnapshots(cfg, replay); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	if o.snap.Index == 0 && neverBegan(replay) {
		return beginAgain(cfg, l, w)
	}
	o.wal, o.meta = w, replay.Metadata
	if o.snap.Index == 0 && len(replay.Entries) == 0 && cfg.ForceNewCluster == nil {
		if err := joinAgain(cfg, o.meta); err != nil {
			return nil, errors.Join(err, w.Close())
		}
	}
	if r := replay.Repaired; r != nil {
		cfg.Logger.Warn("cut a torn write from the end of the log; it was never acknowledged",
			zap.String("file", r.File), zap.Int64("offset", r.Offset), zap.Int64("bytes", r.Bytes), zap.String("why", r.Why))
	}
	err = o.fill(replay)
	if err == nil {
		err = o.force(cfg)
	}
	if err != nil {
		return nil, errors.Join(err, w.Close())
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

// joinAgain asks for the cluster once more, for a member that was stopped while it waited for
// its first entry or snapshot. It has heard of a term, may have voted, and knows nobody.
func joinAgain(cfg Config, md wal.Metadata) error {
	b, err := cfg.Bootstrap()
	if err != nil {
		return err
	}
	if b.MemberID != md.NodeID || b.ClusterID != md.ClusterID || len(b.Members) > 0 {
		return fmt.Errorf("%w: it belongs to member %s of cluster %s, which was stopped before it had got anything from that. "+
			"Start it with the flags it joined with, --initial-cluster-state existing among them; to give it up, remove the directory",
			ErrDataDir, FormatID(md.NodeID), FormatID(md.ClusterID))
	}
	return nil
}

// beginAgain replaces a log in which nothing happened. The flags are asked before
// anything is removed: they may be those of something that is refused.
func beginAgain(cfg Config, l layout, w *wal.WAL) (*opened, error) {
	b, err := cfg.Bootstrap()
	if err = errors.Join(err, w.Close()); err != nil {
		return nil, err
	}
	cfg.Logger.Warn("the directory was left by a start that ended before its first entry was written: beginning again")
	if err := removeLog(cfg.FS, l.wal); err != nil {
		return nil, err
	}
	return create(cfg, l, b)
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

// checkSnapshots refuses a log that ends in front of a snapshot. What a snapshot
// covers was in the log before, so log files are missing, with acknowledged writes.
func (o *opened) checkSnapshots(cfg Config, replay *wal.Replay) error {
	names, err := snapshot.Names(cfg.FS, o.snapDir)
	if err != nil {
		return err
	}
	last := o.last(replay)
	for _, name := range names {
		if m, ok := snapshot.ParseName(name); ok && m.Index > last {
			return fmt.Errorf("%w: the log ends at %d and knows nothing of the snapshot %s, so log files are missing, with acknowledged writes in them. "+
				"Put them back, or restore a backup; to give up what they held, move the snapshot away", ErrDataDir, last, filepath.Join(o.snapDir, name))
		}
	}
	return nil
}

// last is the index of the last entry that the log or the restored snapshot covers.
func (o *opened) last(replay *wal.Replay) uint64 {
	if n := len(replay.Entries); n > 0 {
		return replay.Entries[n-1].Index
	}
	return o.snap.Index
}

// fill puts the replayed log, whose entries are packed, into memory, after checking that it is whole.
func (o *opened) fill(replay *wal.Replay) error {
	last := o.last(replay)
	o.state = replay.State
	// A commit index is stored lazily, so the snapshot may be ahead of it.
	o.state.Commit = max(o.state.Commit, o.snap.Index)
	o.state.Term = max(o.state.Term, o.snap.Term)
	if o.state.Commit > last {
		return fmt.Errorf("%w: the log says that entries up to %d are committed but ends at %d; acknowledged writes are missing from it. "+
			"Restore a backup, or replace this member if the others of its cluster are well", wal.ErrDamaged, o.state.Commit, last)
	}
	for _, e := range replay.Entries {
		o.replayedBytes += int64(len(e.Data))
	}
	return o.remember(o.state, o.entries)
}

// remember puts what is in the log on disk into memory.
func (o *opened) remember(state wal.HardState, ents []*raftpb.Entry) error {
	o.state = state
	err := o.storage.SetHardState(&raftpb.HardState{
		Term: proto.Uint64(state.Term), Vote: proto.Uint64(state.Vote), Commit: proto.Uint64(state.Commit),
	})
	return errors.Join(err, o.storage.append(ents))
}
