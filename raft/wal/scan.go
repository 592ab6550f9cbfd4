package wal

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// scanner reads the records of one segment in order.
type scanner struct {
	seg *segment
	win window
	off int64  // of the next frame
	crc uint32 // running value in front of off

	batchAt  int64 // where the last batch that was found whole begins; 0 if there was none
	batchEnd int64 // records before it belong to that batch
	filler   int64 // if the last record is a filler to the end of the file, which begins at off: its size without content
}

// badRecord is why a segment cannot be read on. Below off everything is good.
type badRecord struct {
	off  int64
	why  string
	torn bool // it looks as if the write of what is at off had not been finished
}

func (b *badRecord) Error() string { return fmt.Sprintf("at byte %d: %s", b.off, b.why) }

// asBad returns the badRecord that err is; nil if it is another error.
func asBad(err error) *badRecord {
	var bad *badRecord
	errors.As(err, &bad)
	return bad
}

func newScanner(s *segment, crc uint32, share bool) *scanner {
	return &scanner{seg: s, crc: crc, win: window{f: s.file, size: s.size, share: share}}
}

// next returns the next record that is not a filler, io.EOF at the end, a *badRecord, or an error of the file. The data
// stays valid if the scanner was made with share, otherwise until the next call.
func (s *scanner) next() (record, error) {
	for {
		length, end, err := s.frame()
		if err != nil {
			return record{}, err
		}
		at := s.off + frameSize
		head, err := s.win.bytes(at, min(length, maxFiller))
		if err != nil {
			return record{}, err
		}
		if crc, n, ok := parseFiller(head, length); ok {
			if err := s.link(record{typ: typeCRC, crc: crc}); err != nil {
				return record{}, err
			}
			if end == s.seg.size {
				s.filler = frameSize + n
				return record{}, io.EOF
			}
			s.off = end
			continue
		}
		body, err := s.win.bytes(at, length)
		if err != nil {
			return record{}, err
		}
		r, ok := parseRecord(body)
		if !ok {
			return r, s.bad(s.plainTorn(end), "there is no record")
		}
		if err := s.link(r); err != nil {
			err.torn = s.plainTorn(end)
			return r, err
		}
		s.off = end
		return r, nil
	}
}

func (s *scanner) bad(torn bool, format string, args ...any) *badRecord {
	return &badRecord{off: s.off, why: fmt.Sprintf(format, args...), torn: torn}
}

// link checks the crc of a record and goes behind it in the chain.
func (s *scanner) link(r record) *badRecord {
	if r.typ == typeCRC && len(r.data) == 0 {
		if s.crc != 0 && s.crc != r.crc {
			return s.bad(false, "it does not follow what is in front of it (crc mismatch)")
		}
		s.crc = r.crc
		return nil
	}
	crc := crc32.Update(s.crc, castagnoli, r.data)
	if crc != r.crc {
		return s.bad(false, "the crc of a record is wrong")
	}
	s.crc = crc
	return nil
}

// frame returns the length of the record at off and where its frame ends.
func (s *scanner) frame() (length, end int64, err error) {
	left := s.seg.size - s.off
	if left == 0 {
		return 0, 0, io.EOF
	}
	head, err := s.win.bytes(s.off, min(left, frameSize+2))
	if err != nil {
		return 0, 0, err
	}
	if allZero(head[:min(left, frameSize)]) {
		return 0, 0, s.zeroFrame()
	}
	if left < frameSize+2 {
		return 0, 0, s.bad(true, "the file ends inside a record")
	}
	length, padding, ok := parseFrame(head)
	if s.off >= s.batchEnd && head[frameSize] == tagMark {
		if err := s.openBatch(left); err != nil {
			return 0, 0, err
		}
	}
	end = s.off + frameSize + length + padding
	if limit := s.batchEnd; s.off < limit && (!ok || end > limit) {
		return 0, 0, s.bad(false, "a record is longer than its batch")
	}
	if !ok || length < 4 {
		return 0, 0, s.bad(false, "no record has the length that is there")
	}
	if end > s.seg.size {
		return 0, 0, s.beyond(length)
	}
	return length, end, nil
}

// zeroFrame decides what zeros instead of a record are: etcd 3.x's end of a log, if only zeros follow.
func (s *scanner) zeroFrame() error {
	end, err := s.dataEnd(s.off)
	if err != nil {
		return err
	}
	if end > s.off {
		return s.bad(false, "there are zeros instead of a record, and data behind them")
	}
	return io.EOF
}

// openBatch checks the batch whose mark is at off.
func (s *scanner) openBatch(left int64) error {
	if left < markSize {
		return s.bad(true, "the file ends inside the beginning of a batch")
	}
	head, err := s.win.bytes(s.off, markSize)
	if err != nil {
		return err
	}
	m, ok := parseMark(head, s.seg.seq, s.off)
	if !ok {
		return s.bad(false, "the beginning of a batch is not as it was written")
	}
	if m.length > left {
		return s.bad(true, "the file ends inside a batch")
	}
	b, err := s.win.bytes(s.off, min(m.length+sector, left))
	if err != nil {
		return err
	}
	if !m.whole(b[:m.length]) {
		torn, err := s.batchTorn(m, b)
		if err != nil {
			return err
		}
		return s.bad(torn, "a batch of %d bytes is not as it was written", m.length)
	}
	s.batchAt, s.batchEnd = s.off, s.off+m.length
	return nil
}
