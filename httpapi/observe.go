package httpapi

import (
	"context"
	"net/http"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"
)

// Observer is told of the requests that have been answered. Watches are not among them, since their time is not the server's,
// nor are connections that were cut.
type Observer interface {
	// Route returns what is called with each answer of a route: the method as the metrics name it, the status, and how long it
	// took from the end of the request's head. It is asked for once; what it returns is called from any goroutine.
	Route(name string) func(method string, status int, took time.Duration)
	// Slow is called with each request that took longer than Options.Slow.
	Slow()
}

// quorumGet is the method under which etcd's metrics have quorum reads.
const quorumGet = "QGET"

// nobody is the Observer of a server without one.
type nobody struct{}

func (nobody) Route(string) func(string, int, time.Duration) {
	return func(string, int, time.Duration) {}
}

func (nobody) Slow() {}

// Timing is where the time of a command went on its way through the log. Whoever carries out Server.Do fills it in, if it finds
// one with TimingOf.
type Timing struct {
	Queue  time.Duration // until it was in the leader's log, or on the way there
	Commit time.Duration // until it was committed: the sync here and that of a majority
	Apply  time.Duration // until it was applied and could be read
}

// timed is a context that a Timing can be found in. It must not be used again for another command: a timeout below it that
// passes just as Server.Do returns still looks at it, from a goroutine of package context.
type timed struct {
	context.Context
	timing Timing
}

type timingKey struct{}

// Value finds the Timing.
func (t *timed) Value(key any) any {
	if key == (timingKey{}) {
		return &t.timing
	}
	return t.Context.Value(key)
}

// TimingOf returns the Timing that a command under ctx is to be told in, nil if nobody asks.
func TimingOf(ctx context.Context) *Timing {
	t, _ := ctx.Value(timingKey{}).(*Timing)
	return t
}

// progress is how far a request on the keys API has come, for the metrics and the log of slow ones.
type progress struct {
	began   time.Time
	read    time.Duration // until head and body were understood
	carried time.Duration // until the state to answer from was there: the log, the quorum; 0 where that is at once
	timing  Timing        // of a command
	status  int           // 0: a watch
}

// finish tells the observer, and the log if the request was slow.
func (h *handler) finish(r *http.Request, p *progress, quorum bool) {
	if p.status == 0 {
		return
	}
	method := r.Method
	if quorum && method == http.MethodGet {
		method = quorumGet
	}
	took := h.now().Sub(p.began)
	h.keysAnswered(method, p.status, took)
	if h.slow > 0 && took >= h.slow {
		h.logSlow(r, p, took)
	}
}

// slowLines bounds the lines about slow requests: an overloaded server must not be slower for telling of it.
var slowLines = rate.Every(100 * time.Millisecond)

const (
	slowBurst = 10
	// maxSlowPath is how many bytes of a path are logged: it may have a megabyte, and any client can be slow.
	maxSlowPath = 512
)

// logSlow says where the time went.
func (h *handler) logSlow(r *http.Request, p *progress, took time.Duration) {
	h.observer.Slow()
	if !h.slowLog.Allow() {
		h.slowLeftOut.Add(1)
		return
	}
	fields := []zap.Field{
		zap.String("method", r.Method), zap.String("path", r.URL.Path[:min(len(r.URL.Path), maxSlowPath)]),
		zap.String("remote", r.RemoteAddr), zap.Int("status", p.status),
		zap.Duration("took", took), zap.Duration("request", p.read),
	}
	if p.timing != (Timing{}) {
		fields = append(fields, zap.Duration("queue", p.timing.Queue), zap.Duration("fsync", p.timing.Commit), zap.Duration("apply", p.timing.Apply))
	}
	if p.carried > 0 {
		fields = append(fields, zap.Duration("log", p.carried-p.read))
	}
	fields = append(fields, zap.Duration("encode", took-max(p.read, p.carried)))
	if n := h.slowLeftOut.Swap(0); n > 0 {
		fields = append(fields, zap.Uint64("others not logged", n))
	}
	h.log.Warn("slow request", fields...)
}

// observed tells the observer of a route that is not the keys'.
func (h *handler) observed(route string, f http.HandlerFunc) http.HandlerFunc {
	answered := h.observer.Route(route)
	return func(w http.ResponseWriter, r *http.Request) {
		method, began := r.Method, time.Now()
		s := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		f(s, r)
		answered(method, s.status, time.Since(began))
	}
}

// statusWriter remembers the status.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader notes the status.
func (s *statusWriter) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController through.
func (s *statusWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }
