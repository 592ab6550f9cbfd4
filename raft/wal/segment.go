package wal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"pando/fsys"
)

const (
	// defaultSegment is the size of a segment in bytes, and the largest: etcd 3.4 refuses a filler above 10 MB.
	defaultSegment = 8 << 20
	minSegment     = 4 << 10
	// maxSegment is the largest file that is read. etcd cuts at 64 MB and adds at most one record.
	maxSegment = 512 << 20
	// maxRecord is the largest record that is read or written, in bytes.
	maxRecord = 128 << 20
)

// segment is one file of the log.
type segment struct {
	name  string
	seq   uint64
	index uint64    // of the first entry that was written to it
	file  fsys.File // nil in a listing
	size  int64     // of the file in bytes; 0 in a listing
}

func segmentName(seq, index uint64) string { return fmt.Sprintf("%016x-%016x.wal", seq, index) }

// parseName reads a name back. Only the exact form counts: anything else in the directory is not ours.
func parseName(name string) (s segment, ok bool) {
	if _, err := fmt.Sscanf(name, "%016x-%016x.wal", &s.seq, &s.index); err != nil {
		return s, false
	}
	s.name = name
	return s, name == segmentName(s.seq, s.index)
}

// list returns the segments in dir, oldest first.
func list(f fsys.FS, dir string) ([]*segment, error) {
	names, err := f.ReadDir(dir) // sorted, and the number comes first in a name
	if err != nil {
		return nil, err
	}
	var all []*segment
	for _, e := range names {
		if s, ok := parseName(e.Name()); ok {
			all = append(all, &s)
		}
	}
	return all, nil
}

// startFor returns which segment to begin with to read what is behind index: the last one whose first entry is not
// behind it; -1 if there is none.
func startFor(all []*segment, index uint64) int {
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].index <= index {
			return i
		}
	}
	return -1
}

// chain checks that no segment is missing in a row.
func chain(dir string, all []*segment) error {
	for i := 1; i < len(all); i++ {
		if want := all[i-1].seq + 1; all[i].seq != want {
			return fmt.Errorf("%w: in %s segment %d follows segment %d: what was between them is missing. %s",
				ErrDamaged, dir, all[i].seq, all[i-1].seq, whatToDo)
		}
	}
	return nil
}

// open opens a segment of a listing; with lock it is ready to be written.
func (s *segment) open(f fsys.FS, dir string, flag int, lock bool) error {
	file, err := f.OpenFile(filepath.Join(dir, s.name), flag, 0o600)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err == nil && lock {
		err = file.Lock()
	}
	if err == nil && info.Size() > maxSegment {
		err = fmt.Errorf("%w: %s has %d bytes, which no log segment has", ErrDamaged, file.Name(), info.Size())
	}
	if err != nil {
		return errors.Join(err, file.Close())
	}
	s.file, s.size = file, info.Size()
	return nil
}

// closeAll closes the files of segments, which gives up their locks.
func closeAll(all []*segment) error {
	var errs []error
	for _, s := range all {
		if s.file != nil {
			errs = append(errs, s.file.Close())
			s.file = nil
		}
	}
	return errors.Join(errs...)
}

// removeScratch removes segments that were prepared and never used, also etcd 3.x's; but not under another process.
func removeScratch(f fsys.FS, dir string) error {
	names, err := f.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range names {
		if e.IsDir() || !strings.HasSuffix(e.Name(), scratchSuffix) {
			continue
		}
		name := filepath.Join(dir, e.Name())
		file, err := f.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		if err = file.Lock(); err == nil {
			err = f.Remove(name)
		}
		if err = errors.Join(err, file.Close()); err != nil {
			return err
		}
	}
	return nil
}
