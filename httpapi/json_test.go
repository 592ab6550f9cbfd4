package httpapi

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
)

// likeEncodingJSON is what the reference's library makes of a string, without the quotes.
func likeEncodingJSON(t *testing.T, s string) []byte {
	t.Helper()
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return b[1 : len(b)-1]
}

var oddStrings = []string{
	"", "plain", "\"\\/", "\x00\x01\b\f\n\r\t\x1f\x7f", "<a href='x'>&", "\u2028 \u2029 \u2027", "é 世 😀", "\xff\xfe",
	"\xc3", "\xe4\xb8", "\xf0\x9f\x98", "a\xc3(", "\xed\xa0\x80", "\xef\xbf\xbd", "\xc0\x80", "\u2028\xe2\x80", "\x80\x80\x80\x80\x80",
}

func TestStringsAreWrittenAsTheReferenceDoes(t *testing.T) {
	for _, s := range oddStrings {
		if got, want := appendEscaped(nil, s), likeEncodingJSON(t, s); !bytes.Equal(got, want) {
			t.Errorf("%q: %s, want %s", s, got, want)
		}
	}
}

// Long strings go out in pieces; the cuts must not show.
func TestLongStringsAreCutBetweenCharacters(t *testing.T) {
	for _, s := range oddStrings[1:] {
		for shift := range 5 {
			long := strings.Repeat("x", shift) + strings.Repeat(s, 3*chunkSize/len(s))
			w := httptest.NewRecorder()
			enc := newEncoder(w)
			enc.string(long)
			enc.end()
			enc.free()
			if !bytes.Equal(w.Body.Bytes(), likeEncodingJSON(t, long)) {
				t.Errorf("%q, %d bytes further on: cut in the wrong place", s, shift)
			}
		}
	}
}

func FuzzString(f *testing.F) {
	for _, s := range oddStrings {
		f.Add(s, uint8(3))
	}
	f.Fuzz(func(t *testing.T, s string, n uint8) {
		want := likeEncodingJSON(t, s)
		if got := appendEscaped(nil, s); !bytes.Equal(got, want) {
			t.Fatalf("%q: %s, want %s", s, got, want)
		}
		at := cut(s, int(n)+4)
		if got := appendEscaped(appendEscaped(nil, s[:at]), s[at:]); !bytes.Equal(got, want) {
			t.Fatalf("%q cut at %d: %s, want %s", s, at, got, want)
		}
		if at == 0 && s != "" {
			t.Fatalf("%q: cut makes no progress", s)
		}
	})
}
