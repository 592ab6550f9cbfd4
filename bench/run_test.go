package bench_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pando/bench"
	"pando/test/server"
)

// options are those of a command line.
func options(t *testing.T, line string, args ...any) *bench.Options {
	t.Helper()
	o, err := bench.Parse(strings.Fields(fmt.Sprintf(line, args...)), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// run is Run of a command line.
func run(t *testing.T, line string, args ...any) *bench.Result {
	t.Helper()
	r, err := bench.Run(t.Context(), options(t, line, args...), nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// percentile is the least time that at least so many percent of the requests took no longer than.
func percentile(r *bench.Result, percent float64) time.Duration {
	i := slices.IndexFunc(r.Percentiles, func(p [2]float64) bool { return p[0] >= percent })
	return time.Duration(r.Percentiles[i][1] * 1e3)
}

// fake is a server that answers as it is told.
func fake(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// TestRate: what is due is sent, no more and no less, and no sooner.
func TestRate(t *testing.T) {
	t.Parallel()
	s := server.Start(t, server.Options{})
	r := run(t, "get --endpoints %s --clients 8 --rate 300 --duration 1s --keys 10", s.Endpoint)
	if r.Requests != 300 || r.Errors != 0 {
		t.Errorf("%d requests, %d errors, want 300", r.Requests, r.Errors)
	}
	if last := 299.0 / 300; r.Seconds < last {
		t.Errorf("took %v s, and the last was due after %v", r.Seconds, last)
	}
	r = run(t, "watch-one --endpoints %s --watchers 3 --rate 50 --count 25 --keys 10", s.Endpoint)
	if r.Requests != 75 || r.Watch.Rounds != 25 || r.Seconds < 24.0/50 {
		t.Errorf("%d events in %d rounds within %v s", r.Requests, r.Watch.Rounds, r.Seconds)
	}
}

// TestCoordinatedOmission: a server that stalls once for half of the time makes late what was due meanwhile, which is half of
// the requests, and not only those of the two clients that it has kept waiting.
func TestCoordinatedOmission(t *testing.T) {
	t.Parallel()
	const stall = time.Second
	var requests atomic.Int64
	var stalled sync.RWMutex // held for writing: nobody is answered
	url := fake(t, func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) == 50 {
			stalled.Lock()
			defer stalled.Unlock()
			<-time.After(stall)
			return
		}
		stalled.RLock()
		defer stalled.RUnlock()
	})
	r := run(t, "get --endpoints %s --clients 2 --rate 100 --duration 2s --prepared", url)
	if r.Requests != 200 || r.Errors != 0 {
		t.Errorf("%d requests, %d errors (%v), want 200", r.Requests, r.Errors, r.ErrorExamples)
	}
	// About 100 of the 200 were due within the stall, one each 10 ms: 50 of them waited for half of it or longer.
	if p := percentile(r, 80); p < stall/2 {
		t.Errorf("of 200 requests a fifth took longer than %v, want %v", p, stall/2)
	}
	if longest := time.Duration(r.Latency.Max * 1e3); longest < stall {
		t.Errorf("the longest took %v, want %v", longest, stall)
	}
	closed := run(t, "get --endpoints %s --clients 2 --count 100 --prepared", url)
	if closed.Errors != 0 || closed.Requests != 100 {
		t.Errorf("without a rate: %d requests, %d errors", closed.Requests, closed.Errors)
	}
}

// TestNotSent: what was due and never sent is not passed over in silence.
func TestNotSent(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	release := make(chan struct{})
	url := fake(t, func(http.ResponseWriter, *http.Request) {
		time.AfterFunc(time.Second, stop)
		<-release
	})
	defer close(release)
	r, err := bench.Run(ctx, options(t, "get --endpoints %s --rate 100 --duration 1m --prepared", url), nil)
	if err != nil {
		t.Fatal(err)
	}
	// One is never answered; 100 more were due within the second.
	if r.Requests != 0 || r.Errors < 50 || len(r.ErrorExamples) != 2 {
		t.Errorf("%d requests, %d errors: %q", r.Requests, r.Errors, r.ErrorExamples)
	}
}

// TestSharedConnections: clients wait for a connection, and no more are opened than were asked for.
func TestSharedConnections(t *testing.T) {
	const connections = 3
	var opened, atOnce, most atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		n := atOnce.Add(1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		<-time.After(time.Millisecond)
		atOnce.Add(-1)
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	s.Start()
	defer s.Close()
	r := run(t, "get --endpoints %s --clients 20 --connections %d --count 300 --prepared", s.URL, connections)
	if r.Requests != 300 || opened.Load() != connections || most.Load() > connections {
		t.Errorf("%d requests on %d connections, %d at once", r.Requests, opened.Load(), most.Load())
	}
	if r.Clients != 20 || r.Connections != connections {
		t.Errorf("clients %d, connections %d", r.Clients, r.Connections)
	}
}

// TestAnswers: the ways in which HTTP says where an answer ends, short and long.
func TestAnswers(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]http.HandlerFunc{
		"empty":  func(http.ResponseWriter, *http.Request) {},
		"length": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Repeat("x", 1500)) },
		"chunked": func(w http.ResponseWriter, _ *http.Request) {
			for range 3 {
				fmt.Fprint(w, strings.Repeat("x", 50_000))
				w.(http.Flusher).Flush()
			}
		},
		"closing": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Connection", "close") },
		"old": func(w http.ResponseWriter, _ *http.Request) {
			c, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				fmt.Fprintf(c, "HTTP/1.0 200 OK\r\nX: y\r\n\r\n%s", strings.Repeat("x", 10_000))
				c.Close()
			}
		},
	} {
		r := run(t, "get --endpoints %s --clients 2 --count 20 --prepared", fake(t, answer))
		if r.Requests != 20 || r.Errors != 0 {
			t.Errorf("%s: %d requests, %d errors: %v", name, r.Requests, r.Errors, r.ErrorExamples)
		}
	}
}

// TestErrors: what a server refuses, or says that is no HTTP, counts as an error and has an example.
func TestErrors(t *testing.T) {
	t.Parallel()
	refuse := func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprintf(w, `{"errorCode":100,"cause":%q}`, r.URL.Path)
	}
	raw := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			if c, _, err := w.(http.Hijacker).Hijack(); err == nil {
				fmt.Fprint(c, text)
				c.Close()
			}
		}
	}
	for _, c := range []struct {
		answer  http.HandlerFunc
		example string
	}{
		{refuse, `GET: 404 {"errorCode":100,"cause":"/v2/keys/bench/keys/`},
		{raw("SSH-2.0-OpenSSH\r\n"), "this is not HTTP/1.1"},
		{raw("HTTP/1.1 two hundred\r\n"), "this is not HTTP/1.1"},
		{raw("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), "Content-Length"},
		{raw("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"), "unexpected EOF"},
		{raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nx"), "unexpected EOF"},
		{raw(""), "unexpected EOF"},
	} {
		r := run(t, "get --endpoints %s --clients 2 --count 20 --prepared", fake(t, c.answer))
		if r.Requests != 0 || r.Errors != 20 || len(r.ErrorExamples) != 1 || !strings.Contains(r.ErrorExamples[0], c.example) {
			t.Errorf("want %q: %d requests, %d errors: %q", c.example, r.Requests, r.Errors, r.ErrorExamples)
		}
	}
}

// TestCannotStart: what stands in the way of a run is said.
func TestCannotStart(t *testing.T) {
	t.Parallel()
	refusing := fake(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "not you", http.StatusForbidden) })
	gone := "http://" + server.FreeAddr(t)
	for line, want := range map[string]string{
		"get --endpoints " + gone:                        "connection refused",
		"watch-one --endpoints " + gone:                  "connection refused",
		"get --endpoints " + refusing:                    "PUT: 403 not you",
		"watch-each --endpoints " + refusing:             "watch: 403 not you",
		"get --endpoints " + refusing + " --pid 4194305": "process 4194305",
	} {
		if _, err := bench.Run(t.Context(), options(t, "%s", line), nil); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %q, want %q in one line", line, err, want)
		}
	}
}

// TestHelp: every workload and flag has its line.
func TestHelp(t *testing.T) {
	var out strings.Builder
	if _, err := bench.Parse([]string{"--help"}, &out); !errors.Is(err, flag.ErrHelp) {
		t.Error(err)
	}
	for _, want := range []string{"get", "qget", "watch-each", "-endpoints", "-rate", "-prepared"} {
		if !slices.Contains(strings.Fields(out.String()), want) {
			t.Errorf("the help does not know %s", want)
		}
	}
}

// TestText: the text for people has the figures, and the watchers' where there are some.
func TestText(t *testing.T) {
	r := &bench.Result{
		Workload: "watch-one", Endpoints: []string{"http://h"}, Clients: 2, Connections: 1, Rate: 1500, Seconds: 2.5, Requests: 12345, Errors: 1,
		ErrorExamples: []string{"PUT: 500 (1 times)"}, Throughput: 4938, Latency: bench.Latency{Mean: 12.3, P50: 1234, P99: 23456.7, Max: 3_210_000},
		Servers: []bench.Server{{PID: 7, CPUSeconds: 1.5, CPUPerRequest: 12.1, RSS: 3 << 20, RSSPeak: 5 << 20}},
		Watch:   &bench.Watch{Watchers: 1000, ConnectSeconds: 0.5, Rounds: 10, First: 100, Median: 200, Last: 300, RSSPerWatcher: 5120},
	}
	var b strings.Builder
	if err := r.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"clients 2, connections 1 to http://h, 1,500 requests/s wanted", "12,345 in 2.50 s, 4,938/s", "PUT: 500", "mean 12µs, p50 1.234ms", "p99 23.5ms", "max 3.21s",
		"1,000, connected in 0.50 s, 5.0 KiB", "the last after 300µs (medians of 10)", "12.1 µs a request; 3.0 MiB resident, at most 5.0 MiB",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in\n%s", want, &b)
		}
	}
	b.Reset()
	r = &bench.Result{Workload: "get", Errors: 1}
	if err := r.WriteText(&b); err != nil || strings.Contains(b.String(), "latency") {
		t.Errorf("%v, nothing succeeded:\n%s", err, &b)
	}
}
