package httpapi

import (
	"unicode/utf8"

	"pando/store"
)

const (
	hexDigits = "0123456789abcdef"
	// longEscape is the most bytes that one byte of a string becomes.
	longEscape = 6
)

// appendEscaped appends what stands between the quotes of a JSON string, as encoding/json writes it: control characters, what
// is special in HTML, and the line separators U+2028 and U+2029 are escaped, bytes that are not UTF-8 become \ufffd.
func appendEscaped(dst []byte, s string) []byte {
	done := 0 // of s
	for i := 0; ; {
		if i += store.PlainPart(s[i:]); i == len(s) {
			break
		}
		if c := s[i]; c < utf8.RuneSelf {
			dst = append(dst, s[done:i]...)
			dst = appendEscape(dst, c)
			i++
			done = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			dst = append(append(dst, s[done:i]...), `\ufffd`...)
			done = i + size
		case r == '\u2028' || r == '\u2029':
			dst = append(append(dst, s[done:i]...), `\u202`...)
			dst = append(dst, hexDigits[r&0xf])
			done = i + size
		}
		i += size
	}
	return append(dst, s[done:]...)
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, `\b`...)
	case '\f':
		return append(dst, `\f`...)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
}

// cut returns where a string may be cut, at most at n, so that the pieces are escaped as the whole would be: not inside a
// character.
func cut(s string, n int) int {
	if len(s) <= n {
		return len(s)
	}
	for i := n; i > n-utf8.UTFMax; i-- {
		if utf8.RuneStart(s[i]) {
			return i
		}
	}
	return n // these bytes are not UTF-8
}
