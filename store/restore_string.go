package store

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// text reads a string into token, which the next one overwrites. Most strings lie in the buffer as they are, and stay there.
func (d *decoder) text() {
	d.token, d.borrowed = nil, false
	if !d.expect('"') {
		return
	}
	rest := d.buf[d.at:]
	n, ascii := verbatimPart(rest)
	if n == len(rest) || rest[n] != '"' {
		d.token = d.scratch[:0]
		d.pieces()
		d.scratch = d.token
		return
	}
	d.token, d.borrowed = rest[:n], true
	d.at += n + 1
	if !ascii && !utf8.Valid(d.token) {
		d.fail("a string that is not UTF-8")
	}
	d.comma = true
}

// verbatimPart returns how many bytes at the beginning stand for themselves, and whether all of them are ASCII. It takes eight at a time.
func verbatimPart(b []byte) (n int, ascii bool) {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	seen := uint64(0)
	for ; len(b)-n >= 8; n += 8 {
		x := binary.LittleEndian.Uint64(b[n:])
		quote, backslash := x^ones*'"', x^ones*'\\'
		// The lowest top bit that is set belongs to the first byte that is 0, or less than a space.
		ends := ((quote-ones)&^quote | (backslash-ones)&^backslash | (x-ones*' ')&^x) & tops
		if ends != 0 {
			within := uint64(1)<<(bits.TrailingZeros64(ends)&^7) - 1
			return n + bits.TrailingZeros64(ends)/8, (seen|x&within)&tops == 0
		}
		seen |= x
	}
	for ; n < len(b) && verbatim[b[n]]; n++ {
		seen |= uint64(b[n])
	}
	return n, seen&tops == 0
}

// pieces reads a string that has escapes, or that the buffer ends in, and appends it to token.
func (d *decoder) pieces() {
	for d.at < len(d.buf) || d.fill() {
		end := d.at
		for end < len(d.buf) && verbatim[d.buf[end]] {
			end++
		}
		d.token = append(d.token, d.buf[d.at:end]...)
		if d.at = end; end == len(d.buf) {
			continue
		}
		d.at++
		switch d.buf[end] {
		case '"':
			if !utf8.Valid(d.token) {
				d.fail("a string that is not UTF-8")
			}
			d.comma = true
			return
		case '\\':
			d.escape(d.byte())
		default:
			d.fail("a control character in a string")
		}
	}
	d.fail("a string without an end")
}

// verbatim are the bytes that stand for themselves inside a string.
var verbatim = func() (t [256]bool) {
	for c := range t {
		t[c] = c >= 0x20 && c != '"' && c != '\\'
	}
	return t
}()

// unescaped is what the letter of a short escape stands for.
var unescaped = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escape takes the letter that follows a backslash, and reads on where more belongs to it.
func (d *decoder) escape(c byte) {
	switch {
	case c == 'u':
		d.unicode(d.hex())
	case unescaped[c] != 0:
		d.token = append(d.token, unescaped[c])
	default:
		d.fail("an unknown escape %q", c)
	}
}

// unicode appends the character of an escape, or of two that make a surrogate pair. Half a pair stands for U+FFFD, as
// in Go's encoding/json.
func (d *decoder) unicode(r rune) {
	for utf16.IsSurrogate(r) && d.err == nil {
		if d.at == len(d.buf) && !d.fill() || d.buf[d.at] != '\\' {
			break
		}
		d.at++
		if c := d.byte(); c != 'u' {
			d.token = utf8.AppendRune(d.token, utf8.RuneError)
			d.escape(c)
			return
		}
		second := d.hex()
		if pair := utf16.DecodeRune(r, second); pair != utf8.RuneError {
			d.token = utf8.AppendRune(d.token, pair)
			return
		}
		d.token = utf8.AppendRune(d.token, utf8.RuneError)
		r = second
	}
	d.token = utf8.AppendRune(d.token, r) // writes half a pair as U+FFFD
}

// hex reads four hexadecimal digits.
func (d *decoder) hex() (r rune) {
	for range 4 {
		switch c := d.byte(); {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			d.fail("%q is no hexadecimal digit", c)
		}
	}
	return r
}

// byte takes the next byte; 0 at the end.
func (d *decoder) byte() byte {
	if d.at == len(d.buf) && !d.fill() {
		return 0
	}
	d.at++
	return d.buf[d.at-1]
}
