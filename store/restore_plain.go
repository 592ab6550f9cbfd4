package store

import (
	"unicode/utf8"

	"pando/tree"
)

// Nearly all of a snapshot are files whose fields come in the order and form in which an Image, and etcd, write them. What lies in
// the buffer and is as plain as that is read here, at a third of the cost; everything else by the decoder's other methods, which
// nobody has to tell where these have stopped.

// run takes what is expected from the beginning of a piece of the document. Once something else comes, ok is false for good.
type run struct {
	rest []byte
	ok   bool
}

// literal takes s.
func (p *run) literal(s string) {
	if p.ok = p.ok && len(p.rest) >= len(s) && string(p.rest[:len(s)]) == s; p.ok {
		p.rest = p.rest[len(s):]
	}
}

// text takes a string without escapes, behind its opening quote, and the closing one.
func (p *run) text() []byte {
	if !p.ok {
		return nil
	}
	n, ascii := verbatimPart(p.rest)
	text := p.rest[:n]
	if p.ok = n < len(p.rest) && p.rest[n] == '"' && (ascii || utf8.Valid(text)); !p.ok {
		return nil
	}
	p.rest = p.rest[n+1:]
	return text
}

// number takes the digits of a number that nothing is wrong with. What follows them is looked at by whoever takes it.
func (p *run) number() (n uint64) {
	const most = 19 // digits that an uint64 always has room for
	i := 0
	for ; i < len(p.rest) && i <= most && '0' <= p.rest[i] && p.rest[i] <= '9'; i++ {
		n = n*10 + uint64(p.rest[i]-'0')
	}
	if p.ok = p.ok && i > 0 && i <= most && (p.rest[0] != '0' || i == 1); p.ok {
		p.rest = p.rest[i:]
	}
	return n
}

// plain starts to read what is in the buffer.
func (d *decoder) plain() run { return run{rest: d.buf[d.at:], ok: d.err == nil} }

// take is called behind what was read: if all of it was plain it is taken out of the buffer. A comma must come before more.
func (d *decoder) take(p run) bool {
	if p.ok {
		d.at, d.comma = len(d.buf)-len(p.rest), true
	}
	return p.ok
}

// plainHead opens the object of a node and, if they are plain, reads the fields before the value of one that is permanent.
func (d *decoder) plainHead(attr *tree.Attr) bool {
	d.open('{')
	p := d.plain()
	p.literal(`"Path":"`)
	p.text()
	p.literal(`,"CreatedIndex":`)
	created := p.number()
	p.literal(`,"ModifiedIndex":`)
	modified := p.number()
	p.literal(`,"ExpireTime":"` + permanent + `"`)
	if !d.take(p) {
		return false
	}
	attr.Created, attr.Modified = created, modified
	return true
}

// plainTail reads what follows a plain head in a file that has nothing but a value, and appends that to texts.
func (d *decoder) plainTail() bool {
	p := d.plain()
	p.literal(`,"Value":"`)
	value := p.text()
	p.literal(`,"Children":null}`)
	if !d.take(p) {
		return false
	}
	d.texts = append(d.texts, value...)
	d.depth--
	return true
}
