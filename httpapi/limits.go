package httpapi

import (
	"net/http"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

const (
	// headerTimeout is how long the head of a request may take, from its first byte, or from the connection's start.
	headerTimeout = 30 * time.Second
	// idleTimeout is how long a connection may wait for its next request. The reference waits for ever; this is long enough
	// that no client's pool is surprised.
	idleTimeout = time.Hour
	// maxHeaderBytes bounds the head of a request; net/http grants 4 KiB more. Beyond it the answer is 431.
	maxHeaderBytes = 1 << 20
	// paceTimeout is how long each 32 KiB of a form body, or of a long answer, may take.
	paceTimeout = 30 * time.Second
	// maxBody is the longest form body that is accepted.
	maxBody = 10 << 20
	// maxParameters bounds the pairs of a query or a form, as net/url does.
	maxParameters = 10_000
	// maxStreams is how many requests a connection of HTTP/2 may have under way, each watch being one; the least that RFC 9113
	// recommends. A client that wants more opens more connections.
	maxStreams = 100
	// bodyBudget bounds the form bodies in memory that are longer than a chunk, all requests together.
	bodyBudget = 256 << 20
)

// NewHTTPServer returns a server with the limits that apply before a handler runs, for a listener of either port. None of
// them ever ends a watch: nothing is timed once a request's head and body have been read, except the body of a long
// listing, and a connection of HTTP/2 whose client takes nothing of what is sent. It speaks HTTP/1, as etcd 2.3 does, and
// HTTP/2 with those who agree on it in a TLS handshake. What goes wrong with a connection is logged at debug: it is the
// client's doing.
func NewHTTPServer(h http.Handler, log *zap.Logger) *http.Server {
	if log == nil {
		log = zap.NewNop()
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	s := &http.Server{
		Handler:                      h,
		DisableGeneralOptionsHandler: true, // "OPTIONS *" gets its CORS headers too
		ReadHeaderTimeout:            headerTimeout,
		IdleTimeout:                  idleTimeout,
		MaxHeaderBytes:               maxHeaderBytes,
		Protocols:                    protocols,
		HTTP2:                        &http.HTTP2Config{MaxConcurrentStreams: maxStreams, WriteByteTimeout: paceTimeout},
	}
	// NewStdLogAt refuses only levels that do not exist.
	s.ErrorLog, _ = zap.NewStdLogAt(log, zap.DebugLevel)
	return s
}

// budget hands out bytes until they run out. Any goroutine.
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
