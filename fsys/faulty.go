package fsys

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// Kind is what a call does.
type Kind string

// The kinds, by the method that is called. Read stands for ReadAt too, Write for WriteAt.
const (
	MkdirAll  Kind = "mkdir"
	OpenFile  Kind = "open"
	Rename    Kind = "rename"
	Remove    Kind = "remove"
	RemoveAll Kind = "removeall"
	ReadDir   Kind = "readdir"
	Stat      Kind = "stat"
	SyncDir   Kind = "syncdir"
	Read      Kind = "read"
	Write     Kind = "write"
	Truncate  Kind = "truncate"
	Sync      Kind = "sync"
	Datasync  Kind = "datasync"
	Lock      Kind = "lock"
)

// Call labels one call of a method.
type Call struct {
	Seq   int // 1 for the first call of this Faulty
	Kind  Kind
	Name  string // the path; the new one of a rename
	Size  int    // bytes to read or write
	At    int64  // of a write: where it begins
	Grows bool   // of a write: the file becomes longer, so that a full disk has no room for it
}

func (c Call) String() string { return fmt.Sprintf("call %d: %s %s", c.Seq, c.Kind, c.Name) }

// Torn returns how many bytes, n at most, are there of a write that was torn: no sector of a disk has a part of it.
func (c Call) Torn(n int) int {
	if n >= c.Size {
		return c.Size
	}
	return int(max(0, (c.At+int64(n))/Sector*Sector-c.At))
}

// Fault is what happens to a call instead. The zero Fault lets it through.
type Fault struct {
	Err   error // what the call returns: syscall.EIO, syscall.ENOSPC, …
	Short int   // with Err, of a write: so many bytes are written all the same
	Lie   bool  // of a sync: it returns nil and does nothing
}

// Faulty wraps a file system. A function of the test sees every call before it is made and may let it fail, and Crash
// makes a copy of the directory as a power cut might leave it.
//
// What a power cut leaves: everything that was synced; of the changes of names since the last SyncDir those up to some
// moment; of the bytes written to a file since its last sync any subset of sectors, whole ones; the length that the file
// had at any of these writes. Only what was written through this Faulty counts: whatever was there before is durable.
type Faulty struct {
	under FS
	root  string

	mu    sync.Mutex
	seq   int
	fault func(Call) Fault
	disk  *disk
}

// NewFaulty wraps under. Only what is below root is followed for Crash.
func NewFaulty(under FS, root string) (*Faulty, error) {
	d, err := loadDisk(under, filepath.Clean(root))
	return &Faulty{under: under, root: filepath.Clean(root), disk: d}, err
}

// OnCall sets the function that decides about each call, nil for none. It runs in the goroutine of the caller, one call
// at a time, and must not use this Faulty.
func (f *Faulty) OnCall(fault func(Call) Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = fault
}

// Calls returns how many calls were made.
func (f *Faulty) Calls() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seq
}

// call counts a call and asks about it.
func (f *Faulty) call(c Call) Fault {
	f.seq++
	if f.fault == nil {
		return Fault{}
	}
	c.Seq = f.seq
	return f.fault(c)
}

// do makes a call unless it is to fail, and then has what is durable follow it.
func (f *Faulty) do(kind Kind, name string, call func() error, follow func()) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	fault := f.call(Call{Kind: kind, Name: name})
	if fault.Err != nil {
		return &fs.PathError{Op: string(kind), Path: name, Err: fault.Err}
	}
	if fault.Lie {
		return nil
	}
	err := call()
	if err == nil && follow != nil {
		follow()
	}
	return err
}

// MkdirAll is FS.MkdirAll. A directory is durable at once.
func (f *Faulty) MkdirAll(dir string, perm fs.FileMode) error {
	return f.do(MkdirAll, dir, func() error { return f.under.MkdirAll(dir, perm) }, nil)
}

// Rename is FS.Rename.
func (f *Faulty) Rename(from, to string) error {
	return f.do(Rename, to, func() error { return f.under.Rename(from, to) }, func() { f.disk.rename(from, to) })
}

// Remove is FS.Remove.
func (f *Faulty) Remove(name string) error {
	return f.do(Remove, name, func() error { return f.under.Remove(name) }, func() { f.disk.remove(name) })
}

// RemoveAll is FS.RemoveAll. It is durable at once.
func (f *Faulty) RemoveAll(name string) error {
	return f.do(RemoveAll, name, func() error { return f.under.RemoveAll(name) }, func() { f.disk.removeAll(name) })
}

// ReadDir is FS.ReadDir.
func (f *Faulty) ReadDir(dir string) (entries []fs.DirEntry, err error) {
	err = f.do(ReadDir, dir, func() error { entries, err = f.under.ReadDir(dir); return err }, nil)
	return entries, err
}

// Stat is FS.Stat.
func (f *Faulty) Stat(name string) (info fs.FileInfo, err error) {
	err = f.do(Stat, name, func() error { info, err = f.under.Stat(name); return err }, nil)
	return info, err
}

// SyncDir is FS.SyncDir.
func (f *Faulty) SyncDir(dir string) error {
	return f.do(SyncDir, dir, func() error { return f.under.SyncDir(dir) }, func() { f.disk.syncDir(dir) })
}

// OpenFile is FS.OpenFile.
func (f *Faulty) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	var file File
	err := f.do(OpenFile, name, func() (err error) {
		file, err = f.under.OpenFile(name, flag, perm)
		return err
	}, nil)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return &faultyFile{File: file, fs: f, content: f.disk.open(name, flag), add: flag&os.O_APPEND != 0}, nil
}

// faultyFile follows what is written to a file.
type faultyFile struct {
	File
	fs      *Faulty
	content *content
	add     bool // writes go to the end
}

func (f *faultyFile) Read(b []byte) (n int, err error) {
	err = f.fs.do(Read, f.Name(), func() error { n, err = f.File.Read(b); return err }, nil)
	return n, err
}

func (f *faultyFile) ReadAt(b []byte, off int64) (n int, err error) {
	err = f.fs.do(Read, f.Name(), func() error { n, err = f.File.ReadAt(b, off); return err }, nil)
	return n, err
}

func (f *faultyFile) Write(b []byte) (int, error) {
	whence := io.SeekCurrent
	if f.add {
		whence = io.SeekEnd
	}
	off, err := f.File.Seek(0, whence)
	if err != nil {
		return 0, err
	}
	return f.write(b, off, f.File.Write)
}

func (f *faultyFile) WriteAt(b []byte, off int64) (int, error) {
	return f.write(b, off, func(b []byte) (int, error) { return f.File.WriteAt(b, off) })
}

// write writes all of b, or what is left of it by a fault.
func (f *faultyFile) write(b []byte, off int64, write func([]byte) (int, error)) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	fault := f.fs.call(Call{Kind: Write, Name: f.Name(), Size: len(b), At: off, Grows: off+int64(len(b)) > int64(len(f.content.now))})
	if fault.Err != nil {
		b = b[:min(fault.Short, len(b))]
	}
	n, err := write(b)
	f.content.write(b[:n], off)
	if fault.Err != nil {
		err = &fs.PathError{Op: string(Write), Path: f.Name(), Err: fault.Err}
	}
	return n, err
}

func (f *faultyFile) Truncate(size int64) error {
	return f.fs.do(Truncate, f.Name(), func() error { return f.File.Truncate(size) }, func() { f.content.truncate(size) })
}

func (f *faultyFile) Sync() error {
	return f.fs.do(Sync, f.Name(), func() error { return f.File.Sync() }, f.content.sync)
}

func (f *faultyFile) Datasync() error {
	return f.fs.do(Datasync, f.Name(), func() error { return f.File.Datasync() }, f.content.sync)
}

func (f *faultyFile) Lock() error {
	return f.fs.do(Lock, f.Name(), f.File.Lock, nil)
}
