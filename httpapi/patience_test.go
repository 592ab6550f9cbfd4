package httpapi

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener without a network, so that time in a test is synctest's.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// withPatience runs a test in a bubble of its own time against a server in it.
func withPatience(t *testing.T, test func(t *testing.T, g *rig, dial func() *client)) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, Options{Now: time.Now})
		p := &pipes{make(chan net.Conn), make(chan struct{})}
		serveOn(t, p, NewHTTPServer(g.handler, nil, DefaultLimits()))
		test(t, g, func() *client {
			mine, theirs := net.Pipe()
			p.conns <- theirs
			t.Cleanup(func() { mine.Close() })
			return newClient(t, mine)
		})
	})
}

// pass lets the bubble's time pass.
func pass(d time.Duration) { <-time.After(d) }

// checkCut waits for the end of a connection and says how long that took.
func checkCut(t *testing.T, c *client, after time.Duration) {
	t.Helper()
	start := time.Now()
	n, err := io.Copy(io.Discard, c.r)
	if took := time.Since(start); n > 0 || took != after {
		t.Errorf("%d bytes and %v after %v, want nothing for %v", n, err, took, after)
	}
}

func TestAHeadThatNeverEndsIsCut(t *testing.T) {
	withPatience(t, func(t *testing.T, g *rig, dial func() *client) {
		checkCut(t, dial(), DefaultLimits().HeaderTimeout)
		c := dial()
		fed := make(chan struct{})
		go func() {
			defer close(fed)
			for i := 0; ; i++ { // a byte now and then does not help
				if _, err := fmt.Fprintf(c, "%c", "GET /v2/keys HTTP/1.1\r\nX: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"[i]); err != nil {
					return
				}
				pass(time.Second)
			}
		}()
		checkCut(t, c, DefaultLimits().HeaderTimeout)
		c.Close()
		<-fed
	})
}

func TestABodyThatNeverComesIsCut(t *testing.T) {
	withPatience(t, func(t *testing.T, g *rig, dial func() *client) {
		head := "PUT /v2/keys/k HTTP/1.1\r\nHost: h\r\nContent-Type: " + formType + "\r\nContent-Length: 70000\r\n\r\n"
		c := dial()
		c.send(head + "value=")
		checkCut(t, c, paceTimeout)

		c = dial()
		c.send(head + "value=" + strings.Repeat("x", chunkSize))
		pass(paceTimeout - 1)
		c.send(strings.Repeat("x", chunkSize))
		checkCut(t, c, paceTimeout)
		if g.View().Index != 3 {
			t.Error("something was written")
		}
		if used := g.handler.(*handler).bodies.used.Load(); used != 0 {
			t.Error(used, "bytes of the budget are lost")
		}
	})
}

// The answer waits for a body that nobody looks at, but not for ever.
func TestABodyThatIsNotReadIsNotWaitedForEither(t *testing.T) {
	withPatience(t, func(t *testing.T, g *rig, dial func() *client) {
		for _, request := range []string{"GET /v2/keys", "PUT /v2/keys/k", "DELETE /v2/keys/k", "POST /nonsense", "OPTIONS *", "GET /v2/keys?quorum=true"} {
			c := dial()
			start := time.Now()
			c.send(request + " HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{")
			if _, err := io.Copy(io.Discard, c.r); err != nil || time.Since(start) != paceTimeout {
				t.Errorf("%s: %v after %v", request, err, time.Since(start))
			}
		}
	})
}

func TestASlowBodyIsNotCut(t *testing.T) {
	withPatience(t, func(t *testing.T, g *rig, dial func() *client) {
		c := dial()
		c.send("PUT /v2/keys/k HTTP/1.1\r\nHost: h\r\nContent-Type: " + formType + "\r\nContent-Length: 70006\r\n\r\nvalue=")
		for range 7 {
			pass(paceTimeout / 5)
			c.send(strings.Repeat("x", 10_000))
		}
		if resp := c.answer("PUT"); resp.StatusCode != 201 {
			t.Error(resp.Status)
		}
	})
}

func TestNoTimeoutEndsAWatch(t *testing.T) {
	withPatience(t, func(t *testing.T, g *rig, dial func() *client) {
		c := dial()
		c.send("PUT /v2/keys/k HTTP/1.1\r\nHost: h\r\nContent-Type: " + formType + "\r\nContent-Length: 7\r\n\r\nvalue=x")
		if _, err := io.Copy(io.Discard, c.answer("PUT").Body); err != nil {
			t.Fatal(err)
		}
		c.send("GET /v2/keys/k?wait=true&stream=true HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}")
		resp := c.answer("GET")
		for range 3 {
			pass(30 * 24 * time.Hour)
			g.do("PUT", "/v2/keys/k", "value=y")
			buf := make([]byte, 1000)
			if n, err := resp.Body.Read(buf); err != nil || !strings.Contains(string(buf[:n]), `"value":"y"`) {
				t.Fatalf("%s, %v", buf[:n], err)
			}
		}
	})
}

func TestAnIdleConnectionIsKeptForAnHour(t *testing.T) {
	withPatience(t, func(t *testing.T, g *rig, dial func() *client) {
		c := dial()
		for range 2 {
			if _, err := io.Copy(io.Discard, c.get("/v2/keys").Body); err != nil {
				t.Fatal(err)
			}
			pass(DefaultLimits().IdleTimeout - time.Second)
		}
		checkCut(t, c, time.Second)
	})
}

// A listing holds an old state in memory as long as its client takes to read it.
func TestAListingThatNobodyReadsIsCut(t *testing.T) {
	withPatience(t, func(t *testing.T, g *rig, dial func() *client) {
		for i := range 2000 {
			g.do("PUT", fmt.Sprintf("/v2/keys/d/%04d", i), "value=v")
		}
		c := dial()
		resp := c.get("/v2/keys/d")
		pass(paceTimeout + time.Second)
		if _, err := io.Copy(io.Discard, resp.Body); err == nil {
			t.Error("all of it came")
		}
		c = dial()
		resp = c.get("/v2/keys/d") // and one that is read slowly is not
		want := g.do(http.MethodGet, "/v2/keys/d", "").Body.Len()
		got, buf := 0, make([]byte, 1000)
		for {
			n, err := resp.Body.Read(buf)
			if got += n; err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			pass(500 * time.Millisecond)
		}
		if got != want {
			t.Error(got, "bytes, want", want)
		}
		if resp := c.get("/version"); resp.StatusCode != 200 {
			t.Error("the connection is of no more use")
		}
	})
}
