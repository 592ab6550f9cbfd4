package wal

import (
	"errors"
	"io"
)

// window is the part of a file that is in memory. Records are parsed in place.
type window struct {
	f     io.ReaderAt
	size  int64
	share bool // what was returned stays as it is: each part gets memory of its own
	start int64
	buf   []byte
}

// windowSize is how much is read at a time, in bytes. Entries keep the part that they are in alive.
const windowSize = 256 << 10

// bytes returns n bytes at off, which the file must have.
func (w *window) bytes(off, n int64) ([]byte, error) {
	if i := off - w.start; i >= 0 && i+n <= int64(len(w.buf)) {
		return w.buf[i : i+n : i+n], nil
	}
	size := min(max(n, windowSize), w.size-off)
	if w.share || int64(cap(w.buf)) < size {
		w.buf = make([]byte, size)
	}
	w.buf, w.start = w.buf[:size], off
	if err := readFull(w.f, w.buf, off); err != nil {
		w.buf = nil
		return nil, err
	}
	return w.buf[:n:n], nil
}

func readFull(f io.ReaderAt, b []byte, off int64) error {
	n, err := f.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return err
}
