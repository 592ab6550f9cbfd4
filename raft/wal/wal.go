package wal

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"pando/fsys"
)

// Errors that callers tell apart with errors.Is.
var (
	// ErrLocked means that another process uses the directory.
	ErrLocked = fsys.ErrLocked
	// ErrDamaged means that something which may have been acknowledged cannot be read. The message says what, where
	// and what to do. Nothing was changed on disk.
	ErrDamaged = errors.New("the log is damaged")
	// ErrNoWAL means that the directory holds no log.
	ErrNoWAL = errors.New("no log")
	// ErrNoSpace means that the next segment cannot be prepared. Nothing was written and the log is as good as before.
	ErrNoSpace = errors.New("the next log segment cannot be prepared")
	// ErrClosed means that the log was closed.
	ErrClosed = errors.New("the log is closed")
)

// Entry is one entry of the raft log.
type Entry struct {
	Term, Index uint64
	Type        uint8 // as in raftpb: 0 normal, 1 conf change, 2 conf change v2
	Data        []byte
}

// HardState is what raft must not forget. Commit is stored lazily: it may be behind.
type HardState struct{ Term, Vote, Commit uint64 }

// Position is the place of a snapshot in the log: index and term of the last entry that it covers.
type Position struct{ Index, Term uint64 }

// Metadata says whose log it is. It never changes.
type Metadata struct{ NodeID, ClusterID uint64 }

// Options of Create and Look.
type Options struct {
	SegmentSize int64         // bytes, from 4 KiB to 8 MiB; 0 means 8 MiB
	Retry       time.Duration // between attempts to prepare the next segment; 0 means one second
	Inline      bool          // no goroutine: Append itself prepares the next segment when it needs it. For a simulation
	Logger      *zap.Logger   // nil for none
	// Synced, if it is not nil, is told how long each sync took that Append waited for.
	Synced func(took time.Duration)
}

// Batch is what one Append writes, as a whole or not at all. All fields may be empty.
type Batch struct {
	State    *HardState
	Entries  []Entry   // each index is at most one above the last entry; a lower one replaces that entry and all behind it
	Snapshot *Position // of a snapshot that is complete on disk but for its name
	Sync     bool      // durable when Append returns; a batch of more than State always is
}

// WAL is an open log. One goroutine at a time may call its methods; Size and PrepareErr are for any goroutine.
type WAL struct {
	fs       fsys.FS
	dir      string
	size     int64 // of an ordinary segment
	retry    time.Duration
	inline   bool
	metadata []byte // as in the first segment; later ones must have the same bytes
	prep     *preparer
	log      *zap.Logger
	synced   func(time.Duration) // may be nil

	segments []*segment // held open and locked, oldest first; the last one is written to
	off      int64      // where the next batch goes in the last segment; the filler begins there
	tail     int64      // where the last batch of what was opened begins; 0 if there is none
	crc      uint32     // running value in front of off
	enc      encoder

	state     HardState // last one written, for the header of the next segment
	lastIndex uint64    // of the last entry, or of a snapshot beyond it

	// A batch of only a state that need not be durable is written at off but does not move it: the next batch
	// takes its place and its state. So there is never more than one batch that is not durable.
	lazy       bool
	lazyLength int
	lazyCRC    uint32 // running value behind it

	dead     error        // why nothing may be written any more
	appended atomic.Int64 // bytes of batches since Open
}

// Size returns how many bytes of records were appended since the log was opened. Any goroutine may call it.
func (w *WAL) Size() int64 { return w.appended.Load() }

// PrepareErr says why the next segment cannot be prepared, or nil. It is tried again each second, and writing goes on
// in the current segment meanwhile. Any goroutine may call it.
func (w *WAL) PrepareErr() error { return w.prep.failure() }

// Close makes everything durable, ends the background goroutine and gives up the locks. A second call does nothing.
func (w *WAL) Close() error {
	if errors.Is(w.dead, ErrClosed) {
		return nil
	}
	var err error
	if w.dead == nil {
		err = w.settle()
	}
	w.dead = ErrClosed
	return errors.Join(err, w.abandon())
}

// abandon ends the goroutine and closes the files.
func (w *WAL) abandon() error {
	w.prep.stop()
	return closeAll(w.segments)
}

// die makes err the answer to everything from now on: after a failed write or fsync nobody knows what is on disk.
func (w *WAL) die(err error) error {
	w.dead = fmt.Errorf("the log cannot be written any more: %w", err)
	return w.dead
}

func (w *WAL) current() *segment { return w.segments[len(w.segments)-1] }

// Release gives up the locks of segments that hold nothing behind index.
func (w *WAL) Release(index uint64) error {
	n := max(0, startFor(w.segments, index))
	err := closeAll(w.segments[:n])
	w.segments = append([]*segment(nil), w.segments[n:]...)
	return err
}

// Purge removes segments that hold nothing behind index, but leaves the keep newest files; 0 removes none. It returns
// the names of those that it removed. Oldest first, so that a crash leaves no gap.
func (w *WAL) Purge(index uint64, keep int) (removed []string, err error) {
	if keep <= 0 {
		return nil, nil
	}
	all, err := list(w.fs, w.dir)
	if err != nil {
		return nil, err
	}
	if err := w.Release(index); err != nil {
		return nil, err
	}
	for _, s := range all[:max(0, min(startFor(all, index), len(all)-keep))] {
		if err := w.fs.Remove(filepath.Join(w.dir, s.name)); err != nil {
			return removed, err
		}
		removed = append(removed, s.name)
	}
	if len(removed) == 0 {
		return nil, nil
	}
	return removed, w.fs.SyncDir(w.dir)
}
