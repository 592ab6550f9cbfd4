package httpapi

import (
	"bytes"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"
)

// A head of many small headers takes fifteen times its length in memory, and a client may take its time for it. So only what is
// short is free, and a line counts for more than its bytes. Of what comes over TLS the lines cannot be seen here.
const (
	// lineCost is what a line takes beside its bytes.
	lineCost = 96
	// freeHead is how much of a head is nobody's business.
	freeHead = 8 << 10
	// headBudget bounds what heads have beyond that, all connections of a port together.
	headBudget = 4 << 20
)

var newline = []byte{'\n'}

// errLongHeads is one that net/http does not answer: a client that is cut may try again, one that is told 400 does not.
var errLongHeads = &net.OpError{Op: "read", Err: errors.New("httpapi: too many long heads at a time")}

// Heads bounds the memory of the heads of all requests on a port that are under way.
type Heads struct{ budget budget }

// NewHeads is for one port.
func NewHeads() *Heads { return &Heads{budget{limit: headBudget}} }

// Head meters what one connection has sent of a head. Whoever accepts connections makes one for each, and counts.
type Head struct {
	of      *Heads
	mu      sync.Mutex
	read    int64 // cost of the head that is coming
	charged int64 // of the budget
	whole   bool  // what comes is no head: a body, or HTTP/2
	closed  bool
}

// New meters a connection.
func (h *Heads) New() *Head { return &Head{of: h} }

// Count is told of each read. An error says that the connection has to be closed: there are too many long heads. Read is the
// only caller.
func (h *Head) Count(read []byte) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.whole || h.closed {
		return nil
	}
	h.read += int64(len(read) + lineCost*bytes.Count(read, newline))
	more := h.read - freeHead - h.charged
	if more <= 0 {
		return nil
	}
	if !h.of.budget.take(more) {
		return errLongHeads
	}
	h.charged += more
	return nil
}

// Close gives back what the connection has of the budget.
func (h *Head) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	h.release()
}

func (h *Head) release() {
	if h.charged > 0 {
		h.of.budget.give(h.charged)
	}
	h.read, h.charged = 0, 0
}

// complete says that no head is read until next; what it took stays taken until its request has been answered.
func (h *Head) complete() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.whole = true
}

// next says that what comes next is a head.
func (h *Head) next() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.whole = false
	h.release()
}

// exempt is for HTTP/2, whose requests are metered one by one when they are whole.
func (h *Head) exempt() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.whole = true
	h.release()
}

// Conn is a connection as whoever accepts it makes it known.
type Conn interface {
	// Refused says that it is one too many: each request is answered with 503, and it is closed. It gets little time.
	Refused() bool
	// Head meters what is read from it.
	Head() *Head
}

// connOf finds the connection below TLS; nil if it is not one of ours.
func connOf(c net.Conn) Conn {
	if secured, ok := c.(*tls.Conn); ok {
		c = secured.NetConn()
	}
	ours, _ := c.(Conn)
	return ours
}

// followState is http.Server.ConnState.
func followState(c net.Conn, state http.ConnState) {
	ours := connOf(c)
	if ours == nil {
		return
	}
	secured, _ := c.(*tls.Conn)
	switch {
	case state == http.StateIdle && (secured == nil || secured.ConnectionState().NegotiatedProtocol != "h2"):
		ours.Head().next()
	case state == http.StateActive && secured != nil && secured.ConnectionState().NegotiatedProtocol == "h2":
		ours.Head().exempt()
	}
}

// headSize is what the head of a request of HTTP/2 counts as (RFC 9113, section 6.5.2).
func headSize(r *http.Request) int64 {
	n := len(r.RequestURI)
	for name, values := range r.Header {
		for _, v := range values {
			n += len(name) + len(v) + 32
		}
	}
	return int64(n)
}

// withHead serves a request of HTTP/2 if there is memory for its head.
func (h *Heads) withHead(r *http.Request, serve func(), refuse func()) {
	more := headSize(r) - freeHead
	switch {
	case more <= 0:
		serve()
	case !h.budget.take(more):
		refuse()
	default:
		defer h.budget.give(more)
		serve()
	}
}
