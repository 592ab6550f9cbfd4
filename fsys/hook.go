package fsys

import (
	"io"
	"io/fs"
	"os"
)

// Hook wraps a file system: before each call the function is told of it, and what it returns is returned instead of making
// the call, unless it is nil. It runs in the goroutine of the caller, which it may hold up, and many run at a time. Calls
// have no Seq. Faulty follows what is durable, holds calls up for one another and keeps every file in memory; Hook is
// for whole servers.
func Hook(under FS, before func(Call) error) FS { return hooked{under, before} }

type hooked struct {
	under  FS
	before func(Call) error
}

func (h hooked) ask(kind Kind, name string) error {
	return wrap(kind, name, h.before(Call{Kind: kind, Name: name}))
}

func wrap(kind Kind, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: string(kind), Path: name, Err: err}
}

func (h hooked) MkdirAll(dir string, perm fs.FileMode) error {
	if err := h.ask(MkdirAll, dir); err != nil {
		return err
	}
	return h.under.MkdirAll(dir, perm)
}

func (h hooked) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	if err := h.ask(OpenFile, name); err != nil {
		return nil, err
	}
	f, err := h.under.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &hookedFile{File: f, fs: h, add: flag&os.O_APPEND != 0}, nil
}

func (h hooked) Rename(from, to string) error {
	if err := h.ask(Rename, to); err != nil {
		return err
	}
	return h.under.Rename(from, to)
}

func (h hooked) Remove(name string) error {
	if err := h.ask(Remove, name); err != nil {
		return err
	}
	return h.under.Remove(name)
}

func (h hooked) RemoveAll(name string) error {
	if err := h.ask(RemoveAll, name); err != nil {
		return err
	}
	return h.under.RemoveAll(name)
}

func (h hooked) ReadDir(dir string) ([]fs.DirEntry, error) {
	if err := h.ask(ReadDir, dir); err != nil {
		return nil, err
	}
	return h.under.ReadDir(dir)
}

func (h hooked) Stat(name string) (fs.FileInfo, error) {
	if err := h.ask(Stat, name); err != nil {
		return nil, err
	}
	return h.under.Stat(name)
}

func (h hooked) SyncDir(dir string) error {
	if err := h.ask(SyncDir, dir); err != nil {
		return err
	}
	return h.under.SyncDir(dir)
}

// hookedFile is a file of a hooked file system. Reads are not told of.
type hookedFile struct {
	File
	fs  hooked
	add bool // writes go to the end
}

func (f *hookedFile) Write(b []byte) (int, error) {
	whence := io.SeekCurrent
	if f.add {
		whence = io.SeekEnd
	}
	off, err := f.Seek(0, whence)
	if err == nil {
		err = f.writing(b, off)
	}
	if err != nil {
		return 0, err
	}
	return f.File.Write(b)
}

func (f *hookedFile) WriteAt(b []byte, off int64) (int, error) {
	if err := f.writing(b, off); err != nil {
		return 0, err
	}
	return f.File.WriteAt(b, off)
}

func (f *hookedFile) writing(b []byte, off int64) error {
	info, err := f.File.Stat()
	if err != nil {
		return err
	}
	c := Call{Kind: Write, Name: f.Name(), Size: len(b), At: off, Grows: off+int64(len(b)) > info.Size()}
	return wrap(Write, f.Name(), f.fs.before(c))
}

func (f *hookedFile) Truncate(size int64) error {
	if err := f.fs.ask(Truncate, f.Name()); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

func (f *hookedFile) Sync() error {
	if err := f.fs.ask(Sync, f.Name()); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *hookedFile) Datasync() error {
	if err := f.fs.ask(Datasync, f.Name()); err != nil {
		return err
	}
	return f.File.Datasync()
}

func (f *hookedFile) Lock() error {
	if err := f.fs.ask(Lock, f.Name()); err != nil {
		return err
	}
	return f.File.Lock()
}
