package snapshot

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"go.uber.org/zap"

	"pando/fsys"
)

const brokenSuffix = ".broken"

// ParseName reads term and index from the name of a file, as Names returns it. Only the exact form counts.
func ParseName(name string) (m Meta, ok bool) {
	_, err := fmt.Sscanf(name, "%016x-%016x.snap", &m.Term, &m.Index)
	return m, err == nil && name == fileName(m)
}

// Names returns the names of the snapshots in dir, newest first.
func Names(f fsys.FS, dir string) ([]string, error) {
	entries, err := f.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if _, ok := ParseName(e.Name()); ok {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	slices.Reverse(names)
	return names, nil
}

// Reader reads the payload of a snapshot that was verified. It keeps the file open until Close.
type Reader struct {
	Meta Meta
	Size int64 // of the file in bytes

	payload *io.SectionReader
	file    fsys.File
}

// Read reads the payload.
func (r *Reader) Read(b []byte) (int, error) { return r.payload.Read(b) }

// Close closes the file.
func (r *Reader) Close() error { return r.file.Close() }

// Len is the length of the payload in bytes.
func (r *Reader) Len() int64 { return r.payload.Size() }

// File describes the file.
func (r *Reader) File() File { return File{Name: r.file.Name(), Meta: r.Meta, Size: r.Size} }

// Open verifies a snapshot and returns its payload. The caller closes the Reader.
func Open(f fsys.FS, file File) (*Reader, error) { return open(f, file.Name, file.Meta, nil) }

// Load reads a snapshot once: use gets the payload, to its end or as far as it likes, and whether that is what was written is known
// when Load returns. After an error, which may be that of use, nothing that use has made of it may be used.
func Load(f fsys.FS, file File, use func(payload io.Reader) error) (File, error) {
	var failed error
	r, err := open(f, file.Name, file.Meta, func(payload io.Reader) error {
		failed = use(payload)
		return failed
	})
	if failed != nil {
		return File{}, failed
	}
	if err != nil {
		return File{}, err
	}
	return r.File(), r.Close()
}

// Newest returns the newest snapshot in dir that can be read and that ok agrees to; nil, nil if there is none. The
// crc was verified over the whole file. One that ok agrees to but cannot be read is renamed to *.broken and logged; log
// may be nil. The caller closes the Reader.
func Newest(f fsys.FS, dir string, ok func(index, term uint64) bool, log *zap.Logger) (*Reader, error) {
	if log == nil {
		log = zap.NewNop()
	}
	names, err := Names(f, dir)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		m, _ := ParseName(name)
		if !ok(m.Index, m.Term) {
			log.Warn("left a snapshot out: the log does not know it", zap.String("file", name))
			continue
		}
		path := filepath.Join(dir, name)
		r, err := open(f, path, m, nil)
		if err == nil {
			return r, nil
		}
		if !errors.Is(err, errFrame) {
			return nil, err
		}
		log.Error("set aside a snapshot that cannot be read", zap.String("file", path), zap.String("renamed to", name+brokenSuffix), zap.Error(err))
		if err := f.Rename(path, path+brokenSuffix); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// open verifies a file whose name says m, and lets its payload be used on the way.
func open(f fsys.FS, name string, m Meta, use func(payload io.Reader) error) (_ *Reader, err error) {
	file, err := f.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			file.Close()
		}
	}()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	at, err := parse(file, info.Size(), use)
	if err != nil && !errors.Is(err, errFrame) {
		err = broken("%v", err) // what the disk does not give back is as good as damaged
	}
	if err != nil {
		return nil, err
	}
	if at.meta.Index != m.Index || at.meta.Term != m.Term {
		return nil, broken("it covers index %d of term %d, and its name says otherwise", at.meta.Index, at.meta.Term)
	}
	return &Reader{Meta: at.meta, Size: info.Size(), payload: io.NewSectionReader(file, at.start, at.len), file: file}, nil
}

// Purge removes all snapshots in dir but the keep newest; 0 removes none.
func Purge(f fsys.FS, dir string, keep int) error {
	names, err := Names(f, dir)
	if err != nil || keep <= 0 || len(names) <= keep {
		return err
	}
	for _, name := range names[keep:] {
		if err := f.Remove(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return f.SyncDir(dir)
}
