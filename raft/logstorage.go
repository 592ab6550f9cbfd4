package raft

import (
	"cmp"

	etcdraft "go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

// logStorage is the part of the log that is in memory: entries are in it once
// they are durable. It is etcdraft's memory storage with a bound. Owned by the
// loop.
type logStorage struct {
	*etcdraft.MemoryStorage
	bytes   int                      // size of the data of all entries held
	current *raftpb.SnapshotMetadata // of the published state

	keepEntries uint64
	keepPinned  int
	pinned      uint64 // index from which entries are kept for a member that gets a snapshot; 0 if none
}

func newLogStorage(cfg Config) *logStorage {
	return &logStorage{
		MemoryStorage: etcdraft.NewMemoryStorage(),
		keepEntries:   cmp.Or(cfg.keepEntries, keepEntries),
		keepPinned:    cmp.Or(cfg.keepPinned, maxPinned),
	}
}

// install makes a snapshot from the leader the beginning of the log.
func (s *logStorage) install(at *raftpb.SnapshotMetadata) error {
	s.bytes, s.current = 0, at
	return s.ApplySnapshot(&raftpb.Snapshot{Metadata: at})
}

// applied notes what the published state covers.
func (s *logStorage) applied(index, term uint64, conf *raftpb.ConfState) {
	s.current = &raftpb.SnapshotMetadata{Index: &index, Term: &term, ConfState: conf}
}

// InitialState gives a RawNode that is made anew the membership as of what was applied.
func (s *logStorage) InitialState() (*raftpb.HardState, *raftpb.ConfState, error) {
	state, conf, err := s.MemoryStorage.InitialState()
	if s.current != nil {
		conf = s.current.ConfState
	}
	return state, conf, err
}

// Snapshot is what a member gets that needs entries which are not held any more:
// the current state, named by its metadata only. The library calls it inside the
// loop, so nothing is encoded here (replication design, section 7).
func (s *logStorage) Snapshot() (*raftpb.Snapshot, error) {
	if s.current == nil {
		return s.MemoryStorage.Snapshot()
	}
	return &raftpb.Snapshot{Metadata: s.current}, nil
}

// append adds durable entries, replacing any from the first one's index on.
func (s *logStorage) append(ents []*raftpb.Entry) error {
	if len(ents) == 0 {
		return nil
	}
	last, err := s.LastIndex()
	if err != nil {
		return err
	}
	if first := ents[0].GetIndex(); first <= last {
		s.bytes -= s.size(first, last+1)
	}
	for _, e := range ents {
		s.bytes += len(e.GetData())
	}
	return s.Append(ents)
}

// size is the data size of the entries [lo, hi).
func (s *logStorage) size(lo, hi uint64) int {
	if first, err := s.FirstIndex(); err != nil || lo < first {
		lo = first
	}
	if lo >= hi {
		return 0
	}
	ents, err := s.Entries(lo, hi, ^uint64(0))
	if err != nil {
		return 0
	}
	n := 0
	for _, e := range ents {
		n += len(e.GetData())
	}
	return n
}

// compact forgets applied entries beyond the bounds for lagging followers. It
// does so rarely, in steps of the bound, because each step copies what stays.
// The log in memory is compacted independently of snapshots on disk: a follower
// that needs more gets a snapshot of the current state.
//
// A pinned entry stays, and all behind it, until they exceed keepPinned together with
// what each entry costs besides its data; lost says that the pin was given up.
func (s *logStorage) compact(applied uint64) (lost bool, err error) {
	first, err := s.FirstIndex()
	if err != nil || applied < first {
		return false, err
	}
	held := applied - first + 1
	if held < 2*s.keepEntries && s.bytes < 2*keepBytes {
		return false, nil
	}
	if s.pinned > 0 && s.bytes+int(held)*entryCost > s.keepPinned {
		s.pinned, lost = 0, true
	}
	if s.pinned > 0 && s.pinned < first+s.keepEntries {
		return false, nil // not worth the copy
	}
	to := first - 1
	if held > s.keepEntries {
		to = applied - s.keepEntries
	}
	if s.bytes >= 2*keepBytes {
		to = max(to, s.boundBySize(applied))
	}
	if s.pinned > 0 {
		to = min(to, s.pinned)
	}
	if to < first {
		return lost, nil
	}
	s.bytes -= s.size(first, to+1)
	return lost, s.Compact(to)
}

// boundBySize is the largest index below which entries up to applied exceed
// keepBytes.
func (s *logStorage) boundBySize(applied uint64) uint64 {
	first, _ := s.FirstIndex()
	ents, err := s.Entries(first, applied+1, ^uint64(0))
	if err != nil {
		return first - 1
	}
	size := 0
	for i := len(ents) - 1; i >= 0; i-- {
		if size += len(ents[i].GetData()); size > keepBytes {
			return ents[i].GetIndex()
		}
	}
	return first - 1
}
