package wal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Replay is what Look read.
type Replay struct {
	Metadata Metadata
	State    HardState // the last one; zero if there is none
	Entries  []Entry   // those behind the position, without gaps; Data shares memory with its neighbours
	Repaired *Repair   // nil if nothing was cut
}

// Repair says what was cut off the end of the log: a write that was not finished and never acknowledged.
type Repair struct {
	File   string // its path
	Offset int64  // where it ends now
	Bytes  int64  // how many bytes were there, up to the last one that was not zero
	Why    string
}

// whatToDo ends the message of each ErrDamaged.
const whatToDo = "Acknowledged writes may be lost. Restore a backup, or, if the other members of its cluster are well, remove this one and add it again"

func damaged(s *segment, b *badRecord) error {
	return fmt.Errorf("%w: %s, at byte %d: %s. %s", ErrDamaged, s.file.Name(), b.off, b.why, whatToDo)
}

// replayer puts records together.
type replayer struct {
	Replay
	raw   []byte // the metadata as it is on disk
	from  Position
	found bool // the record of from was there

	last     uint64 // index of the last entry, or of a snapshot beyond it
	fromTerm uint64 // term of the entry at from.Index; 0 if there was none

	// orphan is a snapshot that the log has a record of and that does not fit its entries: it came from another member.
	// If the log goes on behind it, it is needed.
	orphan *Position
}

// segment reads the records of one segment. first says that it is the first one that is read.
func (r *replayer) segment(s *scanner) error {
	for n := 0; ; n++ {
		at := s.off
		rec, err := s.next()
		if err == nil {
			err = r.add(n, at, rec)
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF) && n >= 2:
			return nil
		case errors.Is(err, io.EOF):
			return &badRecord{off: at, why: "the file has no header"}
		default:
			if bad := asBad(err); bad != nil && n < 2 {
				bad.torn = false // a header is durable before the file has its name
			}
			return err
		}
	}
}

// add takes the record number n of a segment, which is at off.
func (r *replayer) add(n int, off int64, rec record) error {
	bad := func(format string, args ...any) error {
		return &badRecord{off: off, why: fmt.Sprintf(format, args...)}
	}
	if n == 0 && rec.typ != typeCRC || n == 1 && rec.typ != typeMetadata {
		return bad("a segment does not begin like that")
	}
	v, ok := [3]uint64{}, true
	if rec.typ != typeEntry {
		v, ok = numbers(rec.data)
	}
	if !ok {
		return bad("a record of type %d cannot be decoded", rec.typ)
	}
	switch rec.typ {
	case typeCRC:
	case typeMetadata:
		if r.raw != nil && !bytes.Equal(r.raw, rec.data) || len(rec.data) > headerRoom/2 {
			return bad("the file belongs to another member")
		}
		r.raw = append([]byte{}, rec.data...)
		r.Metadata = Metadata{NodeID: v[0], ClusterID: v[1]}
	case typeState:
		r.State = HardState{Term: v[0], Vote: v[1], Commit: v[2]}
	case typeSnapshot:
		r.snapshot(Position{Index: v[0], Term: v[1]})
	case typeEntry:
		e, ok := parseEntry(rec.data)
		if !ok {
			return bad("an entry cannot be decoded")
		}
		if why := r.entry(e); why != "" {
			return bad("%s", why)
		}
	default:
		return bad("there is a record of the unknown type %d", rec.typ)
	}
	return nil
}

// entry takes an entry, which discards those from its index on. It returns what is wrong with it, if anything is.
func (r *replayer) entry(e Entry) string {
	if o := r.orphan; o != nil {
		if e.Index > o.Index {
			return fmt.Sprintf("the log goes on behind the snapshot at index %d, which cannot be read", o.Index)
		}
		r.orphan = nil
	}
	r.last = e.Index
	if e.Index <= r.from.Index {
		r.Entries, r.fromTerm = r.Entries[:0], 0
		if e.Index == r.from.Index {
			r.fromTerm = e.Term
		}
		return ""
	}
	keep := e.Index - r.from.Index - 1
	if keep > uint64(len(r.Entries)) {
		return fmt.Sprintf("the entry with index %d follows the one with index %d", e.Index, r.from.Index+uint64(len(r.Entries)))
	}
	r.Entries = append(r.Entries[:keep], e)
	return ""
}

// snapshot takes the record of a snapshot. One that came from another member replaces the log, if it is the one that
// is read from.
func (r *replayer) snapshot(p Position) {
	fits := false
	switch n := p.Index - r.from.Index; {
	case p == r.from:
		r.found = true
		if r.fromTerm != 0 && r.fromTerm != p.Term { // with 0, what is here follows the snapshot: etcdctl backup writes its record last
			r.Entries = r.Entries[:0]
		}
		r.fromTerm = p.Term
		fits = true
	case p.Index <= r.from.Index:
		fits = true // older than what is read from
	case n <= uint64(len(r.Entries)):
		fits = r.Entries[n-1].Term == p.Term
	}
	if !fits {
		r.orphan = &p
	}
	r.last = max(r.last, p.Index)
}
