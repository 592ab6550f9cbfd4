package store

import (
	"encoding/base64"
	"math/bits"
	"runtime"
	"time"
	"unicode/utf8"
)

// permanent is what etcd writes as the expiration of a node that has none.
const permanent = "0001-01-01T00:00:00Z"

// raw writes a short text that needs no escaping.
func (w *imageWriter) raw(s string) { w.buf = append(w.buf, s...) }

// bytes writes what is escaped already, however long.
func (w *imageWriter) bytes(b []byte) {
	for len(b) > imagePiece {
		w.buf = append(w.buf, b[:imagePiece]...)
		w.flushFull()
		b = b[imagePiece:]
	}
	w.buf = append(w.buf, b...)
}

// text writes the inside of a string, however long.
func (w *imageWriter) text(s string) {
	for len(s) > imagePiece {
		end := runeEnd(s, imagePiece)
		w.buf = appendEscaped(w.buf, s[:end])
		w.flushFull()
		s = s[end:]
	}
	w.buf = appendEscaped(w.buf, s)
}

// runeEnd returns n, or the few bytes less that keep a character whole.
func runeEnd(s string, n int) int {
	for end := n; end > n-utf8.UTFMax; end-- {
		if utf8.RuneStart(s[end]) {
			return end
		}
	}
	return n // in the middle of bytes that are no characters anyway
}

// base64 writes a string of base64, however long s is.
func (w *imageWriter) base64(s string) {
	const piece = imagePiece / 4 * 3 // a multiple of 3: no padding inside
	w.raw(`"`)
	for len(s) > piece {
		w.buf = base64.StdEncoding.AppendEncode(w.buf, []byte(s[:piece]))
		w.flushFull()
		s = s[piece:]
	}
	w.buf = base64.StdEncoding.AppendEncode(w.buf, []byte(s))
	w.raw(`"`)
}

// time writes nanoseconds since 1970 as etcd does; 0 is never.
func (w *imageWriter) time(unixNano int64) {
	w.raw(`"`)
	if unixNano == 0 {
		w.raw(permanent)
	} else {
		w.buf = time.Unix(0, unixNano).UTC().AppendFormat(w.buf, time.RFC3339Nano)
	}
	w.raw(`"`)
}

func (w *imageWriter) flushFull() {
	if len(w.buf) >= imageBuffer {
		w.flush()
	}
}

func (w *imageWriter) flush() {
	if w.err == nil {
		var n int
		n, w.err = w.to.Write(w.buf)
		w.written += int64(n)
		runtime.Gosched() // a snapshot lets requests go first
	}
	w.buf = w.buf[:0]
}

// PlainPart returns how many bytes at the beginning of s stand for themselves inside a string of JSON. The others are escaped the
// way of the keys API (keys-api spec, section 10), which is that of Go's encoding/json, or are not ASCII. It takes eight at a time.
func PlainPart(s string) (n int) {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	for ; len(s)-n >= 8; n += 8 {
		p := s[n : n+8]
		x := uint64(p[0]) | uint64(p[1])<<8 | uint64(p[2])<<16 | uint64(p[3])<<24 |
			uint64(p[4])<<32 | uint64(p[5])<<40 | uint64(p[6])<<48 | uint64(p[7])<<56
		angle, quote, backslash := (x|ones*2)^ones*'>', (x|ones*4)^ones*'&', x^ones*'\\' // < and > differ in one bit, so do " and &
		// The lowest top bit that is set belongs to the first byte that is 0, less than a space or no ASCII.
		ends := (x | (angle-ones)&^angle | (quote-ones)&^quote | (backslash-ones)&^backslash | (x-ones*' ')&^x) & tops
		if ends != 0 {
			return n + bits.TrailingZeros64(ends)/8
		}
	}
	for n < len(s) && plain[s[n]] {
		n++
	}
	return n
}

// plain are the bytes that stand for themselves inside a string.
var plain = func() (t [256]bool) {
	for c := range t {
		t[c] = c >= 0x20 && c < utf8.RuneSelf
	}
	for _, c := range []byte(`"\<>&`) {
		t[c] = false
	}
	return t
}()

const hexDigits = "0123456789abcdef"

// appendEscaped appends the inside of a JSON string.
func appendEscaped(to []byte, s string) []byte {
	done := 0
	for i := 0; ; {
		if i += PlainPart(s[i:]); i == len(s) {
			break
		}
		c, size := s[i], 1
		var r rune
		if c >= utf8.RuneSelf {
			if r, size = utf8.DecodeRuneInString(s[i:]); size > 1 && r != '\u2028' && r != '\u2029' {
				i += size
				continue
			}
		}
		to = append(to, s[done:i]...)
		to = appendEscape(to, c, r)
		i += size
		done = i
	}
	return append(to, s[done:]...)
}

// appendEscape appends the escape of c, or of r if c begins a character of several bytes or none at all.
func appendEscape(to []byte, c byte, r rune) []byte {
	switch {
	case r == utf8.RuneError:
		return append(to, `\ufffd`...)
	case c >= utf8.RuneSelf:
		return append(to, '\\', 'u', '2', '0', '2', hexDigits[r&0xf])
	}
	switch c {
	case '"', '\\':
		return append(to, '\\', c)
	case '\n':
		return append(to, '\\', 'n')
	case '\r':
		return append(to, '\\', 'r')
	case '\t':
		return append(to, '\\', 't')
	}
	return append(to, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
}
