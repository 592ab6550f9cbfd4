package proxy

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// errNoEndpoint says that no member can be sent to.
var errNoEndpoint = errors.New("proxy: zero endpoints currently available")

// noAnswerError says that so many members were tried in vain. What a client sends again then may have been carried out.
type noAnswerError struct{ tried int }

func (e noAnswerError) Error() string {
	return fmt.Sprintf("proxy: unable to get response from %d endpoint(s)", e.tried)
}

// forwarder returns the handler that passes requests on. httputil takes the headers away that belong to one connection,
// passes bytes on as they come, and cuts the client's connection when a member's breaks.
func (p *Proxy) forwarder() http.Handler {
	h := &httputil.ReverseProxy{
		Transport: p,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.RawQuery = r.In.URL.RawQuery // also what cannot be parsed: the member says so
			r.Out.URL.Scheme = "http"              // until a member is chosen
			chain := r.In.Header["X-Forwarded-For"]
			if host, _, err := net.SplitHostPort(r.In.RemoteAddr); err == nil {
				chain = append(chain[:len(chain):len(chain)], host)
			}
			r.Out.Header["X-Forwarded-For"] = []string{strings.Join(chain, ", ")}
			r.Out.Header.Del("Expect") // was between the client and us
			// net/http would send a request again that has one of these.
			r.Out.Header.Del("Idempotency-Key")
			r.Out.Header.Del("X-Idempotency-Key")
		},
		ErrorHandler: p.refuse,
		BufferPool:   buffers{},
	}
	if p.cfg.CORS {
		h.ModifyResponse = func(r *http.Response) error {
			for _, name := range []string{"Origin", "Methods", "Headers"} {
				r.Header.Del("Access-Control-Allow-" + name)
			}
			return nil
		}
	}
	// NewStdLogAt refuses only levels that do not exist. A broken connection is no news.
	h.ErrorLog, _ = zap.NewStdLogAt(p.log, zap.DebugLevel)
	return h
}

// bufferSize is how much of an answer is in memory.
const bufferSize = 32 << 10

var bufferPool = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// buffers is an httputil.BufferPool.
type buffers struct{}

func (buffers) Get() []byte  { return bufferPool.Get().(*[bufferSize]byte)[:] }
func (buffers) Put(b []byte) { bufferPool.Put((*[bufferSize]byte)(b)) }

// RoundTrip implements http.RoundTripper: it sends a request to the first member that can be reached. Only what cannot have
// been received is sent again, unless it changes nothing.
func (p *Proxy) RoundTrip(r *http.Request) (*http.Response, error) {
	began := time.Now()
	tried := 0
	for _, e := range p.endpoints.available() {
		tried++
		resp, sent, err := p.try(r, e)
		if err == nil {
			p.metrics.answered(r, resp, began)
			return resp, nil
		}
		if r.Context().Err() != nil {
			return nil, err // the client's doing
		}
		if broken := new(bodyError); errors.As(err, &broken) {
			return nil, broken
		}
		p.metrics.drop(r, sendingFailed)
		p.failed(e, err)
		if sent && !repeatable(r) {
			break
		}
	}
	if tried == 0 {
		p.metrics.drop(r, noEndpoints)
		return nil, errNoEndpoint
	}
	p.metrics.drop(r, noResponse)
	return nil, noAnswerError{tried}
}

// repeatable: sending it twice is as good as once.
func repeatable(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && r.Body == nil
}

// try sends a request to one member. sent is false if nothing of it can have arrived there.
func (p *Proxy) try(r *http.Request, e *endpoint) (resp *http.Response, sent bool, err error) {
	var s sending
	out := s.trace(r)
	target := *r.URL
	target.Scheme, target.Host = e.url.Scheme, e.url.Host
	out.URL = &target
	body := &passedBody{Reader: r.Body}
	if r.Body != nil {
		out.Body = body
	}
	resp, err = p.transport.RoundTrip(out)
	if broken := body.broken.Load(); err != nil && broken != nil {
		err = broken
	}
	return resp, s.anything(), err
}

// passedBody is a body on its way to one member. It is not closed, since the next member may need it, and remembers why it
// could not be read to its end. net/http reads it in a goroutine of its own.
type passedBody struct {
	io.Reader
	broken atomic.Pointer[bodyError]
}

func (b *passedBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err != nil && err != io.EOF {
		b.broken.Store(&bodyError{err})
	}
	return n, err
}

func (b *passedBody) Close() error { return nil }

// bodyError says that a request failed because of its client: no member is to blame.
type bodyError struct{ error }

// refuse answers for members that did not.
func (p *Proxy) refuse(w http.ResponseWriter, r *http.Request, err error) {
	var tried noAnswerError
	var body *bodyError
	switch {
	case errors.Is(err, errNoEndpoint):
		writeMessage(w, http.StatusServiceUnavailable, err)
	case errors.As(err, &tried):
		writeMessage(w, http.StatusBadGateway, err)
	case errors.As(err, &body) && !errors.Is(body.error, os.ErrDeadlineExceeded):
		writeMessage(w, http.StatusBadRequest, fmt.Errorf("proxy: failed to read request body: %w", body.error))
	default: // the client has gone or is too slow, or its watch was stopped
		panic(http.ErrAbortHandler)
	}
}
