package wal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"go.uber.org/zap"

	"pando/fsys"
)

// Exists reports whether dir, which may be missing, holds a log. An error leaves that open: the caller must not take it
// for none, or it would begin a new log over the old one.
func Exists(f fsys.FS, dir string) (bool, error) {
	all, err := list(f, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return len(all) > 0, err
}

// CheckUnlocked answers ErrLocked if another process uses the log in dir. Look finds that out too, but only after the
// caller has looked through the snapshots, and it may want to set one aside that is just being written.
func CheckUnlocked(f fsys.FS, dir string) error {
	all, err := list(f, dir)
	if err != nil || len(all) == 0 {
		return err
	}
	last := all[len(all)-1:]
	if err := last[0].open(f, dir, os.O_RDWR, true); err != nil {
		return err
	}
	return closeAll(last)
}

// Create makes a log in dir, which may exist but must not hold one. After a crash there is a whole log or none.
func Create(f fsys.FS, dir string, md Metadata, o Options) (*WAL, error) {
	switch exists, err := Exists(f, dir); {
	case err != nil:
		return nil, err
	case exists:
		return nil, fmt.Errorf("%s holds a log already", dir)
	}
	if err := f.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := f.SyncDir(filepath.Dir(dir)); err != nil {
		return nil, err
	}
	w := newWAL(f, dir, o)
	w.metadata = appendNumbers(nil, md.NodeID, md.ClusterID)
	if err := w.start(true); err != nil {
		return nil, err
	}
	return w, nil
}

func newWAL(f fsys.FS, dir string, o Options) *WAL {
	w := &WAL{fs: f, dir: dir, size: defaultSegment, retry: defaultRetry, inline: o.Inline, log: o.Logger, synced: o.Synced}
	if o.SegmentSize > 0 {
		w.size = min(max(o.SegmentSize, minSegment), defaultSegment)
	}
	if o.Retry > 0 {
		w.retry = o.Retry
	}
	if w.log == nil {
		w.log = zap.NewNop()
	}
	return w
}

// start begins to prepare the next segment and, if asked to, goes on in it. On error everything is closed.
func (w *WAL) start(cut bool) error {
	if err := removeScratch(w.fs, w.dir); err != nil {
		return errors.Join(err, closeAll(w.segments))
	}
	w.prep = newPreparer(w.fs, w.dir, w.size, w.retry, w.inline)
	if !cut {
		return nil
	}
	if err := w.cut(0); err != nil {
		return errors.Join(err, w.abandon())
	}
	return nil
}

// Positions returns the snapshots that the log in dir has a record of and can be opened from, oldest first. It changes
// nothing and takes no lock. What cannot be read it leaves out: Look says what is wrong.
func Positions(f fsys.FS, dir string) ([]Position, error) {
	all, err := list(f, dir)
	if err != nil {
		return nil, err
	}
	var ps []Position
	for _, s := range all {
		if err := s.open(f, dir, os.O_RDONLY, false); err != nil {
			return nil, err
		}
		ps, err = positions(ps, s, all[0].index)
		if err = errors.Join(err, closeAll([]*segment{s})); err != nil {
			return nil, err
		}
	}
	return ps, nil
}

func positions(ps []Position, s *segment, first uint64) ([]Position, error) {
	for sc := newScanner(s, 0, false); ; {
		rec, err := sc.next()
		if err != nil && (errors.Is(err, io.EOF) || asBad(err) != nil) {
			return ps, nil
		}
		if err != nil {
			return ps, err
		}
		if rec.typ != typeSnapshot {
			continue
		}
		if v, ok := numbers(rec.data); ok && v[0] >= first {
			ps = append(ps, Position{Index: v[0], Term: v[1]})
		}
	}
}

// Found is a log that was read, is locked and has not been changed. The caller goes on with Open or ends with Close.
type Found struct {
	Replay *Replay
	wal    *WAL
	clean  bool // it can be written on in place
}

// Look locks the log in dir and reads what is behind a snapshot that Positions named, or everything for the zero Position. It changes
// nothing. Errors are ErrNoWAL, ErrLocked, ErrDamaged, or those of the file system.
func Look(f fsys.FS, dir string, from Position, o Options) (*Found, error) {
	w, err := find(f, dir, from, o)
	if err != nil {
		return nil, err
	}
	r, clean, err := w.look(from)
	if err != nil {
		return nil, errors.Join(err, closeAll(w.segments))
	}
	return &Found{Replay: r, wal: w, clean: clean}, nil
}

// Open makes the log ready for Append, and what was read durable. A torn end is cut. After an error, which is ErrNoSpace or one of the file
// system, the log is closed.
func (f *Found) Open() (*WAL, error) {
	if err := f.wal.load(f.clean); err != nil {
		return nil, errors.Join(err, closeAll(f.wal.segments))
	}
	return f.wal, nil
}

// Close unlocks the log.
func (f *Found) Close() error { return closeAll(f.wal.segments) }

// find lists the segments that have to be read for what is behind a snapshot.
func find(f fsys.FS, dir string, from Position, o Options) (*WAL, error) {
	all, err := list(f, dir)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%w in %s", ErrNoWAL, dir)
	}
	first := startFor(all, from.Index)
	if first < 0 {
		return nil, fmt.Errorf("%w: the log in %s begins at index %d, so it needs a snapshot at that index or later, and there is none. %s",
			ErrDamaged, dir, all[0].index, whatToDo)
	}
	w := newWAL(f, dir, o)
	w.segments = all[first:]
	return w, nil
}

// load repairs the end, makes what was read durable, and starts. On error only files need to be closed.
func (w *WAL) load(clean bool) error {
	var err error
	s := w.current()
	if !clean {
		err = s.file.Truncate(w.off)
	}
	// The process that wrote the end may have been killed before that was durable, or the name of its file.
	if err := errors.Join(err, w.writeAgain(s), s.file.Datasync(), w.fs.SyncDir(w.dir)); err != nil {
		return err
	}
	return w.start(!clean)
}

// writeAgain writes the last batch once more, as it is: if its sync has failed, the system may hold what it could not write, and believe
// that it did.
func (w *WAL) writeAgain(s *segment) error {
	if w.tail == 0 {
		return nil
	}
	b := make([]byte, w.off-w.tail)
	if err := readFull(s.file, b, w.tail); err != nil {
		return err
	}
	if n, err := s.file.WriteAt(b, w.tail); err != nil || n < len(b) {
		return orShort(err)
	}
	return nil
}

// look locks and reads the segments. It reports whether the log ends like one of ours, so that it can be written on in
// place.
func (w *WAL) look(from Position) (_ *Replay, clean bool, err error) {
	if err := chain(w.dir, w.segments); err != nil {
		return nil, false, err
	}
	for _, s := range w.segments {
		if err := s.open(w.fs, w.dir, os.O_RDWR, true); err != nil {
			return nil, false, err
		}
	}
	r := &replayer{from: from}
	end, bad, err := w.read(r)
	if err != nil {
		return nil, false, err
	}
	if !r.found {
		return nil, false, fmt.Errorf("%w: the log in %s has no record of the snapshot at index %d, term %d. %s",
			ErrDamaged, w.dir, from.Index, from.Term, whatToDo)
	}
	w.metadata, w.state, w.lastIndex = r.raw, r.State, max(r.last, from.Index)
	w.off, w.crc, w.tail = end.off, end.crc, end.batchAt
	clean, err = w.clean(r, end, bad)
	return &r.Replay, clean, err
}

// read hands all records to r. It returns the scanner of the last segment and, if that one does not end well, why.
func (w *WAL) read(r *replayer) (end *scanner, bad *badRecord, err error) {
	crc := uint32(0)
	for i, s := range w.segments {
		end = newScanner(s, crc, true)
		err := r.segment(end)
		crc = end.crc
		if err == nil {
			continue
		}
		if bad = asBad(err); bad == nil {
			return nil, nil, err
		}
		if !bad.torn || i < len(w.segments)-1 {
			return nil, nil, damaged(s, bad)
		}
	}
	return end, bad, nil
}

// clean finds what is torn, and whatever else is behind the last record and has to be cut. It reports whether the log
// ends like one of ours.
func (w *WAL) clean(r *replayer, end *scanner, bad *badRecord) (bool, error) {
	s := w.current()
	behind := end.off + end.filler
	last, err := end.dataEnd(behind)
	if err != nil {
		return false, err
	}
	if last > behind || bad != nil {
		if err := w.wholeBehind(end); err != nil {
			return false, err
		}
		r.Repaired = &Repair{File: s.file.Name(), Offset: end.off, Bytes: max(last, behind) - end.off, Why: "a batch lacks its beginning"}
		if bad != nil {
			r.Repaired.Why = bad.why
		}
	} else if end.filler > 0 && !splits(end.off) {
		return true, nil
	}
	return false, nil
}

// wholeBehind refuses to cut if there is a whole batch behind the end: it was written when what is in front of it was durable.
func (w *WAL) wholeBehind(end *scanner) error {
	s := w.current()
	b := make([]byte, s.size-end.off)
	if err := readFull(s.file, b, end.off); err != nil {
		return err
	}
	at := findBatch(b[min(1, len(b)):], s.seq, end.off+1)
	if at < 0 {
		return nil
	}
	return damaged(s, &badRecord{off: end.off, why: fmt.Sprintf("it is not as it was written, but what was written later, at byte %d, is", at)})
}
