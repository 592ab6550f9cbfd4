package snapshot

import (
	"bufio"
	"errors"
	"hash/crc32"
	"io"

	"google.golang.org/protobuf/encoding/protowire"
)

// parser reads a frame from its beginning, without keeping the payload.
type parser struct {
	r    *bufio.Reader
	use  func(payload io.Reader) error // nil for nobody
	pos  int64
	size int64  // of the file
	crc  uint32 // of what was read since it was last set to 0
}

// place is where the payload is in a file.
type place struct {
	meta       Meta
	start, len int64
}

// parse verifies the snapshot that r is, which has size bytes. If use is not nil it is given the payload as it is read, before anybody
// knows whether that is whole.
func parse(r io.Reader, size int64, use func(payload io.Reader) error) (place, error) {
	p := &parser{r: bufio.NewReaderSize(r, 32<<10), use: use, size: size}
	var at place
	num, crc, err := p.field()
	if err == nil && num != 1 {
		err = broken("it does not begin with a crc")
	}
	if err != nil {
		return at, err
	}
	num, length, err := p.field()
	if err == nil && (num != -2 || int64(length) != size-p.pos) {
		err = broken("its length is not the one that it says")
	}
	if err != nil {
		return at, err
	}
	p.crc = 0
	hasMeta := false
	for p.pos < size {
		num, v, err := p.field()
		if err != nil {
			return at, err
		}
		switch num {
		case -1:
			at.start, at.len = p.pos, int64(v)
			err = p.payload(int64(v))
		case -2:
			at.meta, err = p.meta(int64(v))
			hasMeta = true
		default:
			if num < 0 {
				err = p.skip(int64(v))
			}
		}
		if err != nil {
			return at, err
		}
	}
	if p.crc != uint32(crc) || crc>>32 != 0 {
		return at, broken("its crc is wrong")
	}
	if !hasMeta || at.meta.Index == 0 {
		return at, broken("it does not say which entry it covers")
	}
	return at, nil
}

// field reads a tag and the number behind it. For a field of bytes, num is negated and v is the length, which the rest
// of the file has room for.
func (p *parser) field() (num protowire.Number, v uint64, err error) {
	tag, err := p.varint()
	if err != nil {
		return 0, 0, err
	}
	num, typ := protowire.DecodeTag(tag)
	if num < 1 || typ != protowire.VarintType && typ != protowire.BytesType {
		return 0, 0, broken("there is no field at byte %d", p.pos)
	}
	if v, err = p.varint(); err != nil || typ == protowire.VarintType {
		return num, v, err
	}
	if v > uint64(p.size-p.pos) {
		return 0, 0, broken("the field at byte %d is longer than the file", p.pos)
	}
	return -num, v, nil
}

func (p *parser) varint() (uint64, error) {
	b, err := p.r.Peek(int(min(10, p.size-p.pos)))
	if err != nil {
		return 0, short(err)
	}
	v, n := protowire.ConsumeVarint(b)
	if n < 0 {
		return 0, broken("there is no number at byte %d", p.pos)
	}
	return v, p.skip(int64(n))
}

func (p *parser) meta(n int64) (Meta, error) {
	if n > maxMeta {
		return Meta{}, broken("its metadata has %d bytes", n)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(p.r, b); err != nil {
		return Meta{}, short(err)
	}
	p.pos += n
	p.crc = crc32.Update(p.crc, castagnoli, b)
	return parseMeta(b)
}

// payload reads n bytes and lets them be used.
func (p *parser) payload(n int64) error {
	end := p.pos + n
	if p.use != nil {
		if err := p.use(&payload{p, end}); err != nil {
			return err
		}
	}
	return p.skip(end - p.pos)
}

// payload is what is in front of end. A large piece goes from the file to the reader without a detour.
type payload struct {
	p   *parser
	end int64
}

func (r *payload) Read(b []byte) (int, error) {
	p := r.p
	if p.pos == r.end {
		return 0, io.EOF
	}
	n, err := p.r.Read(b[:min(int64(len(b)), r.end-p.pos)])
	p.crc = crc32.Update(p.crc, castagnoli, b[:n])
	p.pos += int64(n)
	if err != nil {
		err = short(err)
	}
	return n, err
}

// skip reads n bytes.
func (p *parser) skip(n int64) error {
	for n > 0 {
		b, err := p.r.Peek(int(min(n, int64(p.r.Size()))))
		if err != nil {
			return short(err)
		}
		p.crc = crc32.Update(p.crc, castagnoli, b)
		p.r.Discard(len(b))
		p.pos += int64(len(b))
		n -= int64(len(b))
	}
	return nil
}

// short makes the end of the file, where there should be more, a frame error.
func short(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return broken("it is shorter than when it was opened")
	}
	return err
}
