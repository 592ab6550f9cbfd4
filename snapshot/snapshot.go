package snapshot

import (
	"errors"
	"io"

	"go.uber.org/zap"

	"pando/fsys"
)

// Meta says what a snapshot covers.
type Meta struct {
	Index, Term      uint64
	Voters, Learners []uint64
}

// Payload is what goes into a snapshot.
type Payload interface {
	WriteTo(w io.Writer) (int64, error)
}

// File is a snapshot on disk.
type File struct {
	Name string
	Meta Meta
	Size int64
}

// Reader reads the payload of a snapshot.
type Reader struct {
	Meta Meta
	Size int64
}

func (r *Reader) Read(p []byte) (int, error) { return 0, io.EOF }
func (r *Reader) Close() error               { return nil }

func Write(f fsys.FS, dir string, m Meta, p Payload, commit func() error) (File, error) {
	return File{}, errors.ErrUnsupported
}
func Names(f fsys.FS, dir string) ([]string, error) { return nil, errors.ErrUnsupported }
func Newest(f fsys.FS, dir string, ok func(index, term uint64) bool, log *zap.Logger) (*Reader, error) {
	return nil, errors.ErrUnsupported
}
func Purge(f fsys.FS, dir string, keep int) error { return nil }
