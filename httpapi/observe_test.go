package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"pando/store"
)

// witness writes down what an Observer is told.
type witness struct {
	mu   sync.Mutex
	told []string
	slow int
}

func (o *witness) Route(name string) func(string, int, time.Duration) {
	return func(method string, status int, took time.Duration) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.told = append(o.told, fmt.Sprint(name, " ", method, " ", status))
	}
}

func (o *witness) Slow() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.slow++
}

func TestObserver(t *testing.T) {
	o := &witness{}
	g := newRig(t, Options{Observer: o})
	g.do("PUT", "/v2/keys/a", "value=1")
	g.do("GET", "/v2/keys/a", "")
	g.do("HEAD", "/v2/keys/a", "")
	g.do("GET", "/v2/keys/a?quorum=true", "")
	g.do("GET", "/v2/keys/none", "")
	g.do("GET", "/v2/keys/a?sorted=x", "")
	g.do("DELETE", "/v2/keys/a?prevValue=2", "")
	g.do("GET", "/v2/keys/a?wait=true&waitIndex=4", "")
	g.do("GET", "/version", "")
	g.do("POST", "/health", "")
	g.do("BREW", "/v2/members", "")
	want := []string{
		"keys PUT 201", "keys GET 200", "keys HEAD 200", "keys QGET 200", "keys GET 404", "keys GET 400", "keys DELETE 412",
		"version GET 200", "health POST 405", "members PATCH 405",
	}
	if !slices.Equal(o.told, want) {
		t.Errorf("told of %q, want %q", o.told, want)
	}
}

// slowServer takes its time, on a clock that the test moves, and says where it went.
type slowServer struct {
	*lone
	clock *time.Time
}

func (s *slowServer) Do(ctx context.Context, c store.Command) (store.Result, error) {
	*s.clock = s.clock.Add(3 * time.Second)
	*TimingOf(ctx) = Timing{Queue: time.Second, Commit: 1500 * time.Millisecond, Apply: 500 * time.Millisecond}
	return s.lone.Do(ctx, c)
}

func TestSlowRequests(t *testing.T) {
	clock := testTime
	core, logs := observer.New(zapcore.DebugLevel)
	o := &witness{}
	options := Options{Now: func() time.Time { return clock }, Slow: time.Second, Logger: zap.New(core), Observer: o}
	s := &slowServer{newLone(t, store.Options{Now: options.Now}), &clock}
	g := &rig{s.lone, New(s, options)}
	g.do("GET", "/v2/keys/a", "")
	if n := logs.Len(); n != 0 {
		t.Fatalf("%d lines about requests that are not slow: %v", n, logs.All())
	}
	const writes = 2 * slowBurst
	for range writes {
		g.do("PUT", "/v2/keys/a", "value=1")
	}
	g.do("GET", "/v2/keys/a?wait=true&waitIndex=4", "")
	// The clock of the limit is the real one: on a slow machine a few more lines get through.
	if n := logs.Len(); n < slowBurst || n >= writes || o.slow != writes {
		t.Errorf("%d lines and %d counts of %d slow requests", n, o.slow, writes)
	}
	line := logs.All()[0]
	fields := line.ContextMap()
	for name, want := range map[string]any{
		"method": "PUT", "path": "/v2/keys/a", "status": int64(201), "took": 3 * time.Second, "request": time.Duration(0),
		"queue": time.Second, "fsync": 1500 * time.Millisecond, "apply": 500 * time.Millisecond, "log": 3 * time.Second, "encode": time.Duration(0),
	} {
		if fields[name] != want {
			t.Errorf("%s is %v, want %v", name, fields[name], want)
		}
	}
	long := "/v2/keys/" + strings.Repeat("x", 10_000)
	logs.TakeAll()
	g = &rig{s.lone, New(s, options)}
	g.do("PUT", long, "")
	if path := logs.All()[0].ContextMap()["path"]; path != long[:maxSlowPath] {
		t.Errorf("%v is logged of a long path", path)
	}
	if line.Level != zapcore.WarnLevel || line.Message != "slow request" {
		t.Errorf("%v %q", line.Level, line.Message)
	}
}

func TestLogLevel(t *testing.T) {
	var set []string
	g := newRig(t, Options{SetLogLevel: func(name string) bool {
		set = append(set, name)
		return name == "DEBUG"
	}})
	for _, c := range []struct {
		method, body string
		status       int
		answer       string
	}{
		{"PUT", `{"Level":"DEBUG"}`, 204, ""},
		{"PUT", `{"level":"DEBUG"} and more`, 204, ""},
		{"PUT", `{"Level":"bogus"}`, 400, `{"message":"Invalid log level bogus"}`},
		{"PUT", `{}`, 400, `{"message":"Invalid log level "}`},
		{"PUT", ``, 400, `{"message":"Invalid json body"}`},
		{"PUT", `{"Level":5}`, 400, `{"message":"Invalid json body"}`},
		{"PUT", `{"Level":"` + strings.Repeat("x", 1<<20) + `"}`, 400, `{"message":"Invalid json body"}`},
		{"POST", `{"Level":"DEBUG"}`, 405, "Method Not Allowed\n"},
	} {
		r, err := http.NewRequest(c.method, "/config/local/log", strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		w := newRecorder()
		g.handler.ServeHTTP(w, r)
		if w.Code != c.status || w.Body.String() != c.answer {
			t.Errorf("%s %.40s: %d %.100s", c.method, c.body, w.Code, w.Body)
		}
	}
	if want := []string{"DEBUG", "DEBUG", "bogus", ""}; !slices.Equal(set, want) {
		t.Errorf("set to %q", set)
	}
}

func TestVars(t *testing.T) {
	g := newRig(t, Options{EngineStatus: func(context.Context) (json.RawMessage, error) { return json.RawMessage(`{"id":"c1"}`), nil }})
	w := g.do("GET", "/debug/vars", "")
	var vars struct {
		Cmdline  []string `json:"cmdline"`
		Files    uint64   `json:"file_descriptor_limit"`
		Memstats struct{ Sys uint64 }
		Raft     struct{ ID string } `json:"raft.status"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &vars); err != nil || w.Header().Get("Content-Type") != "application/json; charset=utf-8" {
		t.Fatal(err, w.Header())
	}
	if len(vars.Cmdline) == 0 || vars.Files == 0 || vars.Memstats.Sys == 0 || vars.Raft.ID != "c1" {
		t.Errorf("%+v", vars)
	}
}

// TestProfiles: nothing is served below /debug/pprof unless it was asked for.
func TestProfiles(t *testing.T) {
	off, on := newRig(t, Options{}), newRig(t, Options{Pprof: true})
	for _, path := range []string{"", "/", "/cmdline", "/goroutine?debug=1", "/heap", "/symbol"} {
		if w := off.do("GET", "/debug/pprof"+path, ""); w.Code != 404 {
			t.Errorf("%s when off: %d", path, w.Code)
		}
		if w := on.do("GET", "/debug/pprof"+path, ""); w.Code != 200 {
			t.Errorf("%s when on: %d", path, w.Code)
		}
	}
	if w := on.do("GET", "/debug/pprof/nosuch", ""); w.Code != 404 {
		t.Errorf("an unknown profile: %d", w.Code)
	}
	if w := on.do("PUT", "/debug/pprof/heap", ""); w.Code != 405 {
		t.Errorf("PUT: %d", w.Code)
	}
}

// expiring is a member whose commands all run out of time.
type expiring struct{ *lone }

func (expiring) Do(ctx context.Context, _ store.Command) (store.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	<-ctx.Done()
	return store.Result{}, &Failure{Status: http.StatusInternalServerError, Cause: "etcdserver: request timed out"}
}

// A timeout passes in a goroutine of its own, which still has the context of a command in its hands when that has been answered.
func TestManyTimeouts(t *testing.T) {
	h := New(expiring{newLone(t, store.Options{})}, Options{})
	var clients sync.WaitGroup
	for range 100 {
		clients.Go(func() {
			for range 50 {
				r := httptest.NewRequest("PUT", "/v2/keys/a?value=1", nil).WithContext(t.Context())
				w := newRecorder()
				if h.ServeHTTP(w, r); w.Code != 500 {
					t.Errorf("%d", w.Code)
				}
			}
		})
	}
	clients.Wait()
}
