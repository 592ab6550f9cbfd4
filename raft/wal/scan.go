package wal

import (
	"bytes"
	"encoding/binary"
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

	batchEnd int64 // records before it belong to a batch that was found whole
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
	s.batchEnd = s.off + m.length
	return nil
}

// batchTorn reports whether the write of the batch in b, which is not whole, was not finished: sectors of it are missing,
// or it stopped before the filler.
func (s *scanner) batchTorn(m mark, b []byte) (bool, error) {
	// The last sector counts to its end, like when it was written.
	stop := min(int64(len(b)), (s.off+m.length+sector-1)/sector*sector-s.off)
	if zeroSectors(b[:stop], int(m.length), s.off) > m.zeros {
		return true, nil
	}
	behind := s.off + m.length
	end, err := s.dataEnd(behind)
	return end == behind, err
}

// beyond decides about a record that would end behind the file. It is torn if it says so itself: a damaged length
// contradicts the lengths inside the record.
func (s *scanner) beyond(length int64) error {
	b, err := s.win.bytes(s.off+frameSize, min(s.seg.size-s.off-frameSize, 32))
	if err != nil {
		return err
	}
	torn := false
	if inner, ok := innerLength(b); ok {
		torn = inner == length
	} else {
		torn = len(b) < 32 && b[0] == tagType
	}
	if _, _, filler := parseFiller(b, length); filler {
		torn = true
	}
	return s.bad(torn, "the file ends inside a record of %d bytes", length)
}

// innerLength returns how long a record must be that begins with b, by the length of its data.
func innerLength(b []byte) (int64, bool) {
	if len(b) < 3 || b[0] != tagType || b[1] > 0x7f || b[2] != tagCRC {
		return 0, false
	}
	_, n := binary.Uvarint(b[3:])
	at := 3 + n
	if n <= 0 || at >= len(b) || b[at] != tagData {
		return 0, false
	}
	size, n := binary.Uvarint(b[at+1:])
	if n <= 0 || size > maxRecord {
		return 0, false
	}
	return int64(at+1+n) + int64(size), true
}

// plainTorn reports whether the record from off to end, which is bad, is one without a mark whose write was not
// finished: a sector of it is zeros, and so is everything behind it.
func (s *scanner) plainTorn(end int64) bool {
	if s.off < s.batchEnd {
		return false
	}
	last, err := s.dataEnd(end)
	if err != nil || last > end {
		return false
	}
	b, err := s.win.bytes(s.off+frameSize, end-s.off-frameSize)
	if err != nil {
		return false
	}
	for at := s.off + frameSize; at < end; {
		stop := min((at/sector+1)*sector, end)
		if allZero(b[at-s.off-frameSize : stop-s.off-frameSize]) {
			return true
		}
		at = stop
	}
	return false
}

// dataEnd returns where the last byte behind from that is not zero ends; from if there is none.
func (s *scanner) dataEnd(from int64) (int64, error) {
	end := from
	buf := make([]byte, len(zeros))
	for at := from; at < s.seg.size; {
		b := buf[:min(int64(len(buf)), s.seg.size-at)]
		if err := readFull(s.seg.file, b, at); err != nil {
			return 0, err
		}
		if !allZero(b) {
			end = at + int64(len(bytes.TrimRight(b, "\x00")))
		}
		at += int64(len(b))
	}
	return end, nil
}

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
