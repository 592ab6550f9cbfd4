package wal

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

// The mark of a batch is the first field of its first record:
//
//	 0  frame length of the first record
//	 8  tag, length of the field
//	10  length of the batch in bytes, from this frame to the end of the last record
//	14  how many sectors of it are zeros
//	18  CRC-32C of bytes 0 to 17, begun with a value made of segment number and offset
//	22  the same CRC, continued over everything from byte 26 to the end of the batch
//	26  up to maxPad zeros
//
// Numbers are little-endian. The place is part of the checksum so that a batch is valid there only.
const (
	markSize = 26
	maxPad   = 31
	sector   = 512
)

// splits reports whether a mark or a filler that begins at off could lie across two sectors.
func splits(off int64) bool { return off%sector > sector-maxPad-1 }

// mark is what the first record of a batch says about the batch.
type mark struct {
	length  int64
	zeros   int
	headCRC uint32
	bodyCRC uint32
}

// headSum is the checksum of bytes 0 to 17 of a batch in its place.
func headSum(seq uint64, off int64, head []byte) uint32 {
	place := (seq<<32 ^ uint64(off)) * 0x9e3779b97f4a7c15
	return crc32.Update(uint32(place>>32), castagnoli, head[:18])
}

// parseMark reads the mark of a batch that begins with b, markSize bytes or more. It is not ok if it is not valid there.
func parseMark(b []byte, seq uint64, off int64) (m mark, ok bool) {
	m = mark{
		length:  int64(binary.LittleEndian.Uint32(b[10:])),
		zeros:   int(binary.LittleEndian.Uint32(b[14:])),
		headCRC: binary.LittleEndian.Uint32(b[18:]),
		bodyCRC: binary.LittleEndian.Uint32(b[22:]),
	}
	if b[8] != tagMark || b[9] < markSize-10 || m.length < markSize {
		return m, false
	}
	return m, m.headCRC == headSum(seq, off, b)
}

// whole reports whether b is exactly the batch of m.
func (m mark) whole(b []byte) bool {
	return m.bodyCRC == crc32.Update(m.headCRC, castagnoli, b[markSize:])
}

// putMark fills in the mark of the batch at the start of b, whose frame, tag and padding are there. behind is what is
// written right behind the batch.
func putMark(b []byte, length int, seq uint64, off int64) {
	binary.LittleEndian.PutUint32(b[10:], uint32(length))
	binary.LittleEndian.PutUint32(b[14:], uint32(zeroSectors(b, length, off)))
	head := headSum(seq, off, b)
	binary.LittleEndian.PutUint32(b[18:], head)
	binary.LittleEndian.PutUint32(b[22:], crc32.Update(head, castagnoli, b[markSize:length]))
}

// zeroSectors counts the sectors of zeros in a batch of the given length that begins with b at off of its file. The
// first sector, which has the mark, does not count. What is behind the batch in its last sector does; b may end there,
// as if zeros followed.
func zeroSectors(b []byte, length int, off int64) int {
	n := 0
	for at := sector - int(off%sector); at < length; at += sector {
		if at >= len(b) || allZero(b[at:min(at+sector, len(b))]) {
			n++
		}
	}
	return n
}

var zeros [64 << 10]byte

// allZero reports whether b is nothing but zeros.
func allZero(b []byte) bool {
	for len(b) > len(zeros) {
		if !bytes.Equal(b[:len(zeros)], zeros[:]) {
			return false
		}
		b = b[len(zeros):]
	}
	return bytes.Equal(b, zeros[:len(b)])
}

// findBatch returns where in b, which begins at off of its file, a whole batch begins; -1 if nowhere.
func findBatch(b []byte, seq uint64, off int64) int64 {
	for i := 0; i+markSize <= len(b); i++ {
		if b[i+8] != tagMark {
			continue
		}
		m, ok := parseMark(b[i:], seq, off+int64(i))
		if ok && m.length <= int64(len(b)-i) && m.whole(b[i:i+int(m.length)]) {
			return off + int64(i)
		}
	}
	return -1
}
