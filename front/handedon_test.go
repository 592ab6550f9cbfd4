package front

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// What net/http answers without seeing all of it is answered at once here too.
func TestNobodyWaitsForWhatIsNotPlain(t *testing.T) {
	t.Parallel()
	front, alone := both(t, handle)
	for _, request := range []string{
		"BAD\r\n", "GET /sees\r\n", "GET /sees HTTP/1.1\nHost: h\nConnection: close\n\n", "GET /sees HTTP/1.1\r\nHost: h\nConnection: close\n\r\n",
		"GET /%zz HTTP/1.1\r\n", "GET /sees HTTP/1.1\r\nno colon\r\n", "GET /sees HTTP/3.7\r\n\r\n",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n\n", "\r\n\r\nGET / HTTP/1.0\r\n\r\n", "G@T / HTTP/1.1\r\n",
		"GET /" + strings.Repeat("a", 1<<20+5000), "GET / HTTP/1.1\r\nA: " + strings.Repeat("a", 1<<20+5000),
	} {
		compare(t, front, alone, request)
	}
}

// A connection is handed on with each byte that was read, in whatever pieces they came, and stays with net/http.
func TestHandedOnWithItsBytes(t *testing.T) {
	g := newRig(t, nil, Options{})
	body := strings.Repeat("0123456789", 5000)
	for name, request := range map[string]string{
		"long body": fmt.Sprintf("PUT /echo HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", len(body)) + body,
		"chunks":    fmt.Sprintf("PUT /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n", len(body)) + body + "\r\n0\r\n\r\n",
		"long head": "PUT /echo HTTP/1.1\r\nHost: h\r\nA: " + strings.Repeat("a", 10_000) + fmt.Sprintf("\r\nContent-Length: %d\r\n\r\n", len(body)) + body,
	} {
		for _, size := range []int{1 << 20, 4096, 1000, 7} {
			t.Run(fmt.Sprint(name, " by ", size), func(t *testing.T) {
				c := g.dial()
				c.t = t
				for rest := get("/echo") + request + get("/echo/last"); rest != ""; {
					n := min(size, len(rest))
					c.send(rest[:n])
					rest = rest[n:]
				}
				c.hears("GET /echo ")
				c.hears("PUT /echo " + body)
				c.hears("GET /echo/last ")
				c.Close()
			})
		}
	}
	g.eventually("all are closed", func() bool { return g.open.Load() == 0 })
}

// A plain request comes through in whatever pieces.
func TestPlainRequestsInPieces(t *testing.T) {
	g := newRig(t, nil, Options{})
	for _, n := range []int{0, 1, 100, 4000, 4096, 9000, maxRequest} {
		body := strings.Repeat("v", n)
		request := fmt.Sprintf("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", n) + body
		for _, size := range []int{1, 50, 4095, 1 << 20} {
			if size == 1 && n > 1000 {
				continue
			}
			c := g.dial()
			for rest := request + request; rest != ""; {
				m := min(size, len(rest))
				c.send(rest[:m])
				rest = rest[m:]
			}
			c.hears("POST /echo " + body)
			c.hears("POST /echo " + body)
			c.Close()
		}
	}
}

// breakOff sends something, closes its side, and returns what comes, but for the time.
func breakOff(t *testing.T, addr, sent string) string {
	t.Helper()
	c, err := dial(addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = io.WriteString(c, sent) // as much as is taken
	_ = c.CloseWrite()
	b, err := io.ReadAll(c)
	if err != nil && !isReset(err) {
		t.Error(err)
	}
	return timeless(string(b))
}

// What ends in the middle of a request is answered as net/http does.
func TestRequestsThatBreakOff(t *testing.T) {
	t.Parallel()
	front, alone := both(t, handle)
	for _, request := range []string{
		"", "G", "GET /sees", "GET /sees HTTP/1.1\r\n", "GET /sees HTTP/1.1\r\nHost: h\r\n\r", "\r\n",
		"PUT /sees HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n", "PUT /sees HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nvalu",
		get("/json"), get("/json") + "GET /s",
	} {
		if ours, theirs := breakOff(t, front, request), breakOff(t, alone, request); ours != theirs {
			t.Errorf("%q:\nhere        %q\nin net/http %q", request, ours, theirs)
		}
	}
}

// What is not ours, or one too many, or asked for elsewhere, is not even read.
func TestElsewhere(t *testing.T) {
	parks := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, ours := w.(*response)
		fmt.Fprint(w, ours)
	})
	g := newRig(t, parks, Options{Elsewhere: func(path string) bool { return path == "/debug/a" }})
	for request, want := range map[string]string{"/": "true", "/debug/a": "false", "/%64ebug/a": "false"} {
		c := g.dial()
		c.send(get(request))
		c.hears(want)
	}
	for _, wrap := range []func(net.Conn) net.Conn{
		func(c net.Conn) net.Conn { return c },
		func(c net.Conn) net.Conn { return refused{&testConn{Conn: c, rig: new(rig)}} },
		func(c net.Conn) net.Conn { return noSystem{&testConn{Conn: c, rig: new(rig)}} },
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		accepted := make(chan struct{})
		go func() {
			defer close(accepted)
			c, err := l.Accept()
			if err != nil {
				t.Error(err)
				return
			}
			g.front.accept(wrap(c))
		}()
		c, err := dial(l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		c.t = t
		c.send(get("/"))
		c.hears("false")
		<-accepted
		c.Close()
		l.Close()
	}
}

type refused struct{ *testConn }

func (refused) Refused() bool { return true }

type noSystem struct{ *testConn }

func (c noSystem) NetConn() net.Conn { return c.testConn }
