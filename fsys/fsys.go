// Package fsys is the small part of a file system that the log and the snapshots write through. The server uses OS;
// tests use Faulty, which makes chosen operations fail and can show what a power cut would have left.
//
// What is durable when:
//
//	File.Sync, File.Datasync   the bytes of the file, and its length
//	FS.SyncDir                 the names in a directory: creations, renames, removals
//
// A file that was synced under a name which was not is lost with the power, so a new file needs both.
//
// The package imports nothing of ours.
package fsys

import (
	"errors"
	"io"
	"io/fs"
)

// ErrLocked is what File.Lock answers when another process, or another opening of the file in this one, holds a lock.
var ErrLocked = errors.New("the file is locked by another process")

// FS is what the log and the snapshots need of a file system. Names are paths as package os takes them. Errors are those
// of package os: errors.Is with fs.ErrNotExist, fs.ErrExist and syscall errors works. Any goroutine may call any method.
type FS interface {
	// MkdirAll creates dir and its missing parents. It syncs nothing.
	MkdirAll(dir string, perm fs.FileMode) error
	// OpenFile opens name with the flags of package os.
	OpenFile(name string, flag int, perm fs.FileMode) (File, error)
	// Rename replaces to, if it exists, in one step. It is durable after SyncDir of the directory.
	Rename(from, to string) error
	// Remove removes a file or an empty directory.
	Remove(name string) error
	// RemoveAll removes name and what is below it; a missing name is no error.
	RemoveAll(name string) error
	// ReadDir lists a directory by name.
	ReadDir(dir string) ([]fs.DirEntry, error)
	// Stat describes name.
	Stat(name string) (fs.FileInfo, error)
	// SyncDir makes the names in dir durable.
	SyncDir(dir string) error
}

// File is an open file. Its methods are those of os.File, but for Datasync and Lock.
type File interface {
	io.Reader
	io.ReaderAt
	io.Writer
	io.WriterAt
	io.Seeker
	io.Closer

	// Name is the name that the file was opened with.
	Name() string
	// Stat describes the file.
	Stat() (fs.FileInfo, error)
	// Truncate sets the length in bytes.
	Truncate(size int64) error
	// Sync makes bytes, length and attributes durable. After an error the pages may be gone: don't try again.
	Sync() error
	// Datasync makes bytes and length durable, and skips attributes such as times. Errors as of Sync.
	Datasync() error
	// Lock takes an exclusive lock of both kinds that etcd has used, or answers ErrLocked at once. The locks go
	// when the file is closed or the process ends.
	Lock() error
}
