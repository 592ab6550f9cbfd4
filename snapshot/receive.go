package snapshot

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"pando/fsys"
)

// incomingName is the file that a snapshot of another member is written to. It is not one that Write removes, which may
// be at work at the same time.
const incomingName = "incoming.snap.part"

// Received is a snapshot from another member: durable and verified, but without its name.
type Received struct {
	Meta Meta
	Size int64 // of the file in bytes

	fs      fsys.FS
	dir     string
	file    fsys.File
	payload *io.SectionReader
	named   bool
}

// Receive writes a snapshot, as the bytes of its file, to a temporary file in dir, makes it durable and verifies it. The
// caller ends with Discard. There is one at a time in a directory.
func Receive(f fsys.FS, dir string, r io.Reader) (*Received, error) {
	return receive(f, dir, func(name string) (err error) {
		file, err := f.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o644)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		if _, err := io.CopyBuffer(&syncer{file: file}, onlyReader{r}, make([]byte, 256<<10)); err != nil {
			return err
		}
		return file.Sync()
	})
}

// ReceivePayload is Receive for a payload that came without a frame.
func ReceivePayload(f fsys.FS, dir string, m Meta, p Payload) (*Received, error) {
	return receive(f, dir, func(name string) error {
		_, err := fill(f, name, m, p)
		return err
	})
}

// onlyReader keeps io.CopyBuffer to its buffer.
type onlyReader struct{ io.Reader }

func receive(f fsys.FS, dir string, write func(name string) error) (_ *Received, err error) {
	name := filepath.Join(dir, incomingName)
	defer func() {
		if err != nil {
			f.Remove(name) // if this fails too, RemoveLeftovers does it
		}
	}()
	if err := write(name); err != nil {
		return nil, err
	}
	file, err := f.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	at, err := parse(file, info.Size(), nil)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &Received{
		Meta: at.meta, Size: info.Size(), fs: f, dir: dir, file: file,
		payload: io.NewSectionReader(file, at.start, at.len),
	}, nil
}

// Read reads the payload.
func (r *Received) Read(b []byte) (int, error) { return r.payload.Read(b) }

// File describes the file under the name that Name gives it.
func (r *Received) File() File {
	return File{Name: filepath.Join(r.dir, fileName(r.Meta)), Meta: r.Meta, Size: r.Size}
}

// Name gives the file its name, durably. The record in the log comes before.
func (r *Received) Name() error {
	if err := r.fs.Rename(r.file.Name(), r.File().Name); err != nil {
		return err
	}
	r.named = true
	return r.fs.SyncDir(r.dir)
}

// Discard closes the file, and removes it if it has no name.
func (r *Received) Discard() error {
	err := r.file.Close()
	if !r.named {
		err = errors.Join(err, r.fs.Remove(r.file.Name()))
	}
	return err
}

// RemoveLeftovers removes what a process that ended while it received a snapshot has left in dir.
func RemoveLeftovers(f fsys.FS, dir string) error {
	err := f.Remove(filepath.Join(dir, incomingName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
