package misc

import (
	"slices"
	"strings"
	"testing"

	"pando/test/conformance"
	"pando/test/conformance/ordered"
)

var testMeaning = &meaning{base: 10, names: map[string]string{"client": "http://127.0.0.1:5", "member": "abcdef0123456789"}}

func TestText(t *testing.T) {
	for _, c := range []struct {
		golden, got string
		same        bool
	}{
		{"a.b", "a.b", true},
		{"a.b", "axb", false},
		{"{client}/x", "http://127.0.0.1:5/x", true},
		{"{client}/x", "http://127.0.0.1:6/x", false},
		{"{member}", "abcdef0123456780", false},
		{"at {time}.", "at 2016-01-02T03:04:05.6Z.", true},
		{"at {time}.", "at 2016-01-02.", false},
		{"{id}: x", "0123456789abcdef: x", true},
		{"{id}: x", "xyz: x", false},
		{"took {duration}", "took 1m2.5s", true},
		{"took {duration}", "took 5", false},
		{"/q/{020:+3}", "/q/00000000000000000013", true},
		{"/q/{020:+3}", "/q/00000000000000000014", false},
		{"no key [+2]\n", "no key [12]\n", true},
		{"no key [+2]\n", "no key [13]\n", false},
		{"{a*70}", strings.Repeat("a", 70), true},
		{"{a*70}", strings.Repeat("a", 71), false},
		{"", "x", false},
	} {
		if testMeaning.text(c.golden, c.got) != c.same {
			t.Errorf("%q and %q: want %v", c.golden, c.got, c.same)
		}
	}
}

func TestCompare(t *testing.T) {
	golden := `{"status":200,"headers":{"x-etcd-index":"+1","x-raft-term":"n","allow":"GET"},"json":{"id":"{member}","nodes":[{"key":"/a","modifiedIndex":"+1"},{"key":"/b","modifiedIndex":0}]}}`
	right := `{"status":200,"headers":{"x-etcd-index":"11","x-raft-term":"2","allow":"GET"},"json":{"id":"abcdef0123456789","nodes":[{"key":"/b","modifiedIndex":0},{"key":"/a","modifiedIndex":11}]}}`
	differs := func(got string) []string {
		want, err := ordered.Parse([]byte(golden))
		if err != nil {
			t.Fatal(err)
		}
		v, err := ordered.Parse([]byte(got))
		if err != nil {
			t.Fatal(err)
		}
		r := &run{meaning: testMeaning}
		c := r.comparer()
		r.outcome(c, want.(ordered.Object), v.(ordered.Object))
		return c.Differs
	}
	if d := differs(right); len(d) > 0 {
		t.Error(d)
	}
	for old, changed := range map[string]string{
		`"11"`: `"12"`, `:11`: `:10`, `:0`: `:1`, `"2"`: `"0"`, `"GET"`: `"PUT"`, `200`: `201`, `6789"`: `6780"`, `"/b"`: `"/c"`,
		`,"allow":"GET"`: ``, `"allow"`: `"vary"`, `"status":200,`: ``, `"id":"abcdef0123456789",`: ``,
	} {
		if d := differs(strings.Replace(right, old, changed, 1)); len(d) == 0 {
			t.Errorf("%s instead of %s was not seen", changed, old)
		}
	}
}

func TestMissingMetrics(t *testing.T) {
	page := "# TYPE etcd_a counter\netcd_a 1\n# TYPE etcd_b gauge\n"
	got := missing(map[string]string{"etcd_a": "counter", "etcd_b": "counter", "etcd_c": "gauge"}, page)
	if len(got) != 2 || !strings.Contains(got[0], "etcd_b") || !strings.Contains(got[1], "etcd_c") {
		t.Error(got)
	}
}

func TestDerivedIDs(t *testing.T) {
	// The ids of the fixtures (their README).
	if m, c := derived("http://127.0.0.1:23101", "fixture"); m != "50ba5060abbc4839" || c != "c2b03513a149e5c3" {
		t.Errorf("%s, %s", m, c)
	}
}

func TestEveryCaseLoads(t *testing.T) {
	cases, err := Load(conformance.Misc())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(cases, (*Case).hasAlt) || len(cases) < 200 {
		t.Errorf("%d cases", len(cases))
	}
}
