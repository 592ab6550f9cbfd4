package conformance_test

import (
	"os"
	"slices"
	"testing"
	"time"

	"pando/test/conformance"
	"pando/test/server"
)

// The cases for plain servers, on a fresh Pando.
func TestConformance(t *testing.T) {
	conform(t, server.Start(t, server.Options{}))
}

// A case that Pando is meant to fail, but passes, must go from the list.
func TestDeviationsAreReal(t *testing.T) {
	cases, err := conformance.Load()
	if err != nil {
		t.Fatal(err)
	}
	names := deviations(t, cases)
	if len(names) == 0 {
		return
	}
	report, err := conformance.RunAll(cases, conformance.Options{
		Endpoint: server.Start(t, server.Options{}).Endpoint,
		Filter:   names,
		Done: func(r conformance.Result) {
			if slices.Contains(names, r.Case.Name) && r.Passed() {
				t.Errorf("%s passes", r.Case.Name)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d fail as they are meant to", report.Failed)
}

func TestCORS(t *testing.T) {
	for need, origins := range map[string]string{
		"cors-star": "*",
		"cors-list": "http://a.example:8080,http://b.example:8081",
	} {
		t.Run(need, func(t *testing.T) {
			conform(t, server.Start(t, server.Options{Args: []string{"--cors=" + origins}}), need)
		})
	}
}

// The first of two members, the second one killed.
func TestNoQuorum(t *testing.T) {
	a, b := server.FreeAddr(t), server.FreeAddr(t)
	cluster := []string{"--initial-cluster", "a=http://" + a + ",b=http://" + b}
	first := server.Launch(t, server.Options{Name: "a", Peer: a, Args: cluster})
	second := server.Launch(t, server.Options{Name: "b", Peer: b, Args: cluster})
	for _, s := range []*server.Server{first, second} {
		if err := s.Ready(time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	second.Kill()
	conform(t, first, "no-quorum")
}

// conform runs all cases that fit a server. With names of special servers, only the cases that need such a one run.
func conform(t *testing.T, s *server.Server, with ...string) {
	t.Helper()
	cases, err := conformance.Load()
	if err != nil {
		t.Fatal(err)
	}
	report, err := conformance.RunAll(cases, conformance.Options{
		Endpoint: s.Endpoint,
		With:     with,
		Except:   deviations(t, cases),
		Done: func(r conformance.Result) {
			if !r.Passed() {
				t.Errorf("%v", r)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d passed, %d failed, %d left out", report.Passed(), report.Failed, report.Skipped)
}

// deviations are the cases that Pando is meant to fail.
func deviations(t *testing.T, cases []*conformance.Case) []string {
	t.Helper()
	f, err := os.Open("deviations.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	names, err := conformance.Exceptions(f, cases)
	if err != nil {
		t.Fatal(err)
	}
	return names
}
