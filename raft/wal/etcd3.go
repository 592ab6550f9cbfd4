package wal

import (
	"errors"
	"os"

	"pando/fsys"
)

// Etcd3 reports whether etcd 3.x wrote in the log in dir: some record is padded, which etcd 2.3 cannot read. It changes
// nothing and takes no lock, and looks only as far as the log can be read.
func Etcd3(f fsys.FS, dir string) (bool, error) {
	all, err := list(f, dir)
	if err != nil {
		return false, err
	}
	for _, s := range all {
		if err := s.open(f, dir, os.O_RDONLY, false); err != nil {
			return false, err
		}
		padded, err := s.padded()
		if err = errors.Join(err, closeAll([]*segment{s})); padded || err != nil {
			return padded, err
		}
	}
	return false, nil
}

// padded goes from record to record by their lengths alone.
func (s *segment) padded() (bool, error) {
	win := window{f: s.file, size: s.size}
	for off := int64(0); s.size-off >= frameSize; {
		head, err := win.bytes(off, frameSize)
		if err != nil {
			return false, err
		}
		length, padding, ok := parseFrame(head)
		if !ok || length == 0 {
			return false, nil
		}
		if padding > 0 {
			return true, nil
		}
		off += frameSize + length
	}
	return false, nil
}
