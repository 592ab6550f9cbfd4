package measure

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pando/test/bench/record"
)

// program writes a shell script that says that it is a version, and fails when it is to serve.
func program(t *testing.T, version string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "server")
	script := "#!/bin/sh\n[ \"$1\" = --version ] && printf '" + version + "' && exit\necho out of order\nexit 1\n"
	if err := os.WriteFile(file, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestNewSubject(t *testing.T) {
	for _, c := range []struct {
		says, name, version string
		checkout, v2        bool
	}{
		{says: `etcd Version: 2.3.8\nGit SHA: x\nGo Version: go1.7\n`, name: "etcd 2.3", version: "2.3.8 (go1.7)"},
		{says: `etcd Version: 3.4.23\nGo Version: go1.19\n`, name: record.Etcd34, version: "3.4.23 (go1.19)", v2: true},
		{says: `etcd Version: 2.3.8\nGo Version: go1.26\nPando Version: v1\n`, name: record.Pando, version: "v1 (go1.26)", checkout: true},
		{says: `etcd Version: 2.3.8\nGo Version: go1.26\nPando Version: v1\n`, name: "Pando v1", version: "v1 (go1.26)"},
		{says: `etcd Version: 2.3.8\nGo Version: go1.26\n`, checkout: true}, // where Pando should be
		{says: `tree 3.0.2\n`},
	} {
		s, err := NewSubject(program(t, c.says), c.checkout)
		if c.name == "" {
			if err == nil {
				t.Errorf("%s: taken for %+v", c.says, s)
			}
			continue
		}
		if err != nil || s.Name != c.name || s.Version != c.version || slices.Contains(s.args, "--enable-v2") != c.v2 {
			t.Errorf("%s: %+v, %v", c.says, s, err)
		}
	}
}

// A subject that does not start has a sample that says so, one for each measure of servers that live on.
func TestSubjectThatDoesNotStart(t *testing.T) {
	s, err := NewSubject(program(t, `etcd Version: 2.3.8\nGo Version: go1.7\n`), false)
	if err != nil {
		t.Fatal(err)
	}
	var taken []record.Sample
	b := Bench{Subjects: []Subject{s}, Dir: t.TempDir(), Form: Form{Rounds: 2, Watchers: 1}, Take: func(s record.Sample) { taken = append(taken, s) }}
	var done []string
	err = b.Run(t.Context(), []string{"crowd", "get"}, func(name string) error { done = append(done, name); return nil })
	if err != nil || !slices.Equal(done, []string{"get", "crowd"}) {
		t.Errorf("%v, %v", done, err)
	}
	if len(taken) != 3 {
		t.Errorf("%d samples", len(taken))
	}
	for _, s := range taken {
		if !strings.Contains(s.Failed, "out of order") || s.Values != nil {
			t.Errorf("%+v", s)
		}
	}
	if left, err := os.ReadDir(b.Dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if err := b.Run(ended, Names(), func(string) error { return nil }); err == nil {
		t.Error("it went on after its end")
	}
}

// The order of the subjects is turned around in each round.
func TestTurns(t *testing.T) {
	b := Bench{Dir: t.TempDir(), Take: func(record.Sample) {}}
	for _, name := range []string{"a", "b", "c"} {
		b.Subjects = append(b.Subjects, Subject{Subject: record.Subject{Name: name}})
	}
	var order strings.Builder
	b.inTurns(t.Context(), "m", 0, 3, func(t *turn) figures {
		order.WriteString(t.subject.Name)
		return figures{}
	})
	if order.String() != "abccbaabc" {
		t.Errorf("%s", &order)
	}
}

// What a turn has found before it fails stays, and what it has started ends, the latest first.
func TestTurnThatFails(t *testing.T) {
	var taken []record.Sample
	b := Bench{Dir: t.TempDir(), Take: func(s record.Sample) { taken = append(taken, s) }}
	var ended []int
	b.turn(t.Context(), Subject{}, record.Sample{}, func(t *turn) figures {
		t.Cleanup(func() { ended = append(ended, 1) })
		t.Cleanup(func() { ended = append(ended, 2) })
		t.kept = figures{values: map[string]float64{"x": 7}}
		t.Fatalf("no %s", "luck")
		return figures{}
	})
	if len(taken) != 1 || taken[0].Failed != "no luck" || taken[0].Values["x"] != 7 || !slices.Equal(ended, []int{2, 1}) {
		t.Errorf("%+v, ended %v", taken, ended)
	}
}

func TestPercentilesEndWithTheLastRequest(t *testing.T) {
	l := load{Requests: 1000, Percentiles: [][2]float64{{0, 1}, {50, 2}, {99.5, 3}, {99.95, 4}, {100, 4}}}
	if got := l.percentiles().curves["percentiles"]; len(got) != 2 || got[1][1] != 3 {
		t.Errorf("%v", got)
	}
}
