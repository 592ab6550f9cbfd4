package fsys

import (
	"io"
	"io/fs"
)

// memoryFile is an open file of a Memory.
type memoryFile struct {
	fs      *Memory
	name    string
	content *content
	pos     int64
	power   int // of the file system when it was opened
	closed  bool
}

// do makes a call on a file that is still open.
func (f *memoryFile) do(kind Kind, call func() error) error {
	return f.fs.do(kind, f.name, func() error {
		if f.closed || f.power != f.fs.power {
			return fs.ErrClosed
		}
		return call()
	})
}

func (f *memoryFile) Name() string { return f.name }

func (f *memoryFile) Read(b []byte) (n int, err error) {
	err = f.do(Read, func() error {
		n, err = f.content.readAt(b, f.pos)
		f.pos += int64(n)
		if n > 0 {
			return nil
		}
		return err
	})
	return n, err
}

func (f *memoryFile) ReadAt(b []byte, off int64) (n int, err error) {
	err = f.do(Read, func() error { n, err = f.content.readAt(b, off); return err })
	return n, err
}

func (c *content) readAt(b []byte, off int64) (n int, err error) {
	if off < int64(len(c.now)) {
		n = copy(b, c.now[off:])
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memoryFile) Write(b []byte) (int, error) {
	n, err := f.WriteAt(b, f.pos)
	f.pos += int64(n)
	return n, err
}

// WriteAt writes all of b, or what is left of it by a fault.
func (f *memoryFile) WriteAt(b []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	fault := f.fs.ask(Write, f.name, len(b))
	switch {
	case f.closed || f.power != f.fs.power:
		return 0, &fs.PathError{Op: string(Write), Path: f.name, Err: fs.ErrClosed}
	case fault.Err != nil:
		n := min(fault.Short, len(b))
		f.content.write(b[:n], off)
		return n, &fs.PathError{Op: string(Write), Path: f.name, Err: fault.Err}
	}
	f.content.write(b, off)
	return len(b), nil
}

func (f *memoryFile) Seek(offset int64, whence int) (int64, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	switch whence {
	case io.SeekCurrent:
		offset += f.pos
	case io.SeekEnd:
		offset += int64(len(f.content.now))
	}
	if offset < 0 {
		return f.pos, fs.ErrInvalid
	}
	f.pos = offset
	return offset, nil
}

func (f *memoryFile) Stat() (info fs.FileInfo, err error) {
	err = f.do(Stat, func() error {
		info = memoryInfo{name: f.name, size: len(f.content.now)}
		return nil
	})
	return info, err
}

func (f *memoryFile) Truncate(size int64) error {
	return f.do(Truncate, func() error { f.content.truncate(size); return nil })
}

func (f *memoryFile) Sync() error {
	return f.do(Sync, func() error { f.content.sync(); return nil })
}

func (f *memoryFile) Datasync() error {
	return f.do(Datasync, func() error { f.content.sync(); return nil })
}

func (f *memoryFile) Lock() error {
	return f.do(Lock, func() error {
		if other := f.fs.locked[f.content]; other != nil && other != f {
			return ErrLocked
		}
		f.fs.locked[f.content] = f
		return nil
	})
}

func (f *memoryFile) Close() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.closed {
		return fs.ErrClosed
	}
	f.closed = true
	if f.fs.locked[f.content] == f {
		delete(f.fs.locked, f.content)
	}
	return nil
}
