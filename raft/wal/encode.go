package wal

import (
	"encoding/binary"
	"hash/crc32"

	"google.golang.org/protobuf/encoding/protowire"
)

const (
	// markRoom is kept free in front of a batch while its records are encoded: the mark's length depends on their end.
	markRoom = markSize + maxPad
	// maxFiller is the longest that the filler is without its content.
	maxFiller = frameSize + 2 + 6 + 1 + fillerLength
	// fillerLength is the size of the length of the filler's content: a varint that is not of the shortest form, so
	// that a filler can have every size. Readers take unknown fields as they are.
	fillerLength = 4
	// keepBuffer is how much memory stays with the encoder between batches, in bytes.
	keepBuffer = 1 << 20
)

// encoder builds one batch at a time, in memory that it keeps.
type encoder struct {
	buf   []byte // markRoom, then the records; the first one has no frame, it is part of the mark
	crc   uint32 // running value
	first int    // length of the first record without the mark
	head  []byte // scratch
}

// reset begins a batch behind records whose running value is crc.
func (e *encoder) reset(crc uint32) {
	if cap(e.buf) < markRoom || cap(e.buf) > keepBuffer {
		e.buf = make([]byte, 0, 16<<10)
	}
	e.buf, e.crc, e.first = e.buf[:markRoom], crc, 0
}

// length returns the bytes of the batch with the longest mark that it can get.
func (e *encoder) length() int64 { return int64(len(e.buf)) }

func (e *encoder) batch(b *Batch) {
	for i := range b.Entries {
		e.entry(&b.Entries[i])
	}
	if b.State != nil {
		e.state(*b.State)
	}
	if b.Snapshot != nil {
		e.snapshot(*b.Snapshot)
	}
}

func (e *encoder) entry(x *Entry) {
	e.head = appendNumbers(e.head[:0], uint64(x.Type), x.Term, x.Index)
	if len(x.Data) > 0 {
		e.head = append(e.head, 4<<3|2)
		e.head = protowire.AppendVarint(e.head, uint64(len(x.Data)))
	}
	e.record(typeEntry, e.head, x.Data)
}

func (e *encoder) state(s HardState) {
	e.head = appendNumbers(e.head[:0], s.Term, s.Vote, s.Commit)
	e.record(typeState, e.head, nil)
}

func (e *encoder) snapshot(p Position) {
	e.head = appendNumbers(e.head[:0], p.Index, p.Term)
	e.record(typeSnapshot, e.head, nil)
}

// record adds a record whose data is head and tail.
func (e *encoder) record(typ byte, head, tail []byte) {
	e.crc = crc32.Update(crc32.Update(e.crc, castagnoli, head), castagnoli, tail)
	start := len(e.buf)
	if e.first > 0 {
		e.buf = append(e.buf, zeros[:frameSize]...)
	}
	e.buf = append(e.buf, tagType, typ, tagCRC)
	e.buf = protowire.AppendVarint(e.buf, uint64(e.crc))
	if n := len(head) + len(tail); n > 0 {
		e.buf = append(e.buf, tagData)
		e.buf = protowire.AppendVarint(e.buf, uint64(n))
		e.buf = append(append(e.buf, head...), tail...)
	}
	if e.first > 0 {
		binary.LittleEndian.PutUint64(e.buf[start:], uint64(len(e.buf)-start-frameSize))
	} else {
		e.first = len(e.buf) - start
	}
}

// seal finishes the batch for its place and returns it with the filler that follows it, and the length of the batch
// alone. size is that of the file, which has room for both. The bytes are valid until the next reset.
func (e *encoder) seal(s *segment, off int64) (out []byte, length int) {
	pad := 0
	if end := off + int64(len(e.buf)-maxPad); splits(end) {
		pad = int(sector - end%sector)
	}
	start := maxPad - pad
	length = len(e.buf) - start
	e.filler(s.size - off - int64(length))
	out = e.buf[start:]
	clear(out[:markSize+pad])
	binary.LittleEndian.PutUint64(out, uint64(markSize-frameSize+pad+e.first))
	out[8], out[9] = tagMark, byte(markSize-10+pad)
	putMark(out, length, s.seq, off)
	return out, length
}

// filler adds the beginning of a filler of n bytes; the rest of it is zeros already.
func (e *encoder) filler(n int64) {
	start := len(e.buf)
	e.buf = binary.LittleEndian.AppendUint64(e.buf, uint64(n-frameSize))
	e.buf = append(e.buf, tagType, typeCRC, tagCRC)
	e.buf = protowire.AppendVarint(e.buf, uint64(e.crc))
	e.buf = append(e.buf, tagFiller)
	content := uint64(n) - uint64(len(e.buf)-start) - fillerLength
	e.buf = append(e.buf, byte(content)|0x80, byte(content>>7)|0x80, byte(content>>14)|0x80, byte(content>>21)&0x7f)
}

// parseFiller reports whether a record of the given length that begins with b is a filler, the crc in it, and how long
// it is without its content. A filler may be larger than what one wants to have in memory, so b need only be its first
// maxFiller bytes.
func parseFiller(b []byte, length int64) (crc uint32, head int64, ok bool) {
	if len(b) < 3 || b[0] != tagType || b[1] != typeCRC || b[2] != tagCRC {
		return 0, 0, false
	}
	v, n := protowire.ConsumeVarint(b[3:])
	if n < 0 || 3+n >= len(b) || b[3+n] != tagFiller {
		return 0, 0, false
	}
	at := 3 + n + 1
	content, n := protowire.ConsumeVarint(b[at:])
	if n < 0 || content > maxSegment || int64(content) != length-int64(at+n) {
		return 0, 0, false
	}
	return uint32(v), int64(at + n), true
}
