package conformance_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pando/test/conformance"
	"pando/test/fixtures"
	"pando/test/server"
)

// The cases for plain servers, on a fresh Pando.
func TestConformance(t *testing.T) {
	t.Parallel()
	conform(t, server.Start(t, server.Options{}))
}

// A case that Pando is meant to fail, but passes, must go from the list.
func TestDeviationsAreReal(t *testing.T) {
	t.Parallel()
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

// The directory of a member of three, whose peers are away.
func TestNoQuorum(t *testing.T) {
	t.Parallel()
	s := server.Launch(t, server.Options{
		Dir: filepath.Join(fixtures.Unpack(t, fixtures.Etcd238), "cluster-a"), Name: "a", Client: server.FreeAddr(t),
	})
	conform(t, s, "no-quorum")
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
