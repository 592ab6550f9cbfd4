package wal

import (
	"encoding/binary"
	"hash/crc32"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// Types of records.
const (
	typeMetadata = 1
	typeEntry    = 2
	typeState    = 3
	typeCRC      = 4
	typeSnapshot = 5
)

// Tags of the fields of a Record. etcd skips the last two.
const (
	tagType   = 1<<3 | 0
	tagCRC    = 2<<3 | 0
	tagData   = 3<<3 | 2
	tagMark   = 14<<3 | 2 // first in the first record of a batch
	tagFiller = 15<<3 | 2
)

// frameSize is the length in front of each record.
const frameSize = 8

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// record is one decoded Record. data aliases what it was decoded from.
type record struct {
	typ  uint64
	crc  uint32
	data []byte
}

// parseFrame reads the length of a record and how many bytes of padding follow it, which only etcd 3.x writes.
func parseFrame(b []byte) (length, padding int64, ok bool) {
	v := binary.LittleEndian.Uint64(b)
	length = int64(v &^ (0xff << 56))
	if v>>63 == 1 {
		return length, int64(v>>56) & 7, length <= maxRecord
	}
	return length, 0, v <= maxRecord
}

// parseRecord decodes a Record. Its type comes first, as every version writes it, behind the mark if there is one.
func parseRecord(b []byte) (r record, ok bool) {
	if len(b) > 0 && b[0] == tagMark {
		n := protowire.ConsumeFieldValue(14, protowire.BytesType, b[1:])
		if n < 0 {
			return r, false
		}
		b = b[1+n:]
	}
	if len(b) == 0 || b[0] != tagType {
		return r, false
	}
	ok = eachField(b, func(num protowire.Number, v uint64, data []byte) {
		switch num {
		case 1:
			r.typ = v
		case 2:
			r.crc = uint32(v)
		case 3:
			r.data = data
		}
	})
	return r, ok
}

// eachField calls do for each field of a message with its number or its bytes. Groups and fixed numbers, which etcd does
// not write, are skipped. It reports whether b is well formed.
func eachField(b []byte, do func(num protowire.Number, v uint64, data []byte)) bool {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return false
		}
		b = b[n:]
		switch typ {
		case protowire.VarintType:
			var v uint64
			if v, n = protowire.ConsumeVarint(b); n >= 0 {
				do(num, v, nil)
			}
		case protowire.BytesType:
			var data []byte
			if data, n = protowire.ConsumeBytes(b); n >= 0 {
				do(num, 0, data)
			}
		default:
			n = protowire.ConsumeFieldValue(num, typ, b)
		}
		if n < 0 {
			return false
		}
		b = b[n:]
	}
	return true
}

func parseEntry(b []byte) (e Entry, ok bool) {
	small := true
	ok = eachField(b, func(num protowire.Number, v uint64, data []byte) {
		switch num {
		case 1:
			e.Type, small = uint8(v), v <= math.MaxUint8
		case 2:
			e.Term = v
		case 3:
			e.Index = v
		case 4:
			e.Data = data[:len(data):len(data)]
		}
	})
	return e, ok && small
}

// numbers decodes a message whose fields 1, 2 and 3 are numbers: metadata, hard state, snapshot.
func numbers(b []byte) (v [3]uint64, ok bool) {
	ok = eachField(b, func(num protowire.Number, n uint64, _ []byte) {
		if num <= 3 {
			v[num-1] = n
		}
	})
	return v, ok
}

// appendNumbers encodes such a message, with zeros, as etcd does.
func appendNumbers(b []byte, v ...uint64) []byte {
	for i, n := range v {
		b = append(b, byte(i+1)<<3)
		b = protowire.AppendVarint(b, n)
	}
	return b
}
