package raft

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"pando/fsys"
	"pando/raft/wal"
	"pando/snapshot"
)

// etcd3 is what is needed of a member directory that etcd 3.x wrote in.
type etcd3 struct {
	from      wal.Position   // of the second newest snapshot, so that a damaged newest one costs nothing; else of the newest
	snapshots []wal.Position // those from there on, oldest first
	replay    *wal.Replay    // what follows from
	log       *wal.Found     // which replay is of
}

// readEtcd3 reads the directory and tries whether its state can be served. The
// log stays locked.
func readEtcd3(cfg Config, l layout) (*etcd3, error) {
	sm := cfg.TakeOver()
	trial := &opened{storage: newLogStorage(cfg), snapDir: l.snap, conf: &raftpb.ConfState{}}
	if err := trial.restoreSnapshot(cfg, l, sm); err != nil {
		return nil, err
	}
	src, err := readBack(cfg, l, trial.snap)
	if err != nil {
		return nil, err
	}
	behind := *src.replay
	behind.Entries = behind.Entries[trial.snap.Index-src.from.Index:]
	err = trial.checkSnapshots(cfg, &behind)
	if err == nil {
		trial.entries = packed(behind.Entries)
		err = trial.fill(&behind)
	}
	if err == nil {
		err = tryApply(sm, behind.Entries, trial.state.Commit)
	}
	if err != nil {
		return nil, errors.Join(err, src.log.Close())
	}
	return src, nil
}

// readBack reads the log from the snapshot in front of newest, if the log leads
// from there to newest, otherwise from newest.
func readBack(cfg Config, l layout, newest wal.Position) (*etcd3, error) {
	all, err := usable(cfg.FS, l)
	if err != nil {
		return nil, err
	}
	if i := slices.Index(all, newest); i > 0 {
		src := &etcd3{from: all[i-1], snapshots: all[i-1 : i+1]}
		err = src.look(cfg, l)
		if err == nil && src.leadsTo(newest) {
			return src, nil
		}
		if err == nil {
			err = src.log.Close()
		}
		if err != nil && !errors.Is(err, wal.ErrDamaged) {
			return nil, err
		}
	}
	src := &etcd3{from: newest}
	if newest.Index > 0 {
		src.snapshots = []wal.Position{newest}
	}
	return src, src.look(cfg, l)
}

// look reads the log.
func (s *etcd3) look(cfg Config, l layout) (err error) {
	if s.log, err = wal.Look(cfg.FS, l.wal, s.from, wal.Options{}); err == nil {
		s.replay = s.log.Replay
	}
	return err
}

// usable lists the snapshots that there are and that the log knows, oldest first.
func usable(f fsys.FS, l layout) ([]wal.Position, error) {
	names, err := snapshot.Names(f, l.snap)
	if err != nil {
		return nil, err
	}
	known, err := wal.Positions(f, l.wal)
	if err != nil {
		return nil, err
	}
	var all []wal.Position
	for _, name := range names {
		m, _ := snapshot.ParseName(name)
		if p := (wal.Position{Index: m.Index, Term: m.Term}); slices.Contains(known, p) {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b wal.Position) int { return cmp.Compare(a.Index, b.Index) })
	return all, nil
}

// leadsTo reports whether the entries that were read go through p. A snapshot that
// came from another member does not follow from what was in the log before it.
func (s *etcd3) leadsTo(p wal.Position) bool {
	n := p.Index - s.from.Index
	return n > 0 && n <= uint64(len(s.replay.Entries)) && s.replay.Entries[n-1].Term == p.Term
}

// tryApply applies what is known to be committed.
func tryApply(sm StateMachine, ents []wal.Entry, commit uint64) error {
	for _, e := range ents {
		if e.Index > commit {
			break
		}
		switch {
		case raftpb.EntryType(e.Type) == raftpb.EntryConfChange:
			var cc raftpb.ConfChange
			if err := proto.Unmarshal(e.Data, &cc); err != nil {
				return fmt.Errorf("log entry %d holds no readable membership change: %w", e.Index, err)
			}
			sm.ApplyConfChange(&cc)
		case raftpb.EntryType(e.Type) == raftpb.EntryNormal && len(e.Data) > 0:
			if _, _, err := sm.Apply(e.Index, e.Term, e.Data); err != nil {
				return fmt.Errorf("log entry %d cannot be applied: %w", e.Index, err)
			}
		}
		sm.Publish(e.Index, e.Term)
	}
	return nil
}

// build makes a member directory with the same content, durable down to its name.
func (s *etcd3) build(cfg Config, from, to layout) error {
	if err := cfg.FS.RemoveAll(to.member); err != nil {
		return err
	}
	for _, dir := range []string{to.member, to.snap} {
		if err := makeDir(cfg.FS, dir); err != nil {
			return err
		}
	}
	for _, p := range s.snapshots {
		name := fmt.Sprintf("%016x-%016x.snap", p.Term, p.Index)
		if err := copyFile(cfg.FS, filepath.Join(from.snap, name), filepath.Join(to.snap, name)); err != nil {
			return err
		}
	}
	if err := cfg.FS.SyncDir(to.snap); err != nil {
		return err
	}
	w, err := wal.Create(cfg.FS, to.wal, s.replay.Metadata, cfg.walOptions())
	if err != nil {
		return err
	}
	return errors.Join(s.writeLog(w), w.Close())
}

// writeLog writes the entries with the records of the snapshots in their places.
func (s *etcd3) writeLog(w *wal.WAL) error {
	if s.from.Index > 0 {
		if err := w.Append(wal.Batch{Snapshot: &s.from}); err != nil {
			return err
		}
	}
	b, size := wal.Batch{}, 0
	for _, e := range s.replay.Entries {
		b.Entries, size = append(b.Entries, e), size+len(e.Data)
		if i := slices.Index(s.snapshots, wal.Position{Index: e.Index, Term: e.Term}); i >= 0 {
			b.Snapshot = &s.snapshots[i]
		} else if size < copyBatch {
			continue
		}
		if err := w.Append(b); err != nil {
			return err
		}
		b, size = wal.Batch{}, 0
	}
	b.State, b.Sync = &s.replay.State, true
	return w.Append(b)
}

// copyBatch is how many bytes of entries are written at a time.
const copyBatch = 1 << 20

// copyFile copies a file, whose bytes are durable then.
func copyFile(f fsys.FS, from, to string) error {
	in, err := f.OpenFile(from, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := f.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(struct{ io.Writer }{out}, in)
	if err == nil {
		err = out.Sync()
	}
	return errors.Join(err, out.Close())
}
