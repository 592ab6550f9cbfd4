package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// maxDepth bounds how deep the objects and arrays of a snapshot nest; each level of the tree takes two. A damaged file
// must not exhaust the stack.
const maxDepth = 1 << 16

// decoder reads JSON as a stream: it holds a piece of the document and one string. After the first error everything
// reads as empty, so that err has to be looked at only where a value is put to use.
//
//	for d.open('{'); d.field(); {
//		switch string(d.token) { case "name": s = d.string(); default: d.skip() }
//	}
type decoder struct {
	from   io.Reader
	buf    []byte // what was read and not used yet is buf[at:]
	at     int
	passed int64 // bytes of the document before buf
	token  []byte
	// borrowed: token is a part of buf; otherwise it is scratch.
	borrowed bool
	scratch  []byte
	comma    bool // a value has just ended: a comma must come before the next one
	depth    int
	err      error
	// texts are the names of the nodes on the way to the one at hand, and behind its own its value.
	texts []byte
	// expiring says that a node has a TTL.
	expiring bool
}

func newDecoder(from io.Reader) *decoder {
	return &decoder{from: from, buf: make([]byte, 0, 64<<10)}
}

// fail keeps the first error.
func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("byte %d: %w", d.passed+int64(d.at), fmt.Errorf(format, args...))
	}
}

// fill reads on when all of buf has been used. It reports false at the end and on errors.
func (d *decoder) fill() bool {
	if d.err != nil {
		return false
	}
	if d.borrowed {
		d.scratch = append(d.scratch[:0], d.token...)
		d.token, d.borrowed = d.scratch, false
	}
	d.passed += int64(len(d.buf))
	d.at, d.buf = 0, d.buf[:0]
	n, err := io.ReadAtLeast(d.from, d.buf[:cap(d.buf)], 1)
	if d.buf = d.buf[:n]; n == 0 && !errors.Is(err, io.EOF) {
		d.fail("%w", err)
	}
	return n > 0
}

// peek returns the next byte that is not space; 0 after an error and at the end, which is one except for end.
func (d *decoder) peek() byte {
	for d.err == nil && (d.at < len(d.buf) || d.fill()) {
		switch c := d.buf[d.at]; c {
		case ' ', '\t', '\r', '\n':
			d.at++
		default:
			return c
		}
	}
	return 0
}

// end checks that nothing comes behind the document.
func (d *decoder) end() {
	if d.peek(); d.err == nil && d.at < len(d.buf) {
		d.fail("there is something behind the end")
	}
}

// expect takes a byte that has to come next, after space.
func (d *decoder) expect(c byte) bool {
	switch got := d.peek(); {
	case d.err != nil:
		return false
	case d.at == len(d.buf):
		d.fail("%w", io.ErrUnexpectedEOF)
	case got != c:
		d.fail("%q where %q is expected", got, c)
	default:
		d.at++
		return true
	}
	return false
}

// open begins an object or an array.
func (d *decoder) open(bracket byte) {
	if d.depth++; d.depth > maxDepth {
		d.fail("nested more than %d levels deep", maxDepth)
	}
	d.expect(bracket)
	d.comma = false
}

// next goes to the next member of what was opened; at its end it takes the closing bracket and reports false.
func (d *decoder) next(closing byte) bool {
	if d.peek() == closing {
		d.at++
		d.depth--
		d.comma = true
		return false
	}
	if d.comma {
		d.expect(',')
		d.comma = false
	}
	return d.err == nil
}

// field goes to the next field of an object and leaves its name in token.
func (d *decoder) field() bool {
	if !d.next('}') {
		return false
	}
	d.text()
	return d.expect(':')
}

// element goes to the next element of an array.
func (d *decoder) element() bool { return d.next(']') }

// word takes a literal such as null.
func (d *decoder) word(w string) {
	d.peek()
	for i := range len(w) {
		if d.at == len(d.buf) && !d.fill() || d.buf[d.at] != w[i] {
			d.fail("not %s", w)
			return
		}
		d.at++
	}
	d.comma = true
}

// null takes a null if there is one.
func (d *decoder) null() bool {
	if d.peek() != 'n' {
		return false
	}
	d.word("null")
	return true
}

func (d *decoder) bool() bool {
	if d.peek() == 't' {
		d.word("true")
		return d.err == nil
	}
	d.word("false")
	return false
}

// maxNumber bounds the length of a number.
const maxNumber = 400

// number leaves a number in token, or what looks like one.
func (d *decoder) number() {
	d.token, d.borrowed = d.scratch[:0], false
	for d.peek(); d.err == nil && (d.at < len(d.buf) || d.fill()); d.at++ {
		c := d.buf[d.at]
		if (c < '0' || c > '9') && !strings.ContainsRune("+-.eE", rune(c)) || len(d.token) == maxNumber {
			break
		}
		d.token = append(d.token, c)
	}
	d.scratch = d.token
	d.comma = true
}

func (d *decoder) uint() uint64 {
	if n, ok := d.digits(); ok {
		return n
	}
	d.number()
	n, err := strconv.ParseUint(string(d.token), 10, 64)
	d.checkNumber(err)
	return n
}

// digits reads a number that lies in the buffer and is as plain as nearly all of them are. Without one nothing is read.
func (d *decoder) digits() (n uint64, ok bool) {
	d.peek()
	p := d.plain()
	n = p.number()
	p.ok = p.ok && len(p.rest) > 0 && (p.rest[0] == ',' || p.rest[0] == '}')
	return n, d.take(p)
}

func (d *decoder) int() int64 {
	d.number()
	n, err := strconv.ParseInt(string(d.token), 10, 64)
	d.checkNumber(err)
	return n
}

func (d *decoder) checkNumber(err error) {
	digits := bytes.TrimPrefix(d.token, []byte("-"))
	if err != nil || digits[0] == '+' || digits[0] == '0' && len(digits) > 1 { // strconv lets "+1" and "01" pass
		d.fail("%.40q is no number of 64 bits", d.token)
	}
}

// time reads a time as nanoseconds since 1970; 0 stands for etcd's time of permanent nodes.
func (d *decoder) time() int64 {
	d.text()
	if string(d.token) == permanent {
		return 0
	}
	t, err := time.Parse(time.RFC3339Nano, string(d.token))
	if err != nil {
		d.fail("%.40q is no time", d.token)
		return 0
	}
	if t.Before(time.Unix(0, math.MinInt64)) || t.After(time.Unix(0, math.MaxInt64)) {
		d.fail("the time %s is out of range", d.token)
	}
	return t.UnixNano()
}

func (d *decoder) string() string {
	d.text()
	return string(d.token)
}

// skip passes over a value of any kind.
func (d *decoder) skip() {
	switch c := d.peek(); {
	case c == '{':
		for d.open('{'); d.field(); {
			d.skip()
		}
	case c == '[':
		for d.open('['); d.element(); {
			d.skip()
		}
	case c == '"':
		d.text()
	case c == 't' || c == 'f':
		d.bool()
	case c == 'n':
		d.word("null")
	default:
		if d.number(); !json.Valid(d.token) {
			d.fail("%.40q is no value", d.token)
		}
	}
}
