package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func mustParse(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// A write whose answer is lost is not sent to anybody else, and not to the same member again; a read is.
func TestWriteIsSentOnce(t *testing.T) {
	for _, c := range []struct{ method, body, header string }{
		{"PUT", "value=1", ""}, {"PUT", "", ""}, {"POST", "value=1", ""}, {"DELETE", "", ""},
		{"PUT", "", "Idempotency-Key"}, {"DELETE", "", "X-Idempotency-Key"}, {"GET", "x", ""},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			first, second := newBackend(t, hangUp), newBackend(t, ok)
			_, port := start(t, nil, first.url, second.url)
			var header []string
			if c.header != "" {
				header = []string{c.header, "1"}
			}
			status, text := send(t, c.method, port+"/v2/keys/a?prevExist=false", c.body, header...)
			if status != 502 || text != `{"message":"proxy: unable to get response from 1 endpoint(s)"}` {
				t.Errorf("%d %s", status, text)
			}
			if n := len(first.seen()); n != 1 {
				t.Errorf("the first member saw %d requests", n)
			}
			if n := len(second.seen()); n != 0 {
				t.Errorf("the second member saw %d requests", n)
			}
		})
	}
	first, second := newBackend(t, hangUp), newBackend(t, ok)
	_, port := start(t, nil, first.url, second.url)
	if status, _ := send(t, "GET", port+"/v2/keys/a", ""); status != 200 || len(second.seen()) != 1 {
		t.Errorf("a read: %d, %v", status, second.seen())
	}
}

// A write goes to the next member when it cannot be sent to the first: body and all.
func TestNextWhereNothingWasSent(t *testing.T) {
	second := newBackend(t, ok)
	p, port := start(t, nil, nobody(t), second.url)
	body := "value=" + strings.Repeat("x", 100_000)
	if status, text := send(t, "PUT", port+"/v2/keys/a", body); status != 200 || text != "ok" {
		t.Errorf("%d %s", status, text)
	}
	if got := second.seen(); len(got) != 1 || got[0] != "PUT /v2/keys/a "+body {
		t.Errorf("%d requests arrived", len(got))
	}
	if n := len(p.endpoints.available()); n != 1 {
		t.Errorf("%d members are available", n)
	}
}

// A member that closes its idle connections costs no write, and makes none double: each either arrives once and is answered, or
// is said to be lost.
func TestKeptConnections(t *testing.T) {
	closing := newBackend(t, func(c net.Conn, r *http.Request) bool { // keeps the connection and closes it then
		ok(c, r)
		return false
	})
	_, port := start(t, func(c *Config) { c.FailureWait = time.Nanosecond }, closing.url)
	lost := 0
	for i := range 300 {
		status, text := send(t, "PUT", fmt.Sprintf("%s/v2/keys/%d", port, i), "value=1")
		switch {
		case status == 502:
			lost++
		case status != 200:
			t.Fatalf("%d %s", status, text)
		}
	}
	seen := closing.seen()
	slices.Sort(seen)
	if n := len(slices.Compact(slices.Clone(seen))); n != len(seen) || n < 300-lost {
		t.Errorf("%d requests arrived, %d of them different, %d were lost", len(seen), n, lost)
	}
	t.Logf("%d of 300 lost", lost)
}

func TestNobodyThere(t *testing.T) {
	_, port := start(t, nil, nobody(t), nobody(t), nobody(t))
	for i, want := range []string{
		`502 {"message":"proxy: unable to get response from 3 endpoint(s)"}`,
		`503 {"message":"proxy: zero endpoints currently available"}`,
	} {
		status, text := send(t, "PUT", port+"/v2/keys/a", "value=1")
		if got := fmt.Sprint(status, " ", text); got != want {
			t.Errorf("request %d: %s", i, got)
		}
	}
	if _, text := send(t, "GET", port+"/v2/config/local/proxy", ""); text != "{\"endpoints\":[]}\n" {
		t.Error(text)
	}
	_, text := send(t, "GET", port+"/metrics", "")
	for _, want := range []string{
		`etcd_proxy_requests_total{method="PUT"} 2`,
		`etcd_proxy_dropped_total{method="PUT",proxying_error="failed_sending_request"} 3`,
		`etcd_proxy_dropped_total{method="PUT",proxying_error="failed_getting_response"} 1`,
		`etcd_proxy_dropped_total{method="PUT",proxying_error="zero_endpoints"} 1`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("%s is not among the metrics", want)
		}
	}
}

// What belongs to one connection stays there; the rest goes through as it is, and the client's address is appended.
func TestHeaders(t *testing.T) {
	var got http.Header
	b := newBackend(t, func(c net.Conn, r *http.Request) bool {
		got = r.Header
		_, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Etcd-Index: 7\r\nConnection: X-Hop\r\nX-Hop: 1\r\n"+
			"Access-Control-Allow-Origin: *\r\n\r\n")
		return err == nil
	})
	_, port := start(t, func(c *Config) { c.CORS = true }, b.url)
	req, err := http.NewRequest("GET", port+"/v2/keys/a%2Fb?x=%zz;y&wait", nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"X-Forwarded-For": "10.0.0.1", "Authorization": "Basic x", "X-Secret": "1", "Connection": "X-Secret, X-Forwarded-For",
		"Proxy-Authorization": "x", "Te": "gzip", "Keep-Alive": "1",
	} {
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if got.Get("X-Forwarded-For") != "10.0.0.1, 127.0.0.1" || got.Get("Authorization") != "Basic x" {
		t.Errorf("the member got %v", got)
	}
	for _, name := range []string{"X-Secret", "Proxy-Authorization", "Te", "Keep-Alive", "Connection"} {
		if got.Get(name) != "" {
			t.Errorf("the member got %s", name)
		}
	}
	if resp.Header.Get("X-Etcd-Index") != "7" || resp.Header.Get("X-Hop") != "" || resp.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("the client got %v", resp.Header)
	}
	if want := "GET /v2/keys/a%2Fb?x=%zz;y&wait"; b.seen()[0] != want {
		t.Errorf("the member got %q, not %q", b.seen()[0], want)
	}
}

// A watch's headers come before there is anything to tell, and each piece when the member sends it.
func TestBytesComeAtOnce(t *testing.T) {
	next := make(chan string)
	b := newBackend(t, func(c net.Conn, r *http.Request) bool {
		if _, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"); err != nil {
			return false
		}
		for text := range next {
			if _, err := fmt.Fprintf(c, "%x\r\n%s\r\n", len(text), text); err != nil {
				return false
			}
		}
		return false // and no last chunk
	})
	_, port := start(t, nil, b.url)
	resp, err := http.Get(port + "/v2/keys/a?wait=true&stream=true")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	in := bufio.NewReader(resp.Body)
	for i := range 3 {
		next <- fmt.Sprintf("event %d\n", i)
		if line, err := in.ReadString('\n'); err != nil || line != fmt.Sprintf("event %d\n", i) {
			t.Fatal(line, err)
		}
	}
	close(next)
	if _, err := in.ReadString('\n'); err != io.ErrUnexpectedEOF {
		t.Errorf("the member broke off, and the client saw %v", err)
	}
}

// StopWatches cuts watches and lets other requests be.
func TestStopWatches(t *testing.T) {
	answer := make(chan bool)
	b := newBackend(t, func(c net.Conn, r *http.Request) bool {
		<-answer
		return ok(c, r)
	})
	p, port := start(t, nil, b.url)
	watch, write := make(chan error, 1), make(chan int, 1)
	go func() {
		resp, err := http.Get(port + "/v2/keys/a?wait=true")
		if err == nil {
			resp.Body.Close()
		}
		watch <- err
	}()
	go func() {
		req, err := http.NewRequest("PUT", port+"/v2/keys/a", strings.NewReader("value=1"))
		if err != nil {
			write <- 0
			return
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			write <- 0
			return
		}
		resp.Body.Close()
		write <- resp.StatusCode
	}()
	await(t, "both requests to arrive", func() bool { return len(b.seen()) == 2 })
	p.StopWatches()
	if err := <-watch; err == nil {
		t.Error("the watch got an answer")
	}
	close(answer)
	if status := <-write; status != 200 {
		t.Errorf("the write got %d", status)
	}
}

func TestTimeouts(t *testing.T) {
	b := newBackend(t, func(c net.Conn, r *http.Request) bool {
		_, err := io.Copy(io.Discard, c) // says nothing
		return err == nil
	})
	_, port := start(t, func(c *Config) { c.ReadTimeout = 50 * time.Millisecond }, b.url)
	if status, text := send(t, "GET", port+"/v2/keys/a?wait=true", ""); status != 502 {
		t.Errorf("%d %s", status, text)
	}
}

func TestReadOnly(t *testing.T) {
	h := ReadOnly(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {}))
	for method, want := range map[string]int{"GET": 200, "HEAD": 501, "OPTIONS": 501, "PUT": 501, "POST": 501, "DELETE": 501, "BREW": 501} {
		w := newRecorder()
		h.ServeHTTP(w, &http.Request{Method: method})
		if w.status != want || len(w.Header()) != 0 {
			t.Errorf("%s: %d %v", method, w.status, w.Header())
		}
	}
}

func TestTunnelIsRefused(t *testing.T) {
	b := newBackend(t, ok)
	_, port := start(t, nil, b.url)
	c, err := net.Dial("tcp", strings.TrimPrefix(port, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || resp.StatusCode != 405 || len(b.seen()) != 0 {
		t.Errorf("%v, %v, %v", resp, err, b.seen())
	}
}

type recorder struct {
	header http.Header
	status int
}

func newRecorder() *recorder                    { return &recorder{http.Header{}, 200} }
func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(b []byte) (int, error) { return len(b), nil }

// A client that does not send what it announced, or does not take what it asked for, is cut; one that waits is not.
func TestPace(t *testing.T) {
	broken := make(chan bool, 10)
	b := newBackend(t, func(c net.Conn, r *http.Request) bool {
		if r.URL.Query().Has("wait") {
			<-time.After(300 * time.Millisecond) // several paces
			return ok(c, r)
		}
		if _, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"); err != nil {
			return false
		}
		for piece := strings.Repeat("x", 1<<20); ; {
			if _, err := fmt.Fprintf(c, "%x\r\n%s\r\n", len(piece), piece); err != nil {
				broken <- true
				return false
			}
		}
	})
	p, port := start(t, nil, b.url)
	p.pace = 50 * time.Millisecond
	for name, c := range map[string]struct {
		request string
		cut     bool
	}{
		"sends nothing":         {"PUT /v2/keys/a HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nvalue", true},
		"takes nothing":         {"GET /v2/keys/a HTTP/1.1\r\nHost: x\r\n\r\n", true},
		"waits":                 {"GET /v2/keys/a?wait=true HTTP/1.1\r\nHost: x\r\n\r\n", false},
		"waits, having sent":    {"GET /v2/keys/a?wait=true HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nvalue", false},
		"waits, not yet having": {"GET /v2/keys/a?wait=true HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nvalue", true},
	} {
		t.Run(name, func(t *testing.T) {
			c1, err := net.Dial("tcp", strings.TrimPrefix(port, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer c1.Close()
			if _, err := io.WriteString(c1, c.request); err != nil {
				t.Fatal(err)
			}
			if name == "takes nothing" {
				select {
				case <-broken:
				case <-time.After(10 * time.Second):
					t.Error("the member's connection stays open")
				}
				return
			}
			resp, err := http.ReadResponse(bufio.NewReader(c1), nil)
			if got := err != nil || resp.StatusCode != 200; got != c.cut {
				t.Errorf("%v, %v", resp, err)
			}
		})
	}
}

// It is the same over TLS: what was lost is not sent again, and what could not be sent goes to the next.
func TestWriteIsSentOnceOverTLS(t *testing.T) {
	var seen atomic.Int32
	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.Add(1)
		if r.URL.Path == "/lost" {
			panic(http.ErrAbortHandler)
		}
	}))
	defer secure.Close()
	other := newBackend(t, ok)
	_, port := start(t, func(c *Config) {
		c.FailureWait = time.Nanosecond
		c.Transport = func(connect Connect) *http.Transport {
			return &http.Transport{DialContext: connect, TLSClientConfig: secure.Client().Transport.(*http.Transport).TLSClientConfig}
		}
	}, secure.URL, other.url)
	for _, c := range []struct {
		path string
		want int
	}{{"/kept", 200}, {"/lost", 502}, {"/kept", 200}} {
		if status, text := send(t, "PUT", port+c.path, "value=1"); status != c.want {
			t.Errorf("%s: %d %s", c.path, status, text)
		}
	}
	if len(other.seen()) != 0 || seen.Load() != 3 {
		t.Errorf("%d requests over TLS, %v without", seen.Load(), other.seen())
	}
	_, port = start(t, nil, secure.URL, other.url) // nobody trusts its certificate
	if status, text := send(t, "PUT", port+"/next", "value=1"); status != 200 || text != "ok" || seen.Load() != 3 {
		t.Errorf("%d %s", status, text)
	}
}
