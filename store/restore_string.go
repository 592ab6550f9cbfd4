package store

import (
	"unicode/utf16"
	"unicode/utf8"
)

// text reads a string into token, which the next one overwrites.
func (d *decoder) text() {
	d.token = d.token[:0]
	if !d.expect('"') {
		return
	}
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
