package raft

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"pando/raft/wal"
	"pando/snapshot"
)

// restoreAtOnce reads the newest snapshot into sm and, at the same time, the log behind it. That is all there is to do as long as
// both are whole and our own. Otherwise it returns nil and has changed nothing: whoever reads one after the other finds out what to do.
func (o *opened) restoreAtOnce(cfg Config, l layout, sm StateMachine) (*wal.Found, error) {
	names, err := snapshot.Names(cfg.FS, l.snap)
	if err != nil || len(names) == 0 {
		return nil, err
	}
	m, _ := snapshot.ParseName(names[0])
	var log *wal.Found
	var file snapshot.File
	var install func()
	cfg.world.both(func() {
		if foreign, err := foreignLog(cfg, l); err == nil && !foreign {
			log, _ = o.look(cfg, l, wal.Position{Index: m.Index, Term: m.Term})
		}
	}, func() {
		file, err = snapshot.Load(cfg.FS, snapshot.File{Name: filepath.Join(l.snap, names[0]), Meta: m}, func(r io.Reader) (err error) {
			install, err = sm.Prepare(r)
			return err
		})
	})
	if log == nil {
		return nil, nil
	}
	if err != nil || install == nil {
		o.entries = nil
		return nil, log.Close()
	}
	if err := o.install(cfg, file, install); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	return log, nil
}

// restoreInTurn reads the newest usable snapshot and then the log behind it.
func (o *opened) restoreInTurn(cfg Config, l layout, sm StateMachine) (*wal.Found, error) {
	if err := o.restoreSnapshot(cfg, l, sm); err != nil {
		return nil, err
	}
	return o.look(cfg, l, o.snap)
}

// look reads the log behind a snapshot.
func (o *opened) look(cfg Config, l layout, from wal.Position) (*wal.Found, error) {
	log, err := wal.Look(cfg.FS, l.wal, from, cfg.walOptions())
	if err == nil {
		o.entries = packed(log.Replay.Entries)
	}
	return log, err
}

// restoreSnapshot picks the newest readable snapshot that the log knows: one
// without a record in the log may be ahead of what is durable.
func (o *opened) restoreSnapshot(cfg Config, l layout, sm StateMachine) error {
	if any, err := hasSnapshots(cfg.FS, l.snap); err != nil || !any {
		return err
	}
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
	install, err := sm.Prepare(r)
	if err != nil {
		return fmt.Errorf("%w: the snapshot at index %d cannot be decoded: %w", ErrDataDir, r.Meta.Index, err)
	}
	return o.install(cfg, r.File(), install)
}

// install makes a snapshot the beginning of the log.
func (o *opened) install(cfg Config, file snapshot.File, install func()) error {
	// A process that was killed may have named it and not made that durable; what it covers may be acknowledged from now on.
	if err := cfg.FS.SyncDir(o.snapDir); err != nil {
		return err
	}
	install()
	o.snapFile, o.snap = file, wal.Position{Index: file.Meta.Index, Term: file.Meta.Term}
	o.conf = &raftpb.ConfState{Voters: file.Meta.Voters, Learners: file.Meta.Learners}
	return o.storage.ApplySnapshot(&raftpb.Snapshot{Metadata: &raftpb.SnapshotMetadata{
		ConfState: o.conf, Index: proto.Uint64(o.snap.Index), Term: proto.Uint64(o.snap.Term),
	}})
}

// packedEntry is an entry in the library's form, and what it points to.
type packedEntry struct {
	raftpb.Entry
	kind        raftpb.EntryType
	term, index uint64
}

// packed gives entries the library's form, many of them in one piece of memory. Of small ones only, because each keeps the data of all.
func packed(entries []wal.Entry) []*raftpb.Entry {
	const most, small = 64, 4 << 10
	ents := make([]*raftpb.Entry, 0, len(entries))
	var piece []packedEntry
	for _, e := range entries {
		if len(piece) == 0 {
			piece = make([]packedEntry, min(most, len(entries)-len(ents)))
		}
		p := &piece[0]
		if len(e.Data) <= small {
			piece = piece[1:]
		} else {
			p = &packedEntry{}
		}
		p.kind, p.term, p.index = raftpb.EntryType(e.Type), e.Term, e.Index
		p.Type, p.Term, p.Index, p.Data = &p.kind, &p.term, &p.index, e.Data
		ents = append(ents, &p.Entry)
	}
	return ents
}
