package conformance

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
)

// twoStep asks twice; 2.3.8 answers 201 both times, 3.4 said 202 both times, 3.5 says 203 the second time.
const twoStep = `{"name":"a/b","steps":[
	{"method":"GET","path":"/v2/keys/{dir}/1","expect":{"status":201,"headers":{},"text":""},"expect_alt":{"status":202,"headers":{},"text":""}},
	{"method":"GET","path":"/v2/keys/{dir}/2","expect":{"status":201,"headers":{},"text":""},"expect_alt":{"status":202,"headers":{},"text":""},
		"expect_alt2":{"status":203,"headers":{},"text":""}}]}`

func TestFlavoursDontMix(t *testing.T) {
	for _, c := range []struct {
		first, second int
		strict, pass  bool
		flavour       Flavour
	}{
		{201, 201, false, true, Etcd23},
		{201, 201, true, true, Etcd23},
		{202, 202, false, true, Etcd34},
		{202, 202, true, false, Etcd23},
		{202, 203, false, true, Etcd35},
		{201, 202, false, false, Etcd23},
		{201, 203, false, false, Etcd23},
		{204, 204, false, false, Etcd23},
	} {
		statuses := make(chan int, 2)
		statuses <- c.first
		statuses <- c.second
		f := newFake(t, func(string) string { return fmt.Sprintf("HTTP/1.0 %d X\r\n\r\n", <-statuses) })
		r := Run(f.addr, parseCase(t, twoStep), c.strict)
		if r.Passed() != c.pass || c.pass && r.Flavour != c.flavour {
			t.Errorf("%+v: %v (%v)", c, r, r.Flavour)
		}
	}
}

// Serial cases know each index exactly.
func TestSerial(t *testing.T) {
	const serial = `{"name":"a/b","serial":true,"exact":true,"steps":[{"method":"GET","path":"/v2/keys/{dir}/x","expect":{"status":200,
		"headers":{"x-etcd-index":"+3","content-type":"application/json"},"json":{"node":{"modifiedIndex":"+2"},"cause":"gone [+2/3]"},"newline":true,
		"raw":"{\"node\":{\"modifiedIndex\":+2},\"cause\":\"gone [+2/3]\"}\n"}}]}`
	right := jsonAt("103", `{"node":{"modifiedIndex":102},"cause":"gone [102/3]"}`+"\n")
	if r := judge(t, serial, right); !r.Passed() {
		t.Error(r)
	}
	for old, changed := range map[string]string{"103": "104", ":102": ":101", "[102": "[101", `"node":`: `"node": `} {
		if r := judge(t, serial, strings.Replace(right, old, changed, 1)); r.Passed() {
			t.Errorf("%s instead of %s passed", changed, old)
		}
	}
}

func TestStreams(t *testing.T) {
	const stream = `{"name":"a/b","steps":[{"id":"w","method":"GET","path":"/v2/keys/{dir}/x","async":true},{"await":"w","events":2,"settle_ms":50,
		"expect":{"status":200,"headers":{"x-etcd-index":"ok"},"early":true,"open":true,"newline":true,
		"events":[{"node":{"modifiedIndex":"#1"}},{"node":{"modifiedIndex":"#2"}}]}}]}`
	head := "HTTP/1.1 200 X\r\nX-Etcd-Index: 100\r\nContent-Length: 999\r\n\r\n"
	one, two := `{"node":{"modifiedIndex":101}}`+"\n", `{"node":{"modifiedIndex":102}}`+"\n"
	for body, pass := range map[string]bool{one + two: true, two + one: false, one: false, one + one: false, one + two + two: false,
		one + two + `{"no`: false, one + "\n" + two: false, one + "x" + two: false} {
		if r := judge(t, stream, head+body); r.Passed() != pass {
			t.Errorf("%q: %v", body, r)
		}
	}
	if r := judge(t, stream, strings.Replace(head, "999", fmt.Sprint(len(one+two)), 1)+one+two); r.Passed() {
		t.Error("a stream that ended passed for one that stays open")
	}
}

func TestLoadRefuses(t *testing.T) {
	for text, want := range map[string]string{
		`{"name":"a","steps":[{"method":"GET","path":"/","expect":{},"colour":1}]}`:                               "colour",
		`{"name":"a","steps":[{"method":"GET","path":"/"}]}`:                                                      "no golden",
		`{"name":"a","steps":[]}`:                                                                                 "no steps",
		`{"name":"a","quirk":"funny","steps":[{"method":"GET","expect":{}}]}`:                                     "funny",
		`{"name":"a","steps":[{"await":"w","expect":{}}]}`:                                                        "nothing started",
		`{"name":"a","steps":[{"expect":{}}]}`:                                                                    "does nothing",
		`{"name":"a","steps":[{"method":"GET","path":"/","expect":{"a":1,"a":2}}]}`:                               "twice",
		`{"name":"a","steps":[{"method":"GET","expect":{}}]},{"name":"a","steps":[{"method":"GET","expect":{}}]}`: "a second",
	} {
		_, err := load(fstest.MapFS{"cases/x.json": {Data: []byte("[" + text + "]")}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

func TestExceptions(t *testing.T) {
	cases := []*Case{{Name: "a/quirk", Quirk: Accidental}, {Name: "a/rule"}}
	names, err := Exceptions(strings.NewReader("# why\n\na/quirk  because\n"), cases)
	if err != nil || len(names) != 1 || names[0] != "a/quirk" {
		t.Errorf("%v, %v", names, err)
	}
	for text, want := range map[string]string{
		"a/rule because":             "must pass",
		"a/none because":             "no case",
		"a/quirk":                    "no reason",
		"a/quirk one\na/quirk again": "twice",
	} {
		if _, err := Exceptions(strings.NewReader(text), cases); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
