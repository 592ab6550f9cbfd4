package wal

import (
	"bytes"
	"encoding/binary"
)

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
