package httpapi

import (
	"net/http"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

const (
	// paceTimeout is how long each 32 KiB of a form body, or of a long answer, may take.
	paceTimeout = 30 * time.Second
	// maxDiscard is how much of a body is read that nobody has a use for.
	maxDiscard = 10 << 20
	// maxParameters bounds the pairs of a query or a form, as net/url does.
	maxParameters = 10_000
	// bodyBudget bounds the form bodies in memory that are longer than a chunk, all requests together.
	bodyBudget = 64 << 20
)

// Limits are what a client may have and how long it may take. None of them may be 0.
type Limits struct {
	// HeaderBytes bounds the head of a request; net/http grants 4 KiB more. Beyond it the answer is 431.
	HeaderBytes int
	// HeaderTimeout is how long a head may take, from its first byte, or from the connection's start.
	HeaderTimeout time.Duration
	// IdleTimeout is how long a connection may wait for its next request.
	IdleTimeout time.Duration
	// BodyBytes is the longest form body that is accepted; beyond it the answer is 400, error 210.
	BodyBytes int64
	// Streams is how many requests a connection of HTTP/2 may have under way, each watch being one. A client that wants more
	// waits, or opens more connections.
	Streams int
	// Watchers bounds the watches of all connections together, over HTTP/1 and HTTP/2; beyond it the answer is 503, error 300.
	Watchers int64
}

// DefaultLimits are those that no client of etcd is known to come near.
func DefaultLimits() Limits {
	return Limits{
		HeaderBytes:   1 << 20,
		HeaderTimeout: 30 * time.Second,
		IdleTimeout:   time.Hour, // the reference waits for ever; no client's pool is surprised by this
		BodyBytes:     10 << 20,
		Streams:       100, // the least that RFC 9113 recommends
		Watchers:      100_000,
	}
}

// NewHTTPServer returns a server with the limits that apply before a handler runs, for a listener of either port. None of
// them ever ends a watch: nothing is timed once a request's head and body have been read, except the body of a long
// listing, and a connection of HTTP/2 whose client takes nothing of what is sent. It speaks HTTP/1, as etcd 2.3 does, and
// HTTP/2 with those who agree on it in a TLS handshake. What goes wrong with a connection is logged at debug: it is the
// client's doing.
func NewHTTPServer(h http.Handler, log *zap.Logger, l Limits) *http.Server {
	if log == nil {
		log = zap.NewNop()
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	s := &http.Server{
		Handler:                      guarded(h),
		ConnContext:                  rememberConn,
		ConnState:                    followState,
		DisableGeneralOptionsHandler: true, // "OPTIONS *" gets its CORS headers too
		ReadHeaderTimeout:            l.HeaderTimeout,
		IdleTimeout:                  l.IdleTimeout,
		MaxHeaderBytes:               l.HeaderBytes,
		Protocols:                    protocols,
		HTTP2:                        &http.HTTP2Config{MaxConcurrentStreams: l.Streams, WriteByteTimeout: paceTimeout},
	}
	// NewStdLogAt refuses only levels that do not exist.
	s.ErrorLog, _ = zap.NewStdLogAt(log, zap.DebugLevel)
	return s
}

// causeTooManyWatchers refuses a watch beyond Limits.Watchers.
const causeTooManyWatchers = "etcdserver: too many watchers"

// budget hands out bytes, or watches, until they run out. Any goroutine.
type budget struct {
	limit int64
	used  atomic.Int64
}

func (b *budget) take(n int64) bool {
	if b.used.Add(n) > b.limit {
		b.used.Add(-n)
		return false
	}
	return true
}

func (b *budget) give(n int64) { b.used.Add(-n) }
