package page

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pando/test/bench/record"
)

func TestNumbers(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{microseconds.text(0.1234), "0.123 µs"},
		{microseconds.text(23.456), "23.5 µs"},
		{microseconds.text(999.7), "1.00 ms"},
		{microseconds.text(2_345_678), "2.35 s"},
		{microseconds.text(12_345e6), "12,345 s"},
		{byteSize.text(0), "0 B"},
		{number.text(1234567.8), "1,234,568"},
		{number.short(1), "1"},
		{byteSize.short(14_000), "14 KB"},
		{times.spread(record.Spread{Median: 2, Least: 1.5, Most: 3, Rounds: 3}), "2.00x (1.50–3.00)"},
		{microseconds.spread(record.Spread{Median: 1500, Least: 900, Most: 12_000, Rounds: 2}), "1.50 ms (0.900–12.0)"},
		{number.spread(record.Spread{}), "–"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

func TestTableLeavesOutWhatIsEmpty(t *testing.T) {
	if got := newTable("nothing", "at", "all").String(); got != "" {
		t.Errorf("%s", got)
	}
	table := newTable("what", "there", "nowhere", "some")
	table.add("a", "1", "", "–")
	table.add("b", "2", "–", "3")
	if got, want := table.String(), "| what | there | some |\n|---|---:|---:|\n| a | 1 | – |\n| b | 2 | 3 |\n"; got != want {
		t.Errorf("\n%swant\n%s", got, want)
	}
}

// of makes a record with one figure in two rounds.
func of(measure, value string, at int, pando, etcd, disk [2]float64) *record.Record {
	r := &record.Record{}
	for round := range 2 {
		for subject, v := range map[string]float64{record.Pando: pando[round], record.Etcd34: etcd[round], record.Disk: disk[round]} {
			if v > 0 {
				r.Samples = append(r.Samples, record.Sample{
					Measure: measure, Subject: subject, Round: round, At: at, Values: map[string]float64{value: v},
				})
			}
		}
	}
	return r
}

func TestReached(t *testing.T) {
	none := [2]float64{}
	for _, c := range []struct {
		name, measure, value string
		pando, etcd, disk    [2]float64
		want                 string
	}{
		{"three times less", "get", "cpu-us", [2]float64{10, 8}, [2]float64{30, 24}, none, "goal"},
		{"less", "get", "cpu-us", [2]float64{10, 8}, [2]float64{20, 16}, none, "floor"},
		{"hardly less", "get", "cpu-us", [2]float64{10, 8}, [2]float64{11, 9}, none, "**no**"},
		{"nobody beside", "get", "cpu-us", [2]float64{10, 8}, none, none, "–"},
		{"near the disk", "put-one", "p50-us", [2]float64{150, 250}, [2]float64{400, 400}, [2]float64{100, 150}, "goal"},
		{"far from the disk", "put-one", "p50-us", [2]float64{300, 300}, [2]float64{400, 400}, [2]float64{100, 150}, "floor"},
		{"small", "keys", "key-bytes", [2]float64{300, 390}, none, none, "goal"},
		{"large", "keys", "key-bytes", [2]float64{1000, 1000}, none, none, "**no**"},
		{"no growth", "crowd", "crowd-put-ratio", [2]float64{1.1, 1.2}, none, none, "yes"},
		{"growth", "crowd", "crowd-put-ratio", [2]float64{1.5, 1.2}, none, none, "**no**"},
	} {
		at := 0
		if c.measure == "keys" {
			at = 1000
		}
		v := &view{Record: of(c.measure, c.value, at, c.pando, c.etcd, c.disk), subjects: []string{record.Pando, record.Etcd34}}
		for _, q := range requirements {
			if q.measure == c.measure && q.value == c.value {
				if got := v.reached(q, v.figure(q.measure, q.value)); got != c.want {
					t.Errorf("%s: %s, want %s", c.name, got, c.want)
				}
			}
		}
	}
}

// A quick run is said to be one wherever its figures are.
func TestQuick(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "benchmarks"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, quick := range []bool{true, false} {
		r := &record.Record{Runs: []record.Run{{Quick: quick, Measures: []string{"get"}, Subjects: []record.Subject{{Name: record.Pando}}}}}
		if err := Write(r, dir, nil); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"benchmarks.md", "limits.md"} {
			text, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if said := strings.Contains(string(text), "mean little"); said != quick {
				t.Errorf("%s of a run that is quick: %v, says so: %v", name, quick, said)
			}
		}
	}
}

// What failed is on the page, and what was not measured has no plot, nor keeps an old one.
func TestFailures(t *testing.T) {
	dir := t.TempDir()
	old := filepath.Join(dir, "benchmarks", "memory.svg")
	if err := os.Mkdir(filepath.Dir(old), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(old, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	r := &record.Record{
		Runs:    []record.Run{{Measures: []string{"keys"}, Subjects: []record.Subject{{Name: "etcd 2.3"}, {Name: record.Pando}}}},
		Samples: []record.Sample{{Measure: "keys", Subject: "etcd 2.3", At: 1000, Failed: "out of luck"}},
	}
	if err := Write(r, dir, nil); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "benchmarks.md"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "- keys with 1000, etcd 2.3: out of luck\n") || strings.Contains(string(text), "memory.svg") {
		t.Errorf("%s", text)
	}
	if _, err := os.Stat(old); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", old, err)
	}
	if err := Write(&record.Record{}, dir, nil); err == nil {
		t.Error("a page of nothing")
	}
}
