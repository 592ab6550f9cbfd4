package snapshot

import (
	"errors"
	"fmt"
	"hash/crc32"

	"google.golang.org/protobuf/encoding/protowire"
)

// Meta says what a snapshot covers.
type Meta struct {
	Index, Term      uint64   // of the last entry
	Voters, Learners []uint64 // the members at that entry, by ID
}

// errFrame means that a file is not a whole snapshot.
var errFrame = errors.New("not a whole snapshot")

func broken(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errFrame, fmt.Sprintf(format, args...))
}

// maxMeta is the largest metadata that is read, in bytes: room for 100,000 members.
const maxMeta = 1 << 20

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendMeta encodes field 2 of the data.
func appendMeta(b []byte, m Meta) []byte {
	var conf, meta []byte
	for _, id := range m.Voters {
		conf = protowire.AppendVarint(protowire.AppendTag(conf, 1, protowire.VarintType), id)
	}
	for _, id := range m.Learners {
		conf = protowire.AppendVarint(protowire.AppendTag(conf, 2, protowire.VarintType), id)
	}
	meta = protowire.AppendBytes(protowire.AppendTag(meta, 1, protowire.BytesType), conf)
	meta = protowire.AppendVarint(protowire.AppendTag(meta, 2, protowire.VarintType), m.Index)
	meta = protowire.AppendVarint(protowire.AppendTag(meta, 3, protowire.VarintType), m.Term)
	return protowire.AppendBytes(protowire.AppendTag(b, 2, protowire.BytesType), meta)
}

// parseMeta decodes the metadata, which begins behind its tag and length.
func parseMeta(b []byte) (m Meta, err error) {
	err = fields(b, func(num protowire.Number, v uint64, data []byte) error {
		switch num {
		case 1:
			return fields(data, func(num protowire.Number, id uint64, packed []byte) error {
				return m.member(num, id, packed)
			})
		case 2:
			m.Index = v
		case 3:
			m.Term = v
		}
		return nil
	})
	return m, err
}

// member takes a field of the conf state. IDs may come one by one, as etcd writes them, or packed.
func (m *Meta) member(num protowire.Number, id uint64, packed []byte) error {
	list := map[protowire.Number]*[]uint64{1: &m.Voters, 2: &m.Learners}[num]
	if list == nil {
		return nil // 3.x has joint configurations, which v2 data never has
	}
	if packed == nil {
		*list = append(*list, id)
		return nil
	}
	for len(packed) > 0 {
		id, n := protowire.ConsumeVarint(packed)
		if n < 0 {
			return broken("the members cannot be decoded")
		}
		*list, packed = append(*list, id), packed[n:]
	}
	return nil
}

// fields calls do for each field of a message with its number or its bytes.
func fields(b []byte, do func(num protowire.Number, v uint64, data []byte) error) error {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return broken("the metadata cannot be decoded")
		}
		b = b[n:]
		var v uint64
		var data []byte
		switch typ {
		case protowire.VarintType:
			v, n = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			data, n = protowire.ConsumeBytes(b)
		default:
			return broken("the metadata has a field of type %d", typ)
		}
		if n < 0 {
			return broken("the metadata cannot be decoded")
		}
		if err := do(num, v, data); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}
