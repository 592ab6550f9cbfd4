package wal

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"go.uber.org/zap"
)

// Append writes a batch, with one write. ErrNoSpace means that the next segment cannot be prepared: nothing was
// written, and the same batch may be tried again. After any other error the log is dead: every later call fails, and
// only Look finds out how much of the batch is there.
func (w *WAL) Append(b Batch) error {
	if w.dead != nil {
		return w.dead
	}
	if len(b.Entries) == 0 && b.Snapshot == nil && b.State == nil {
		if b.Sync {
			return w.settle()
		}
		return nil
	}
	b.Sync = b.Sync || len(b.Entries) > 0 || b.Snapshot != nil
	if w.lazy && b.State == nil {
		b.State = &w.state // this batch takes the place of the lazy one
	}
	w.enc.reset(w.crc)
	w.enc.batch(&b)
	if w.enc.length() > maxRecord {
		return w.die(fmt.Errorf("a batch of %d bytes is too large", w.enc.length()))
	}
	if w.off+w.enc.length()+maxFiller > w.current().size {
		if err := w.cut(w.enc.length()); err != nil {
			return err
		}
		w.enc.reset(w.crc)
		w.enc.batch(&b)
	}
	if err := w.write(b.Sync); err != nil {
		return w.die(err)
	}
	if b.State != nil {
		w.state = *b.State
	}
	if n := len(b.Entries); n > 0 {
		w.lastIndex = b.Entries[n-1].Index
	}
	if b.Snapshot != nil {
		w.lastIndex = max(w.lastIndex, b.Snapshot.Index)
	}
	return nil
}

// write puts the encoded batch on disk. One that need not be durable stays where the next one will be; but only if it
// and its filler are within a sector, because a torn write over it must leave zeros or the new batch elsewhere.
func (w *WAL) write(sync bool) error {
	s := w.current()
	out, length := w.enc.seal(s, w.off)
	if n, err := s.file.WriteAt(out, w.off); err != nil || n < len(out) {
		return orShort(err)
	}
	if !sync && w.off%sector+int64(len(out)) <= sector {
		w.lazy, w.lazyLength, w.lazyCRC = true, length, w.enc.crc
		return nil
	}
	if err := w.sync(s); err != nil {
		return err
	}
	w.advance(length, w.enc.crc)
	return nil
}

// sync makes a segment durable.
func (w *WAL) sync(s *segment) error {
	begin := time.Now()
	err := s.file.Datasync()
	if err == nil && w.synced != nil {
		w.synced(time.Since(begin))
	}
	return err
}

// advance goes behind a durable batch.
func (w *WAL) advance(length int, crc uint32) {
	w.off += int64(length)
	w.crc = crc
	w.lazy = false
	w.appended.Add(int64(length))
}

func orShort(err error) error {
	if err == nil {
		return io.ErrShortWrite
	}
	return err
}

// settle makes a lazy batch durable and keeps it.
func (w *WAL) settle() error {
	if !w.lazy {
		return nil
	}
	if err := w.sync(w.current()); err != nil {
		return w.die(err)
	}
	w.advance(w.lazyLength, w.lazyCRC)
	return nil
}

// cut goes on in a new segment, with room for a batch of need bytes. The old one is durable first, and the new one has
// its header before it has its name, so at no moment is there a segment without one. ErrNoSpace as of Append.
func (w *WAL) cut(need int64) error {
	size := w.size
	if room := headerRoom + need + maxFiller; room > size {
		size = (room + sector - 1) / sector * sector
	}
	file, size, err := w.prep.take(size)
	if err != nil {
		return err
	}
	if err := w.settle(); err != nil {
		return errors.Join(err, file.Close())
	}
	s := &segment{file: file, size: size}
	if len(w.segments) > 0 {
		s.seq, s.index = w.current().seq+1, w.lastIndex+1
	}
	s.name = segmentName(s.seq, s.index)
	if w.off, w.crc, err = w.begin(s, w.crc); err != nil {
		return errors.Join(w.die(err), file.Close())
	}
	w.segments = append(w.segments, s)
	w.log.Debug("new log segment", zap.String("file", s.name), zap.Int64("bytes", size))
	return nil
}

// headerRoom is more than the header of a segment takes, in bytes.
const headerRoom = 512

// begin writes the header of a segment and gives the file its name, durably. It returns where the first batch goes and
// the running value there.
func (w *WAL) begin(s *segment, crc uint32) (off int64, _ uint32, err error) {
	e := &w.enc
	e.reset(crc)
	e.record(typeCRC, nil, nil)
	e.record(typeMetadata, w.metadata, nil)
	if s.seq == 0 {
		e.snapshot(Position{})
	} else if w.state != (HardState{}) {
		e.state(w.state)
	}
	out, length := e.seal(s, 0)
	if n, err := s.file.WriteAt(out, 0); err != nil || n < len(out) {
		return 0, 0, orShort(err)
	}
	if err := w.sync(s); err != nil {
		return 0, 0, err
	}
	if err := w.fs.Rename(s.file.Name(), filepath.Join(w.dir, s.name)); err != nil {
		return 0, 0, err
	}
	return int64(length), e.crc, w.fs.SyncDir(w.dir)
}
