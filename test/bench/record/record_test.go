package record

import (
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"
)

func sample(measure, subject string, round int, value float64) Sample {
	return Sample{Measure: measure, Subject: subject, Round: round, Values: map[string]float64{"us": value}}
}

func TestSpread(t *testing.T) {
	for _, c := range []struct {
		all  []float64
		want Spread
	}{
		{nil, Spread{}},
		{[]float64{3}, Spread{3, 3, 3, 1}},
		{[]float64{9, 1, 2}, Spread{2, 1, 9, 3}},
		{[]float64{4, 1, 2, 9}, Spread{3, 1, 9, 4}},
	} {
		if got := SpreadOf(c.all); got != c.want {
			t.Errorf("%v: %+v, want %+v", c.all, got, c.want)
		}
	}
}

// A ratio is that of two turns of one round. A round in which one side failed has none.
func TestRatio(t *testing.T) {
	r := &Record{Samples: []Sample{
		sample("m", "a", 0, 10), sample("m", "b", 0, 5),
		sample("m", "a", 1, 100), sample("m", "b", 1, 100),
		sample("m", "a", 2, 7), {Measure: "m", Subject: "b", Round: 2, Failed: "why"},
		sample("other", "b", 2, 1),
	}}
	f := Figure{Measure: "m", Value: "us"}
	if got, want := r.Ratio("a", "b", f), (Spread{1.5, 1, 2, 2}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := r.Ratio("a", "nobody", f); got.Rounds != 0 {
		t.Errorf("%+v of nothing", got)
	}
	if got := r.Failures(); len(got) != 1 || got[0].Failed != "why" {
		t.Errorf("failures: %+v", got)
	}
}

func TestCurveIsThatOfTheMedianRound(t *testing.T) {
	r := &Record{}
	for round, v := range []float64{30, 10, 20} {
		s := sample("m", "a", round, v)
		s.Curves = map[string][][2]float64{"c": {{0, v}}}
		r.Samples = append(r.Samples, s)
	}
	if got := r.Curve("a", Figure{Measure: "m", Value: "us"}, "c"); len(got) != 1 || got[0][1] != 20 {
		t.Errorf("%v", got)
	}
	if got := r.Curve("a", Figure{Measure: "m", Value: "us"}, "d"); got != nil {
		t.Errorf("%v of no curve", got)
	}
}

// A record is made in portions; each measure stands there once, with the run that it is of.
func TestAdd(t *testing.T) {
	var r Record
	day := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	first := Run{Date: day, Measures: []string{"get"}, Machine: Machine{Cores: 2, Load: 1}}
	r.Add(first, []Sample{sample("get", Pando, 0, 1)})
	first.Measures = append(first.Measures, "put")
	r.Add(first, []Sample{sample("put", Pando, 0, 2)})
	again := Run{Date: day.Add(time.Hour), Measures: []string{"get"}, Machine: Machine{Cores: 2, Load: 7}}
	r.Add(again, []Sample{sample("get", Pando, 0, 3)})
	if len(r.Runs) != 2 || !slices.Equal(r.Runs[0].Measures, []string{"put"}) || !slices.Equal(r.Latest().Measures, []string{"get"}) {
		t.Errorf("runs: %+v", r.Runs)
	}
	if len(r.Samples) != 2 || r.Spread(Pando, Figure{Measure: "get", Value: "us"}).Median != 3 {
		t.Errorf("samples: %+v", r.Samples)
	}
	file := filepath.Join(t.TempDir(), "record.json")
	if err := r.Save(file); err != nil {
		t.Fatal(err)
	}
	back, err := Load(file)
	if err != nil || !reflect.DeepEqual(*back, r) {
		t.Errorf("%+v, %v\nwas %+v", back, err, r)
	}
	r.Add(Run{Date: day, Measures: []string{"idle"}, Machine: Machine{Cores: 64}}, []Sample{sample("idle", Pando, 0, 4)})
	if len(r.Runs) != 1 || len(r.Samples) != 1 || r.Samples[0].Measure != "idle" {
		t.Errorf("beside another machine's: %+v", r)
	}
}

func TestMachine(t *testing.T) {
	m, err := ThisMachine("/")
	if err != nil || m.CPU == "" || m.Cores == 0 || m.Memory < 1<<20 || m.Kernel == "" || m.FileSystem == "" {
		t.Errorf("%+v, %v", m, err)
	}
	if _, err := ThisMachine("/dev/shm"); err == nil {
		t.Error("data may be in memory")
	}
}

func TestSubjects(t *testing.T) {
	a, b := Subject{"a", "1"}, Subject{"b", "2"}
	r := &Record{Runs: []Run{{Subjects: []Subject{a}}, {Subjects: []Subject{a, b}}}}
	if got := r.Subjects(); !slices.Equal(got, []Subject{a, b}) {
		t.Errorf("%v", got)
	}
	if got := slices.Collect(maps.Keys(r.Rounds("a", Figure{}))); len(got) != 0 {
		t.Errorf("%v", got)
	}
}
