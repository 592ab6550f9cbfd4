package fsys

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// OS is the real file system.
var OS FS = osFS{}

type osFS struct{}

func (osFS) MkdirAll(dir string, perm fs.FileMode) error { return os.MkdirAll(dir, perm) }
func (osFS) Rename(from, to string) error                { return os.Rename(from, to) }
func (osFS) Remove(name string) error                    { return os.Remove(name) }
func (osFS) RemoveAll(name string) error                 { return os.RemoveAll(name) }
func (osFS) ReadDir(dir string) ([]fs.DirEntry, error)   { return os.ReadDir(dir) }
func (osFS) Stat(name string) (fs.FileInfo, error)       { return os.Stat(name) }

func (osFS) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	f, err := os.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (osFS) SyncDir(dir string) error {
	d, err := os.Open(filepath.Clean(dir))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

type osFile struct{ *os.File }

func (f osFile) Datasync() error {
	return f.control("fdatasync", func(fd int) error { return unix.Fdatasync(fd) })
}

// Lock takes a flock, as etcd 2.3 does, and an open-file-description lock, as etcd 3.x does. The kernel keeps the two
// kinds apart, so each keeps out a server that knows only the other. The second needs a file that is open for writing.
func (f osFile) Lock() error {
	err := f.control("flock", func(fd int) error { return unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) })
	if err == nil {
		whole := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
		err = f.control("lock", func(fd int) error { return unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, &whole) })
	}
	if errors.Is(err, unix.EWOULDBLOCK) || errors.Is(err, unix.EACCES) {
		return &fs.PathError{Op: "lock", Path: f.Name(), Err: ErrLocked}
	}
	return err
}

// control runs do with the descriptor, again while signals interrupt it, and names the file in its error.
func (f osFile) control(op string, do func(fd int) error) error {
	c, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var opErr error
	err = c.Control(func(fd uintptr) {
		for opErr = do(int(fd)); errors.Is(opErr, unix.EINTR); {
			opErr = do(int(fd))
		}
	})
	if err == nil && opErr != nil {
		err = &fs.PathError{Op: op, Path: f.Name(), Err: opErr}
	}
	return err
}
