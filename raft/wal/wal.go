package wal

import (
	"errors"

	"go.uber.org/zap"

	"pando/fsys"
)

// Errors that callers tell apart with errors.Is.
var (
	// ErrLocked means that another process uses the directory.
	ErrLocked = fsys.ErrLocked
	// ErrDamaged means that something which may have been acknowledged cannot be read. The message says what, where
	// and what to do. Nothing was changed.
	ErrDamaged = errors.New("the log is damaged")
	// ErrNoWAL means that the directory holds no log.
	ErrNoWAL = errors.New("no log")
	// ErrNoSpace means that the next segment cannot be prepared; nothing was written and the log is as good as before.
	ErrNoSpace = errors.New("the next log segment cannot be prepared")
)

// Entry is one entry of the raft log.
type Entry struct {
	Term, Index uint64
	Type        uint8 // as in raftpb: 0 normal, 1 conf change, 2 conf change v2
	Data        []byte
}

// HardState is what raft must not forget. Commit is stored lazily.
type HardState struct{ Term, Vote, Commit uint64 }

// Position is the place of a snapshot in the log.
type Position struct{ Index, Term uint64 }

// Metadata says whose log it is. It never changes.
type Metadata struct{ NodeID, ClusterID uint64 }

// Options of Create and Open.
type Options struct {
	SegmentSize int64       // bytes; 0 means 8 MiB, which is also the most
	Logger      *zap.Logger // nil for none
}

// Replay is what Open read.
type Replay struct {
	Metadata Metadata
	State    HardState
	Entries  []Entry // those behind the position, without gaps
	Repaired *Repair // nil if nothing was cut
}

// Repair says what was cut off.
type Repair struct {
	File   string
	Offset int64
	Bytes  int64
}

// Batch is what one Append writes.
type Batch struct {
	State    *HardState
	Entries  []Entry
	Snapshot *Position
	Sync     bool
}

// WAL is an open log.
type WAL struct{}

func Exists(f fsys.FS, dir string) bool { return false }

func Create(f fsys.FS, dir string, md Metadata, o Options) (*WAL, error) {
	return nil, errors.ErrUnsupported
}
func Positions(f fsys.FS, dir string) ([]Position, error) { return nil, errors.ErrUnsupported }
func Open(f fsys.FS, dir string, from Position, o Options) (*WAL, *Replay, error) {
	return nil, nil, errors.ErrUnsupported
}
func (w *WAL) Append(b Batch) error                                       { return errors.ErrUnsupported }
func (w *WAL) Size() int64                                                { return 0 }
func (w *WAL) Release(index uint64) error                                 { return nil }
func (w *WAL) Purge(index uint64, keep int) (removed []string, err error) { return nil, nil }
func (w *WAL) PrepareErr() error                                          { return nil }
func (w *WAL) Close() error                                               { return nil }
