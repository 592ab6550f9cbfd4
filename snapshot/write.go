package snapshot

import (
	"bufio"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"pando/fsys"
)

const (
	suffix        = ".snap"
	scratchSuffix = ".snap.tmp"
	// syncEvery is how much is written before it is synced, in bytes: one large sync at the end would make the log
	// wait for the disk.
	syncEvery = 4 << 20
)

// Payload is what goes into a snapshot. WriteTo is called twice and must write the same bytes both times.
type Payload interface {
	WriteTo(w io.Writer) (int64, error)
}

// File is a snapshot on disk.
type File struct {
	Name string // its path
	Meta Meta
	Size int64 // of the file in bytes
}

func fileName(m Meta) string { return fmt.Sprintf("%016x-%016x%s", m.Term, m.Index, suffix) }

// Write makes a snapshot in dir. The payload is measured first and written then. When the file is durable but for its
// name, commit is called, to put the snapshot's record into the log; if it fails there is no snapshot. After an error of
// Write there may be a record without a snapshot, which is harmless. One goroutine at a time may write to a directory.
func Write(f fsys.FS, dir string, m Meta, p Payload, commit func() error) (File, error) {
	if err := removeScratch(f, dir); err != nil {
		return File{}, err
	}
	name := filepath.Join(dir, fileName(m))
	scratch := filepath.Join(dir, strings.TrimSuffix(fileName(m), suffix)+scratchSuffix)
	size, err := fill(f, scratch, m, p)
	if err == nil {
		err = commit()
	}
	if err == nil {
		err = f.Rename(scratch, name)
	}
	if err != nil {
		f.Remove(scratch) // if this fails too, the next Write tries again
		return File{}, err
	}
	return File{Name: name, Meta: m, Size: size}, f.SyncDir(dir)
}

// fixedCRC is the size of the crc in the file: a varint that may not be of the shortest form, so that it can be filled
// in when everything else is there.
const fixedCRC = 5

// measure returns what is in front of the payload, but for the crc, and where the part begins that the crc covers.
func measure(p Payload, tail []byte) (head []byte, covered int, payload int64, err error) {
	var count counter
	if _, err := p.WriteTo(&count); err != nil {
		return nil, 0, 0, err
	}
	inner := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.BytesType), uint64(count.n))
	head = protowire.AppendTag(nil, 1, protowire.VarintType)
	head = append(head, make([]byte, fixedCRC)...)
	head = protowire.AppendTag(head, 2, protowire.BytesType)
	head = protowire.AppendVarint(head, uint64(len(inner)+len(tail))+uint64(count.n))
	return append(head, inner...), len(head), count.n, nil
}

// counter counts what is written to it, in bytes.
type counter struct {
	n int64
	breaks
}

func (c *counter) Write(b []byte) (int, error) {
	c.n += int64(len(b))
	c.worked(len(b))
	return len(b), nil
}

// breaks has a snapshot sleep after so many bytes, about a millisecond each time: requests go first. To yield would not do,
// because the processor would take the snapshot up again before what waits on another one, behind the garbage collector.
type breaks struct{ bytes int }

const breakEvery = 512 << 10

func (k *breaks) worked(bytes int) {
	if k.bytes += bytes; k.bytes >= breakEvery {
		k.bytes = 0
		time.Sleep(50 * time.Microsecond)
	}
}

// fill writes a file and makes its bytes durable.
func fill(f fsys.FS, name string, m Meta, p Payload) (size int64, err error) {
	tail := appendMeta(nil, m)
	head, covered, payload, err := measure(p, tail)
	if err != nil {
		return 0, err
	}
	file, err := f.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := file.Write(head); err != nil {
		return 0, err
	}
	out := &syncer{file: file, crc: crc32.Checksum(head[covered:], castagnoli)}
	buffered := bufio.NewWriterSize(out, 256<<10)
	if _, err := p.WriteTo(buffered); err != nil {
		return 0, err
	}
	if _, err := buffered.Write(tail); err != nil {
		return 0, err
	}
	if err := buffered.Flush(); err != nil {
		return 0, err
	}
	if want := payload + int64(len(tail)); out.n != want {
		return 0, fmt.Errorf("the payload of a snapshot changed its length from %d to %d bytes while it was written", payload, out.n-int64(len(tail)))
	}
	if _, err := file.WriteAt(appendFixed(nil, out.crc), 1); err != nil {
		return 0, err
	}
	return int64(len(head)) + out.n, file.Sync()
}

// appendFixed appends the varint of v in fixedCRC bytes.
func appendFixed(b []byte, v uint32) []byte {
	return append(b, byte(v)|0x80, byte(v>>7)|0x80, byte(v>>14)|0x80, byte(v>>21)|0x80, byte(v>>28))
}

// syncer writes to a file, sums up what it writes, and syncs it now and then.
type syncer struct {
	file  fsys.File
	crc   uint32
	n     int64
	dirty int64 // bytes since the last sync
	breaks
}

func (s *syncer) Write(b []byte) (int, error) {
	n, err := s.file.Write(b)
	s.crc = crc32.Update(s.crc, castagnoli, b[:n])
	s.n += int64(n)
	s.worked(n)
	if s.dirty += int64(n); err == nil && s.dirty >= syncEvery {
		s.dirty = 0
		err = s.file.Datasync()
	}
	return n, err
}

// removeScratch removes what a Write that did not end has left.
func removeScratch(f fsys.FS, dir string) error {
	names, err := f.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range names {
		if strings.HasSuffix(e.Name(), scratchSuffix) {
			if err := f.Remove(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}
