package ordered

import (
	"strings"
	"testing"
)

func TestParseKeepsWhatWasWritten(t *testing.T) {
	for _, text := range []string{
		`{"b":1,"a":{"d":null,"c":[true,{"z":"","y":-0.50}]}}`, `[]`, `{}`, `"<&>\u0001é"`, `18446744073709551615`, `null`,
	} {
		v, err := Parse([]byte(" " + text + "\n"))
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if got := String(v); got != text {
			t.Errorf("%s: read as %s", text, got)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		``:                            "EOF",
		`{"a":1,"a":1}`:               `"a" occurs twice`,
		`[{"a":{"b":1,"c":2,"b":3}}]`: `"b" occurs twice`,
		`{"a":1}{"b":2}`:              "more than one",
		`{"a":1} x`:                   "more than one",
		`{"a":1`:                      "EOF",
		`{"a" 1}`:                     "invalid character",
		`[1,]`:                        "invalid character",
		"\"\n\"":                      "invalid character",
	} {
		v, err := Parse([]byte(text))
		if err == nil {
			t.Errorf("%q: read as %s", text, String(v))
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestSplit(t *testing.T) {
	docs, rest := Split([]byte("{\"a\":1}\n\n[2] {\"c\":1,\"c\":2}\n{}"))
	if String(docs) != `[{"a":1},[2]]` || string(rest) != "{\"c\":1,\"c\":2}\n{}" {
		t.Errorf("%s and %q", String(docs), rest)
	}
	if docs, rest := Split([]byte(" {\"a\":1}\n")); String(docs) != `[{"a":1}]` || len(rest) != 0 {
		t.Errorf("%s and %q", String(docs), rest)
	}
}

func TestGetAndSub(t *testing.T) {
	v, err := Parse([]byte(`{"node":{"key":"/a"},"n":null}`))
	if err != nil {
		t.Fatal(err)
	}
	o := v.(Object)
	if key, ok := o.Sub("node").Get("key"); key != "/a" || !ok {
		t.Errorf("node.key = %v", key)
	}
	if n, ok := o.Get("n"); n != nil || !ok {
		t.Errorf("n = %v, %v", n, ok)
	}
	if x, ok := o.Sub("n").Get("x"); x != nil || ok {
		t.Errorf("n.x = %v, %v", x, ok)
	}
}
