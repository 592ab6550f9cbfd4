package front

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.uber.org/zap"
)

const (
	// minBuffer is what a connection reads into. A head that does not fit is not plain.
	minBuffer = 4 << 10
	// maxRequest bounds the body of a plain request.
	maxRequest = 32 << 10
	// restAfter is how long a goroutine waits for the next request before the connection is parked; deadlineEvery how old that
	// deadline gets before it is set again.
	restAfter     = 5 * time.Second
	deadlineEvery = time.Second
	// breaksBehindPost is how many bytes of line breaks may stand behind the body of a POST, which some old clients end with one that
	// its length does not count: as many as net/http leaves out.
	breaksBehindPost = 4
)

var (
	buffers   = sync.Pool{New: func() any { return new([minBuffer]byte) }}
	exchanges = sync.Pool{New: func() any {
		return &exchange{header: http.Header{}, response: response{header: http.Header{}}}
	}}
	endOfHead = []byte("\r\n\r\n")
)

// The states of a connection. Whoever makes it busy owns it: all its fields but the state are the owner's.
const (
	busy   int32 = iota
	woken        // busy, and what it parks with is to go on
	idle         // its goroutine waits for the next request
	parked       // nobody's: in the lot
	closed
)

// conn is one connection.
type conn struct {
	server *Server
	net    Conn
	tcp    system
	remote string
	state  atomic.Int32

	buffer *[minBuffer]byte // pooled; nil while parked
	buf    []byte           // what has been read and not been used yet is buf[:have]
	have   int
	timed  time.Time // when the deadline of restAfter was last set; zero: there is another
	breaks int8      // bytes of line breaks that are still left out before the next request

	listening sync.Mutex    // from leaving the connection until the lot listens to it
	spot      spot          // in the lot
	waits     *parkedAnswer // the answer that goes on when something happens; nil if there is none
	early     []byte        // of the next request, while parked: after that no more is read
	// restedAt is when it was parked without an answer, in nanoseconds since 1970; 0 if it was not.
	restedAt atomic.Int64
}

// system is a connection with a descriptor.
type system interface {
	net.Conn
	syscall.Conn
}

func newConn(s *Server, c Conn, tcp system) *conn {
	return &conn{server: s, net: c, tcp: tcp, remote: c.RemoteAddr().String()}
}

// verdict is what a connection does next.
type verdict int

const (
	again  verdict = iota // the next request
	apart                 // it is parked, and the goroutine has nothing to do with it any more
	silent                // it is parked until the next request comes
	over                  // it is closed
	other                 // it is handed on
)

// serve answers requests one after the other. It owns the connection.
func (c *conn) serve() {
	c.begin()
	next := again
	if c.spot != (spot{}) && c.have == 0 {
		next = c.hear()
	}
	for next == again {
		next = c.exchange()
	}
	switch next {
	case silent:
		c.release()
		c.rest()
	case over:
		c.finish()
	case other:
		c.handOn()
	}
}

// hear reads what the lot was told of, however short restAfter is.
func (c *conn) hear() verdict {
	n, err := c.spot.read(c.buf)
	switch {
	case n > 0:
		c.have = n
	case err == nil, !isAgain(err): // the end
		return over
	}
	return again
}

// begin takes a buffer, and what has come early. The first head of a connection has its time; one from the lot may wait.
func (c *conn) begin() {
	c.buffer = buffers.Get().(*[minBuffer]byte)
	c.buf = c.buffer[:]
	c.have = copy(c.buf, c.early)
	c.early = nil
	c.restedAt.Store(0)
	c.timed = time.Time{}
	if c.spot == (spot{}) {
		_ = c.tcp.SetReadDeadline(time.Now().Add(c.server.o.HeaderTimeout))
	} else {
		c.keep(0)
	}
}

// exchange reads one request and answers it.
func (c *conn) exchange() verdict {
	x := exchanges.Get().(*exchange)
	next, used := c.read(x)
	if next == again {
		next = c.answer(x)
		c.keep(used)
		if x.request.Method == http.MethodPost {
			c.breaks = breaksBehindPost
		}
	}
	x.reset()
	exchanges.Put(x)
	if next == again && c.waits != nil {
		next = c.stay()
	}
	return next
}

// reset makes an exchange ready for the next request. Nothing of the last one stays.
func (x *exchange) reset() {
	x.response.reset()
	clear(x.header)
	clear(x.values[:])
	x.request, x.url, x.body = http.Request{}, url.URL{}, body{}
}

// read reads one plain request, and returns how many bytes it has.
func (c *conn) read(x *exchange) (next verdict, used int) {
	head := -1
	for seen := 0; head < 0; {
		c.leaveOutBreaks()
		if head = c.headLength(seen); head >= 0 {
			break
		}
		if c.have == len(c.buf) || c.have > c.maxHead() || !x.mayBePlain(string(c.buf[:c.have])) {
			return other, 0
		}
		seen = max(0, c.have-len(endOfHead)+1)
		if err := c.wait(); err != nil {
			if c.have == 0 && !c.timed.IsZero() && errors.Is(err, os.ErrDeadlineExceeded) {
				return silent, 0
			}
			return c.broken(err), 0
		}
	}
	if head > c.maxHead() || !x.parse(string(c.buf[:head])) {
		return other, 0
	}
	if elsewhere := c.server.o.Elsewhere; elsewhere != nil && elsewhere(x.url.Path) {
		return other, 0
	}
	used = head + x.length
	if c.have < used {
		_ = c.tcp.SetReadDeadline(time.Now().Add(c.server.o.BodyTimeout))
		c.timed = time.Time{}
	}
	for c.have < used {
		c.grow(used)
		if err := c.fill(); err != nil {
			return c.broken(err), 0
		}
	}
	if x.length > 0 {
		x.body.rest = string(c.buf[head:used])
		x.request.Body = &x.body
	}
	x.request.RemoteAddr = c.remote
	return again, used
}

// leaveOutBreaks drops line breaks that are no request's, as they come.
func (c *conn) leaveOutBreaks() {
	if c.breaks == 0 {
		return
	}
	n := 0
	for n < min(c.have, int(c.breaks)) && (c.buf[n] == '\r' || c.buf[n] == '\n') {
		n++
	}
	c.breaks -= int8(n)
	if c.have -= n; c.have > 0 {
		copy(c.buf, c.buf[n:n+c.have])
		c.breaks = 0
	}
}

// maxHead is the length of the longest head that is plain.
func (c *conn) maxHead() int { return min(c.server.o.HeaderBytes, minBuffer) }

// headLength returns the length of the head in the buffer, -1 if it is not whole; the first bytes have been searched before.
func (c *conn) headLength(seen int) int {
	if i := bytes.Index(c.buf[seen:c.have], endOfHead); i >= 0 {
		return seen + i + len(endOfHead)
	}
	return -1
}

// broken says what becomes of a connection that could not be read. What ends in the middle of a request is answered by net/http.
func (c *conn) broken(err error) verdict {
	if errors.Is(err, io.EOF) && c.have > 0 {
		return other
	}
	return over
}

// wait reads more of a head. As long as that is not whole, the connection is idle.
func (c *conn) wait() error {
	if c.have > 0 && !c.timed.IsZero() {
		c.timed = time.Time{}
		_ = c.tcp.SetReadDeadline(time.Now().Add(c.server.o.HeaderTimeout))
	}
	if !c.idle() {
		return net.ErrClosed
	}
	err := c.fill()
	if !c.state.CompareAndSwap(idle, busy) {
		return net.ErrClosed
	}
	return err
}

// idle makes a busy connection idle, if it may wait for another request.
func (c *conn) idle() bool {
	c.state.CompareAndSwap(woken, busy) // what it was woken for has come to an end
	if !c.state.CompareAndSwap(busy, idle) {
		return c.idle() // it was woken just now
	}
	return !c.server.stopping.Load() || !c.state.CompareAndSwap(idle, busy)
}

// fill reads once.
func (c *conn) fill() error {
	n, err := c.tcp.Read(c.buf[c.have:])
	c.have += n
	if n > 0 {
		return nil
	}
	return err
}

// grow makes room for the body that is coming, as far as it has come.
func (c *conn) grow(used int) {
	if c.have < len(c.buf) {
		return
	}
	bigger := make([]byte, min(2*len(c.buf), used))
	copy(bigger, c.buf)
	c.buf = bigger
}

// keep drops what has been answered, and a buffer that has grown.
func (c *conn) keep(used int) {
	rest := c.buf[used:c.have]
	if len(rest) <= minBuffer {
		c.buf = c.buffer[:]
	}
	c.have = copy(c.buf, rest)
	if time.Since(c.timed) > deadlineEvery {
		c.timed = time.Now()
		_ = c.tcp.SetReadDeadline(c.timed.Add(min(c.server.restAfter, c.server.o.IdleTimeout)))
	}
}

// answer calls the handler and sends what it has not sent.
func (c *conn) answer(x *exchange) (next verdict) {
	w := &x.response
	w.conn, w.isHead, w.last = c, x.request.Method == http.MethodHead, x.closing
	defer func() {
		if p := recover(); p != nil {
			c.panicked(p)
			if w.waits != nil {
				w.waits.end()
			}
			next = over
		}
	}()
	c.server.handler.ServeHTTP(w, &x.request)
	if w.waits != nil {
		return w.park()
	}
	w.end()
	if w.err != nil || w.last || c.server.stopping.Load() {
		return over
	}
	return again
}

// panicked is told of a handler that cuts its connection, or that has failed.
func (c *conn) panicked(p any) {
	if p != http.ErrAbortHandler {
		c.server.o.Logger.Error("panic while answering", zap.Any("panic", p), zap.Stack("stack"))
	}
}

// handOn gives the connection to net/http, with what was read of the request that is not plain.
func (c *conn) handOn() {
	rest := bytes.Clone(c.buf[:c.have])
	c.release()
	c.server.lot.leave(c)
	c.server.remove(c)
	_ = c.tcp.SetReadDeadline(time.Time{})
	c.net.Unread(rest)
	c.server.others.give(c.net)
}

// release gives the buffer back.
func (c *conn) release() {
	if c.buffer != nil {
		buffers.Put(c.buffer)
	}
	c.buffer, c.buf, c.have = nil, nil, 0
}

// finish closes the connection. The owner calls it.
func (c *conn) finish() {
	c.state.Store(closed)
	if waits := c.waits; waits != nil {
		c.waits = nil
		waits.end()
	}
	c.release()
	c.server.lot.leave(c)
	c.net.Close()
	c.server.remove(c)
}

// closeIdle closes the connection if nothing is under way.
func (c *conn) closeIdle() {
	switch {
	case c.state.CompareAndSwap(idle, closed):
		c.net.Close() // its goroutine does the rest
	case c.state.CompareAndSwap(parked, busy):
		if c.waits == nil {
			c.finish()
		} else {
			c.server.crew.take(c)
		}
	}
}

// expire closes the connection if it has waited for a request in the lot for too long.
func (c *conn) expire(before time.Time) {
	if at := c.restedAt.Load(); at != 0 && at < before.UnixNano() {
		c.closeIdle()
	}
}

// cut closes the connection whatever it does.
func (c *conn) cut() {
	if c.state.CompareAndSwap(parked, busy) {
		c.finish()
		return
	}
	c.net.Close() // its owner does the rest
}
