package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// Whatever a store holds comes back: tree, history, counters, what is due; and the two go on alike.
func TestRestoreBringsEverythingBack(t *testing.T) {
	base := uint64(time.Now().UnixNano())
	for seed := base; seed < base+60; seed++ {
		rng := rand.New(rand.NewPCG(seed, 0))
		names := imageNames
		if seed%2 == 0 {
			names = slices.Concat(brokenNames, imageNames[:4])
		}
		s, again := imageStore(30), imageStore(30)
		applyAll(s, randomCommands(rng, rng.IntN(300), names)...)
		mustRestore(t, again, imageOf(t, s.Image()))
		more := randomCommands(rng, 50, names)
		for range 2 {
			if got, want := visibleState(again), visibleState(s); got != want {
				t.Fatalf("seed %d: got\n%s\nwant\n%s", seed, got, want)
			}
			applyAll(s, more...)
			applyAll(again, more...)
		}
	}
}

// Siblings whose names JSON cannot tell apart are still two.
func TestRestoreKeepsBytes(t *testing.T) {
	s := imageStore(10)
	for _, n := range brokenNames {
		applyAll(s, putKey("/"+n, n), putKey("/d"+n+"/"+n, n))
	}
	image := imageOf(t, s.Image())
	again := imageStore(10)
	mustRestore(t, again, image)
	if got, want := visibleState(again), visibleState(s); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if n := again.View().Root().Child("1").Len(); n != 2*len(brokenNames) {
		t.Errorf("%d children", n)
	}
}

// oddDocument is a snapshot in a form that no server writes but every JSON reader takes.
const oddDocument = " {\n\"Ignored\": [1.5e3, {\"a\": [null, true, \"\\u00e4\", {}, []]}, -0], \"CurrentVersion\":2 ,\"Stats\":{\"setsFail\":7,\"x\":1}," +
	`"CurrentIndex":9,"WatcherHub":{"x":0,"EventHistory":{"StartIndex":8,"LastIndex":9,"Queue":{"Capacity":2,"Front":1,"Events":[` +
	`{"node":{"createdIndex":9,"modifiedIndex":9,"key":"/1/b","dir":true},"prevNode":null,"action":"set"},` +
	`{"action":"delete","node":{"key":"/1/b","modifiedIndex":8,"createdIndex":2},"prevNode":{"key":"/1/b","value":"","ttl":-3,"expiration":"2026-11-24T14:00:00.5+02:00","modifiedIndex":2,"createdIndex":2}}` +
	`]}}},"Root":{"Children":{"2":{"Path":"/2","Value":"","Children":{}},"0":{"Children":{}},` +
	`"1":{"ACL":"","Children":{"x":{"Value":"the last one counts","Value":"\/\b\f\ud83d\ude00\ud800\ud800z\ud800\n\u0041","ExpireTime":"2026-11-24T14:00:00+02:00","CreatedIndex":18446744073709551615},"b":{"Children":{}}},"CreatedIndex":3}}}}` + "\r\n\t"

// pieces reads seven bytes at a time: most strings lie in one piece, and some do not.
type pieces struct{ io.Reader }

func (p pieces) Read(b []byte) (int, error) { return p.Reader.Read(b[:min(7, len(b))]) }

func TestRestoreTakesAnyOrderAndForm(t *testing.T) {
	for name, r := range map[string]io.Reader{
		"whole":           strings.NewReader(oddDocument),
		"byte by byte":    iotest.OneByteReader(strings.NewReader(oddDocument)),
		"in pieces":       pieces{strings.NewReader(oddDocument)},
		"end with data":   iotest.DataErrReader(strings.NewReader(oddDocument)),
		"longer than buf": strings.NewReader(strings.Repeat(" ", 100_000) + oddDocument),
	} {
		s := imageStore(10)
		if err := s.Restore(r); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		s.Publish(1, 1)
		x, _ := s.View().Lookup("/1/x")
		if want := "/\b\f\U0001F600\ufffd\ufffdz\ufffd\nA"; x.Value() != want || x.Dir() || x.Created() != 1<<64-1 {
			t.Errorf("%s: value %q, want %q; %v", name, x.Value(), want, x.Attr())
		}
		if due, ok := s.NextExpiration(); !ok || due != time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC).UnixNano() {
			t.Errorf("%s: due %d", name, due)
		}
		events := s.Hub().Events()
		if len(events) != 2 || events[0].Action != "delete" || events[0].PrevNode.TTL != -3 || *events[0].PrevNode.Value != "" || !events[1].Node.Dir {
			t.Errorf("%s: events %v", name, events)
		}
		if s.View().Index != 9 || s.Stats().SetFail != 7 || s.View().Root().Child("1").Created() != 3 {
			t.Errorf("%s: %s", name, visibleState(s))
		}
	}
}

// What is no snapshot is refused with a sentence that names the place, and the store stays as it was.
func TestRestoreRefuses(t *testing.T) {
	swap := func(old, by string) string {
		if !strings.Contains(oddDocument, old) {
			t.Fatalf("%q is not in the document", old)
		}
		return strings.Replace(oddDocument, old, by, 1)
	}
	for _, c := range []struct{ doc, want string }{
		{"", "unexpected EOF"},
		{"null", `'n' where '{' is expected`},
		{"{}", "CurrentVersion is 0, want 2"},
		{swap(`"CurrentVersion":2`, `"CurrentVersion":3`), "CurrentVersion is 3, want 2"},
		{swap(`"Root"`, `"root"`), "Root is no directory"},
		{swap(`"0":{"Children":{}}`, `"0":{"Children":null}`), "there is no directory /0"},
		{swap(`"1":{`, `"7":{`), "there is no directory /1"},
		{oddDocument + "x", "something behind the end"},
		{oddDocument + oddDocument, "something behind the end"},
		{swap(`"x":1}`, `"x":1,}`), `'}' where '"' is expected`},
		{swap(`"x":1`, `"x":01`), `"01" is no value`},
		{swap(`"x":1`, `"x":1"`), `'"' where ',' is expected`},
		{swap(`"x":1`, `"x" 1`), `'1' where ':' is expected`},
		{swap(`"x":1`, `"x":tru`), "not true"},
		{swap(`"setsFail":7`, `"setsFail":-7`), `"-7" is no number`},
		{swap(`"setsFail":7`, `"setsFail":+7`), `"+7" is no number`},
		{swap(`"setsFail":7`, `"setsFail":07`), `"07" is no number`},
		{swap(`"setsFail":7`, `"setsFail":7.0`), `"7.0" is no number`},
		{swap(`"setsFail":7`, `"setsFail":18446744073709551616`), "is no number of 64 bits"},
		{swap(`"setsFail":7`, `"setsFail":`+strings.Repeat("7", 1000)), "is no number of 64 bits"},
		{swap(`"setsFail":7`, `"setsFail":"7"`), `"" is no number`},
		{swap(`"ttl":-3`, `"ttl":-9223372036854775809`), "is no number of 64 bits"},
		{swap(`"ttl":-3`, `"ttl":+3`), `"+3" is no number`},
		{strings.Repeat(" ", 100_000) + "x", "byte 100000: 'x' where '{' is expected"},
		{swap(`"dir":true`, `"dir":1`), "not false"},
		{swap(`2026-11-24T14:00:00+02:00`, `yesterday`), `"yesterday" is no time`},
		{swap(`2026-11-24T14:00:00+02:00`, `2262-04-12T00:00:00Z`), "out of range"},
		{swap(`2026-11-24T14:00:00+02:00`, `1677-01-01T00:00:00Z`), "out of range"},
		{swap(`\n\u0041`, `\x`), "unknown escape 'x'"},
		{swap(`\n\u0041`, `\u00g1`), "'g' is no hexadecimal digit"},
		{swap(`\n\u0041`, "\n"), "a control character in a string"},
		{swap(`\n\u0041`, "\xff"), "a string that is not UTF-8"},
		{swap(`"x":{"Value"`, `"":{"Value"`), `"" is no name of a node`},
		{swap(`"x":{"Value"`, `"x/y":{"Value"`), `"x/y" is no name of a node`},
		{swap(`"x":{"Value"`, `"x":{"PandoName":"L3g=","Value"`), `"/x" is no name of a node`},
		{swap(`"x":{"Value"`, `"x":{"PandoValue":"?","Value"`), "illegal base64"},
		{swap(`"ACL":""`, `"Children":{}`), "two lists of children"},
		{swap(`"modifiedIndex":9,`, ``), "an event without action, key or index"},
		{swap(`"action":"delete",`, ``), "an event without action, key or index"},
		{swap(`"action":"delete"`, `"action":"de\"lete"`), `"de\"lete" is no action`},
		{swap(`"prevNode":null`, `"prevNode":[]`), `'[' where '{' is expected`},
		{swap(`"x":1`, `"x":`+strings.Repeat("[", maxDepth+1)), "nested more than"},
		{`{"Root":` + strings.Repeat(`{"Children":{"a":`, maxDepth), "nested more than"},
	} {
		s := imageStore(10)
		applyAll(s, putKey("/kept", "1"))
		before, view := visibleState(s), s.View()
		err := s.Restore(strings.NewReader(c.doc))
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "store snapshot: byte ") {
			t.Errorf("%.40q…: %v, want %s", c.doc, err, c.want)
		}
		if visibleState(s) != before || s.View() != view {
			t.Fatalf("%s: the store has changed", c.want)
		}
	}
}

// Cut off anywhere, or with an unreadable rest: refused.
func TestRestoreRefusesWhatIsCut(t *testing.T) {
	doc := strings.TrimSpace(oddDocument)
	for n := range len(doc) {
		s := imageStore(10)
		if err := s.Restore(strings.NewReader(doc[:n])); err == nil {
			t.Errorf("cut at byte %d: no error", n)
		}
		broken := errors.New("the disk")
		err := s.Restore(io.MultiReader(strings.NewReader(doc[:n]), iotest.ErrReader(broken)))
		if !errors.Is(err, broken) {
			t.Errorf("error at byte %d: %v", n, err)
		}
	}
}

// Wherever the buffer ends, what lies before is read in the plain way or is not, and what comes out is the same.
func TestRestoreAcrossTheBuffer(t *testing.T) {
	s, want := imageStore(3), imageStore(3)
	applyAll(s, randomCommands(rand.New(rand.NewPCG(1, 2)), 40, append(brokenNames, imageNames...))...)
	image := imageOf(t, s.Image())
	mustRestore(t, want, image)
	wanted := visibleState(want)
	padded := append(bytes.Repeat([]byte(" "), cap(newDecoder(nil).buf)), image...)
	for n := range image {
		got := imageStore(3)
		mustRestore(t, got, padded[n:])
		if state := visibleState(got); state != wanted {
			t.Fatalf("the buffer ends behind byte %d: got\n%s\nwant\n%s", n, state, wanted)
		}
	}
}

// How many files there are does not count as depth.
func TestRestoreManyFiles(t *testing.T) {
	s, again := imageStore(1), imageStore(1)
	for i := range maxDepth + maxDepth/4 { // some lie across the end of the buffer, and are read in the other way
		s.Apply(1, 1, putKey(fmt.Sprint("/", i), ""))
	}
	s.Publish(1, 1)
	mustRestore(t, again, imageOf(t, s.Image()))
	if got, want := again.View().KeySpace(), s.View().KeySpace(); got != want {
		t.Errorf("%v, want %v", got, want)
	}
}

// The tree may be as deep as the limit allows.
func TestRestoreDeepTree(t *testing.T) {
	const levels = 1500
	s, again := imageStore(1), imageStore(1)
	applyAll(s, putKey(strings.Repeat("/d", levels), "deep"))
	mustRestore(t, again, imageOf(t, s.Image()))
	if n, err := again.View().Lookup(keysPrefix + strings.Repeat("/d", levels)); err != nil || n.Value() != "deep" {
		t.Errorf("%v, %v", n, err)
	}
}

// A window of another size: the newest events that fit are kept.
func TestRestoreIntoAnotherWindow(t *testing.T) {
	s, small, large := imageStore(10), imageStore(3), imageStore(20)
	for range 15 {
		applyAll(s, putKey("/a", "x"))
	}
	image := imageOf(t, s.Image())
	for again, want := range map[*Store]int{small: 3, large: 10} {
		mustRestore(t, again, image)
		events := again.Hub().Events()
		if len(events) != want || events[want-1].Index() != 15 || events[0].Index() != uint64(16-want) {
			t.Errorf("kept %d events, want %d", len(events), want)
		}
	}
}

// spoiltFiles are documents with a file that is plain, as an Image writes it, but for one thing.
func spoiltFiles() (docs []string) {
	const file = `{"Path":"/1/a","CreatedIndex":7,"ModifiedIndex":9,"ExpireTime":"0001-01-01T00:00:00Z","Value":"v","Children":null}`
	for _, c := range []struct{ old, by string }{
		{"", ""}, {"9", "18446744073709551615"}, {"9", "9999999999999999999"}, {"7", "07"}, {"7", "-7"}, {"7", ""}, {"7", "7.0"}, {"7", "18446744073709551616"},
		{"v", "\xff"}, {"v", "ä"}, {"v", "\n"}, {"v", `\n`}, {"v", ""}, {`v"`, `v\`}, {"/a", "\xff"}, {`{"Path":"/1/a"`, "{"}, {`"Path":"/1/a",`, ""}, {"null}", "null"},
		{"null", "{}"}, {"null}", `null,"PandoValue":"/w=="}`}, {"null}", "null,}"}, {"null}", `null,"Value":"w"}`}, {"0001-", "2030-"}, {":7", ": 7"},
	} {
		one := strings.Replace(file, c.old, c.by, 1)
		docs = append(docs, `{"Root":{"Children":{"0":{"Children":{}},"1":{"Children":{"a":`+one+`,"b":`+file+`}}}},"CurrentIndex":9,"CurrentVersion":2}`)
	}
	return docs
}

func FuzzRestore(f *testing.F) {
	f.Add([]byte(oddDocument))
	s := imageStore(3)
	applyAll(s, randomCommands(rand.New(rand.NewPCG(1, 2)), 40, append(brokenNames, imageNames...))...)
	var image bytes.Buffer
	if _, err := s.Image().WriteTo(&image); err != nil {
		f.Fatal(err)
	}
	f.Add(image.Bytes())
	for _, spoilt := range spoiltFiles() {
		f.Add([]byte(spoilt))
	}
	f.Fuzz(checkRestore)
}

// checkRestore holds for any bytes: what is accepted is JSON, and comes back from its own image. A reader that gives one byte at a
// time, so that nothing is read in the plain way, makes no difference.
func checkRestore(t *testing.T, doc []byte) {
	s, slow, again := imageStore(3), imageStore(3), imageStore(3)
	before := visibleState(s)
	err, slowErr := s.Restore(bytes.NewReader(doc)), slow.Restore(iotest.OneByteReader(bytes.NewReader(doc)))
	if fmt.Sprint(err) != fmt.Sprint(slowErr) || visibleState(s) != visibleState(slow) {
		t.Errorf("%v and\n%s\nbyte by byte %v and\n%s", err, visibleState(s), slowErr, visibleState(slow))
	}
	if err != nil {
		if visibleState(s) != before {
			t.Errorf("refused (%v), and the store has changed", err)
		}
		return
	}
	s.Publish(1, 1)
	if !isJSON(doc) {
		t.Errorf("accepted what is no JSON: %q", doc)
	}
	mustRestore(t, again, imageOf(t, s.Image()))
	if got, want := visibleState(again), visibleState(s); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func BenchmarkRestore(b *testing.B) {
	image := imageOf(b, benchStore(b).Image())
	b.SetBytes(int64(len(image)))
	b.ReportAllocs()
	for b.Loop() {
		if err := New(Options{}).Restore(bytes.NewReader(image)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchKeys, "ns/key")
}
