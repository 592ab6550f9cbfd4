package rawhttp

import (
	"bytes"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

const patience = 10 * time.Second

// serve accepts one connection, reads a request head from it and lets handle do the rest; the connection is closed
// when handle returns.
func serve(t *testing.T, handle func(c net.Conn)) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		var head []byte
		for buf := make([]byte, 1024); !bytes.Contains(head, []byte("\r\n\r\n")); {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			head = append(head, buf[:n]...)
		}
		handle(c)
	}()
	t.Cleanup(func() { l.Close(); <-ended })
	return l.Addr().String()
}

func start(t *testing.T, addr string, o Options) *Exchange {
	t.Helper()
	x, err := Start(addr, []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(x.Close)
	return x
}

func TestFraming(t *testing.T) {
	for name, c := range map[string]struct {
		sent string
		o    Options
		want string // status, body, completeness
	}{
		"length":            {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef", Options{}, `200 "abc" true`},
		"no body":           {"HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n", Options{}, `404 "" true`},
		"chunks":            {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\nA;x=y\r\n0123456789\r\n0\r\nT: x\r\n\r\n", Options{}, `200 "ab0123456789" true`},
		"until close":       {"HTTP/1.0 200 OK\r\n\r\nabc", Options{}, `200 "abc" true`},
		"head":              {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", Options{Head: true}, `200 "" true`},
		"no content":        {"HTTP/1.1 204 No Content\r\n\r\n", Options{}, `204 "" true`},
		"bare newlines":     {"HTTP/1.1 200 OK\nContent-Length: 1\n\na", Options{}, `200 "a" true`},
		"short":             {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", Options{}, `200 "abc" false`},
		"cut chunk":         {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc", Options{}, `200 "abc" false`},
		"no last chunk":     {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", Options{}, `200 "abc" false`},
		"bad chunk size":    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", Options{}, `200 "" false`},
		"chunk too long":    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n", Options{}, `200 "a" false`},
		"cut before status": {"", Options{}, `0 "" false cut`},
		"cut in head":       {"HTTP/1.1 200 OK\r\nContent-", Options{}, `0 "" false cut`},
		"not HTTP":          {"hello world\r\n", Options{}, `0 "" false`},
	} {
		t.Run(name, func(t *testing.T) {
			x := start(t, serve(t, func(conn net.Conn) { fmt.Fprint(conn, c.sent) }), c.o)
			if !x.WaitDone(patience) {
				t.Fatal("not done")
			}
			r := x.Reply()
			got := fmt.Sprintf("%d %q %v", r.Status, r.Body, r.Complete)
			if r.Cut() {
				got += " cut"
			}
			if got != c.want || r.Complete != (r.Err == nil) {
				t.Errorf("got %s (%v), want %s", got, r.Err, c.want)
			}
		})
	}
}

func TestHeaders(t *testing.T) {
	x := start(t, serve(t, func(c net.Conn) {
		fmt.Fprint(c, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nX-A: 1\r\nx-a:2 \r\nEmpty:\r\nContent-Length: 0\r\n\r\n")
	}), Options{})
	x.WaitDone(patience)
	r := x.Reply()
	if v, ok := r.Get("x-a"); v != "1, 2" || !ok {
		t.Errorf("x-a = %q", v)
	}
	if v, ok := r.Get("empty"); v != "" || !ok {
		t.Errorf("empty = %q, %v", v, ok)
	}
	if _, ok := r.Get("x-b"); ok {
		t.Error("x-b is there")
	}
	if !slices.Equal(r.Interim, []int{100}) || r.Status != 200 {
		t.Errorf("interim %v, status %d", r.Interim, r.Status)
	}
}

func TestPipelinedReplies(t *testing.T) {
	x := start(t, serve(t, func(c net.Conn) {
		for _, body := range []string{"a", "bb", "ccc"} {
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		}
	}), Options{Replies: 4})
	x.WaitDone(patience)
	var got []string
	for _, r := range x.Replies() {
		got = append(got, fmt.Sprintf("%s/%v", r.Body, r.Complete))
	}
	if want := []string{"a/true", "bb/true", "ccc/true", "/false"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if !x.Reply().Cut() {
		t.Error("the missing fourth is not a cut")
	}
}

// A long poll: the headers are there long before the body, and each event when it was sent.
func TestSeenAsItComes(t *testing.T) {
	next := make(chan string)
	x := start(t, serve(t, func(c net.Conn) {
		fmt.Fprint(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
		for s := range next {
			fmt.Fprint(c, s)
		}
	}), Options{})
	if !x.Wait(patience, func(r Reply) bool { return r.Status == 200 }) || x.Done() || x.Reply().HeadAt.IsZero() {
		t.Fatalf("no early headers: %+v", x.Reply())
	}
	next <- "4\r\none\n\r\n"
	if !x.Wait(patience, func(r Reply) bool { return string(r.Body) == "one\n" }) || x.Done() {
		t.Fatalf("no first event: %+v", x.Reply())
	}
	if x.Wait(time.Millisecond, func(r Reply) bool { return len(r.Body) > 4 }) {
		t.Error("waited for nothing and got it")
	}
	next <- "4\r\ntwo\n\r\n0\r\n\r\n"
	close(next)
	if !x.WaitDone(patience) || string(x.Reply().Body) != "one\ntwo\n" || !x.Reply().Complete {
		t.Errorf("at the end: %+v", x.Reply())
	}
}

// A client that holds fills the buffers of both sides, and then the server can write no more.
func TestHold(t *testing.T) {
	const size = 64 << 20
	stuck := make(chan bool, 1)
	addr := serve(t, func(c net.Conn) {
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", size)
		body := make([]byte, size)
		c.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
		n, err := c.Write(body)
		stuck <- err != nil
		c.SetWriteDeadline(time.Time{})
		c.Write(body[n:])
	})
	x := start(t, addr, Options{Hold: true})
	if !<-stuck {
		t.Error("the server could write everything")
	}
	if r := x.Reply(); r.Status != 200 || len(r.Body) != 0 {
		t.Errorf("held, but read %d bytes", len(r.Body))
	}
	x.Resume()
	if !x.WaitDone(patience) || len(x.Reply().Body) != size || !x.Reply().Complete {
		t.Errorf("after Resume: %d bytes, %v", len(x.Reply().Body), x.Reply().Err)
	}
}

// Close ends an exchange whose server never answers, also one that holds.
func TestClose(t *testing.T) {
	for _, o := range []Options{{}, {Hold: true}} {
		release := make(chan struct{})
		x := start(t, serve(t, func(c net.Conn) { <-release }), o)
		x.Close()
		if !x.Done() {
			t.Error("not done after Close")
		}
		close(release)
	}
}

func TestConn(t *testing.T) {
	addr := serve(t, func(c net.Conn) {
		fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na")
		fmt.Fprint(c, "HTTP/1.1 201 Created\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nb\r\n0\r\n\r\n")
	})
	c, err := Dial(addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var got []string
	for range 3 {
		r, err := c.RoundTrip([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), false, patience)
		got = append(got, fmt.Sprintf("%d %s closes=%v failed=%v", r.Status, r.Body, r.Closes, err != nil))
	}
	want := "200 a closes=false failed=false|201 b closes=true failed=false|0  closes=false failed=true"
	if strings.Join(got, "|") != want {
		t.Errorf("got %s\nwant %s", strings.Join(got, "|"), want)
	}
}
