package front

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// bells is a handler some of whose answers wait until somebody rings: /wait for one line, /stream for all until the line "end".
// They are parked if that is possible. /echo/... answers with its path, and what came as a body.
type bells struct {
	t            testing.TB
	begun, ended atomic.Int64
	mu           sync.Mutex
	all          map[*bell]struct{}
	// over is closed when nobody rings any more. net/http does not notice that a client has gone whose next request has begun to come.
	over chan struct{}
}

func newBells(t testing.TB) *bells {
	return &bells{t: t, all: map[*bell]struct{}{}, over: make(chan struct{})}
}

// bell is one answer that waits.
type bell struct {
	of     *bells
	path   string
	stream bool
	wake   func()
	mu     sync.Mutex
	lines  []string
	inside atomic.Bool // goOn or end is running
	ends   atomic.Int32
}

func (b *bells) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch path := r.URL.Path; {
	case strings.HasPrefix(path, "/echo"):
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		fmt.Fprintf(w, "%s %s %s", r.Method, path, body)
	case path == "/panics":
		panic("as it was asked to")
	default:
		b.wait(w, r)
	}
}

func (b *bells) wait(w http.ResponseWriter, r *http.Request) {
	l := &bell{of: b, path: r.URL.Path, stream: strings.HasPrefix(r.URL.Path, "/stream")}
	parker, parks := w.(*response)
	signal := make(chan struct{}, 1)
	l.wake = func() {
		select {
		case signal <- struct{}{}:
		default:
		}
	}
	if parks {
		l.wake = parker.Waker()
	}
	b.begun.Add(1)
	b.mu.Lock()
	b.all[l] = struct{}{}
	b.mu.Unlock()
	w.WriteHeader(http.StatusOK)
	if parks {
		parker.Park(l.goOn, l.end)
		if r.URL.Path == "/wait/panics" {
			panic("after Park")
		}
		return
	}
	defer l.end()
	_ = http.NewResponseController(w).Flush()
	for !l.goOn(w) {
		_ = http.NewResponseController(w).Flush()
		select {
		case <-signal:
		case <-r.Context().Done():
			return
		case <-b.over:
			return
		}
	}
}

// goOn tells the lines that there are. It panics at "panic".
func (l *bell) goOn(w http.ResponseWriter) (done bool) {
	if l.inside.Swap(true) || l.ends.Load() > 0 {
		l.of.t.Error("goOn runs twice at the same time, or after the end")
	}
	defer l.inside.Store(false)
	for {
		l.mu.Lock()
		if len(l.lines) == 0 {
			l.mu.Unlock()
			return false
		}
		line := l.lines[0]
		l.lines = l.lines[1:]
		l.mu.Unlock()
		if line == "panic" {
			panic("as it was told to")
		}
		if _, err := io.WriteString(w, line+"\n"); err != nil || !l.stream || line == "end" {
			return true
		}
	}
}

func (l *bell) end() {
	if l.inside.Load() {
		l.of.t.Error("it ends while goOn runs")
	}
	if l.ends.Add(1) != 1 {
		l.of.t.Error("it ends twice")
	}
	l.of.mu.Lock()
	delete(l.of.all, l)
	l.of.mu.Unlock()
	l.of.ended.Add(1)
	l.wake() // as the end of a stream of events does
}

// ring tells a line to all who wait for path, or for anything, and returns how many there are.
func (b *bells) ring(path, line string) (n int) {
	b.mu.Lock()
	var those []*bell
	for l := range b.all {
		if path == "" || path == l.path {
			those = append(those, l)
		}
	}
	b.mu.Unlock()
	for _, l := range those {
		l.mu.Lock()
		l.lines = append(l.lines, line)
		l.mu.Unlock()
		l.wake()
	}
	return len(those)
}

// waiting is how many answers wait.
func (b *bells) waiting() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.all)
}
