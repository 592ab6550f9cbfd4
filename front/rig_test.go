package front

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// patience bounds every wait for what should come soon.
const patience = 30 * time.Second

// rig is a Server with an http.Server behind it, and counts what it is given.
type rig struct {
	t          testing.TB
	front      *Server
	others     *http.Server
	addr       string
	bells      *bells
	accepted   atomic.Int64
	open       atomic.Int64
	served     sync.WaitGroup
	stopped    bool
	goroutines int // there were before
}

// newRig serves h, or a new bells, with the times of o that are given.
func newRig(t testing.TB, h http.Handler, o Options) *rig {
	t.Helper()
	return newRestlessRig(t, h, o, restAfter)
}

// newRestlessRig is newRig, but for when a connection is parked that asks for nothing.
func newRestlessRig(t testing.TB, h http.Handler, o Options, rest time.Duration) *rig {
	t.Helper()
	for _, d := range []*time.Duration{&o.HeaderTimeout, &o.IdleTimeout, &o.BodyTimeout} {
		if *d == 0 {
			*d = patience
		}
	}
	if o.HeaderBytes == 0 {
		o.HeaderBytes = 1 << 20
	}
	g := &rig{t: t, goroutines: runtime.NumGoroutine()}
	if h == nil {
		g.bells = newBells(t)
		h = g.bells
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g.addr = l.Addr().String()
	g.front = New(h, o)
	g.front.restAfter = rest
	g.others = &http.Server{Handler: h}
	g.served.Go(func() {
		if err := g.front.Serve(counted{l, g}); err != http.ErrServerClosed {
			t.Errorf("front: %v", err)
		}
	})
	g.served.Go(func() { _ = g.others.Serve(g.front.Others()) })
	t.Cleanup(func() { g.stop(0) })
	return g
}

// stop shuts down, cuts what is under way after a while, and checks that nothing is left.
func (g *rig) stop(after time.Duration) {
	g.t.Helper()
	if g.stopped {
		return
	}
	g.stopped = true
	ctx, cancel := context.WithTimeout(context.Background(), after)
	defer cancel()
	g.front.Shutdown(ctx)
	if g.others.Shutdown(ctx) != nil {
		g.others.Close()
	}
	waited := make(chan struct{})
	go func() {
		defer close(waited)
		g.front.Wait()
		g.served.Wait()
	}()
	select {
	case <-waited:
	case <-time.After(patience):
		stacks := make([]byte, 1<<20)
		g.t.Fatalf("goroutines are left:\n%s", stacks[:runtime.Stack(stacks, true)])
	}
	g.front.mu.Lock()
	left := len(g.front.conns)
	g.front.mu.Unlock()
	if left != 0 {
		g.t.Errorf("%d connections are still known", left)
	}
	for _, c := range g.front.lot.spots {
		if c != nil {
			g.t.Error("a connection is still in the lot")
		}
	}
	g.eventually("all connections are closed", func() bool { return g.open.Load() == 0 })
	if g.bells != nil {
		close(g.bells.over)
		g.eventually("all parked answers have ended", func() bool { return g.bells.begun.Load() == g.bells.ended.Load() })
	}
}

func (g *rig) eventually(what string, holds func() bool) {
	g.t.Helper()
	late := time.After(patience)
	next := time.NewTicker(time.Millisecond)
	defer next.Stop()
	for !holds() {
		select {
		case <-next.C:
		case <-late:
			g.t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// parked is how many connections are nobody's.
func (g *rig) parked() int { return g.in(parked) }

// in is how many connections are in a state.
func (g *rig) in(state int32) (n int) {
	g.front.mu.Lock()
	defer g.front.mu.Unlock()
	for c := range g.front.conns {
		if c.state.Load() == state {
			n++
		}
	}
	return n
}

// only is the one connection that there is, once those are forgotten whose clients have seen their end.
func (g *rig) only() (only *conn) {
	g.t.Helper()
	g.eventually("there is one connection", func() bool {
		g.front.mu.Lock()
		defer g.front.mu.Unlock()
		for only = range g.front.conns {
		}
		return len(g.front.conns) == 1
	})
	return only
}

// counted counts what it accepts.
type counted struct {
	net.Listener
	rig *rig
}

func (l counted) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.rig.accepted.Add(1)
	l.rig.open.Add(1)
	return &testConn{Conn: c, rig: l.rig}, nil
}

// testConn is what the server's limitedConn is.
type testConn struct {
	net.Conn
	rig    *rig
	unread []byte
	once   sync.Once
}

func (c *testConn) NetConn() net.Conn { return c.Conn }
func (c *testConn) Unread(b []byte)   { c.unread = b }
func (c *testConn) Refused() bool     { return false }

func (c *testConn) Read(p []byte) (int, error) {
	if len(c.unread) > 0 {
		n := copy(p, c.unread)
		c.unread = c.unread[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}

func (c *testConn) Close() error {
	c.once.Do(func() { c.rig.open.Add(-1) })
	return c.Conn.Close()
}

// client is one connection to a rig.
type client struct {
	*net.TCPConn
	r *bufio.Reader
	t testing.TB
}

func (g *rig) dial() *client {
	g.t.Helper()
	c, err := dial(g.addr)
	if err != nil {
		g.t.Fatal(err)
	}
	c.t = g.t
	g.t.Cleanup(func() { c.Close() })
	return c
}

func dial(addr string) (*client, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &client{TCPConn: c.(*net.TCPConn), r: bufio.NewReader(c)}, c.SetDeadline(time.Now().Add(patience))
}

// get is a plain request.
func get(target string) string { return "GET " + target + " HTTP/1.1\r\nHost: h\r\n\r\n" }

func (c *client) send(s string) {
	c.t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		c.t.Fatal(err)
	}
}

// head reads the head of an answer whose body is not read yet.
func (c *client) head() *http.Response {
	c.t.Helper()
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	return resp
}

// hears reads a whole answer and checks its body.
func (c *client) hears(want string) {
	c.t.Helper()
	resp := c.head()
	b, err := io.ReadAll(resp.Body)
	if got := string(b); err != nil || got != want {
		c.t.Fatalf("%s %q, %v, want %q", resp.Status, got, err, want)
	}
}

// ends checks that nothing comes any more.
func (c *client) ends() {
	c.t.Helper()
	if b, err := io.ReadAll(c.r); len(b) > 0 || err != nil && !isReset(err) {
		c.t.Fatalf("more comes: %q, %v", b, err)
	}
}

func isReset(err error) bool {
	return strings.Contains(err.Error(), "reset") || strings.Contains(err.Error(), "broken pipe") || errors.Is(err, net.ErrClosed)
}

// nothing is a log of nothing.
func nothing() *log.Logger { return log.New(io.Discard, "", 0) }
