package service

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"pando/test/fault/keys"
	"pando/test/server"
)

// What flags and the environment say about memory and processors holds, and /metrics shows it.
func TestRuntime(t *testing.T) {
	processors := map[string]float64{
		"": float64(max(4, runtime.NumCPU())), "1": 1, "3": 3,
	}
	if runtime.GOMAXPROCS(0) != runtime.NumCPU() {
		delete(processors, "") // somebody has limited this test, and so the server
	}
	for given, want := range processors {
		s := server.Start(t, server.Options{Env: []string{"GOMAXPROCS=" + given}})
		if got := metric(t, s, "go_sched_gomaxprocs_threads"); got != want {
			t.Errorf("GOMAXPROCS=%s: %v processors, want %v", given, got, want)
		}
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	}
	for _, c := range []struct {
		args, env []string
		limit     float64
		percent   float64
	}{
		{nil, []string{"GOMEMLIMIT=100MiB", "GOGC=50"}, 100 << 20, 50},
		{[]string{"--memory-limit", "200"}, []string{"GOMEMLIMIT=100MiB", "GOGC=100"}, 200 << 20, 100},
		{nil, []string{"PANDO_MEMORY_LIMIT=200", "GOGC=200"}, 200 << 20, 200},
	} {
		s := server.Start(t, server.Options{Args: c.args, Env: c.env})
		if got := metric(t, s, "go_gc_gomemlimit_bytes"); got != c.limit {
			t.Errorf("%q, %q: a limit of %v bytes, want %v", c.args, c.env, got, c.limit)
		}
		if got := metric(t, s, "go_gc_gogc_percent"); got != c.percent {
			t.Errorf("%q, %q: the collector is set to %v %%, want %v", c.args, c.env, got, c.percent)
		}
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	}
}

// Where little is in use, garbage may gather; with more in use, and if the environment says so, as much as there is in use.
func TestGarbage(t *testing.T) {
	const usual, much = 100, 32 << 20
	for _, given := range []string{"", "100"} {
		s := server.Start(t, server.Options{Env: []string{"GOGC=" + given}})
		c := keys.New(s.Endpoint, 1)
		defer c.Close()
		put := func(key string, size int) {
			t.Helper()
			a, err := c.Do(t.Context(), http.MethodPut, keys.Path(key), keys.Form("value", strings.Repeat("v", size)))
			if err != nil || !a.OK() {
				t.Fatalf("%v: %v", a, err)
			}
		}
		collections := func() float64 { return metric(t, s, "go_gc_duration_seconds_count") }
		percent := func() float64 { return metric(t, s, "go_gc_gogc_percent") }
		for before := collections(); collections() < before+3; {
			put("/k", 1000)
		}
		server.Await(t, "GOGC="+given+" for little", 30*time.Second, func() error {
			if got := percent(); got > usual != (given == "") {
				put("/k", 1000)
				return fmt.Errorf("%v %%", got)
			}
			return nil
		})
		for i := range much / 100_000 {
			put(fmt.Sprintf("/many/%d", i), 100_000)
		}
		server.Await(t, "the usual for much", 30*time.Second, func() error {
			if got := percent(); got != usual {
				put("/k", 100_000)
				return fmt.Errorf("%v %%", got)
			}
			return nil
		})
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	}
}

func metric(t *testing.T, s *server.Server, name string) float64 {
	t.Helper()
	resp, err := http.Get(s.Endpoint + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile("(?m)^" + name + " (.*)$").FindSubmatch(text)
	if line == nil {
		t.Fatalf("no metric %s", name)
	}
	n, err := strconv.ParseFloat(string(line[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
