package hostile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// last is the request behind each case: it is answered if the connection goes on, and ends it.
const last = "GET /version HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"

// hidden is a request that must not be carried out: it is in what the request before it owns.
const hidden = "PUT /v2/keys/victim HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 10\r\n\r\nvalue=evil"

// exchange may be called from any goroutine. It sends bytes, and then last, and returns the statuses of all answers until the server closes.
func exchange(url, raw string) string {
	c, err := dialTo(url)
	if err != nil {
		return err.Error()
	}
	defer c.Close()
	go func() { _, _ = io.WriteString(c, raw+last) }() // as much as is taken
	r := bufio.NewReader(c)
	var all []string
	for {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !strings.Contains(err.Error(), "reset") {
				all = append(all, err.Error())
			}
			return strings.Join(all, " ")
		}
		all = append(all, fmt.Sprint(resp.StatusCode))
		_, _ = io.Copy(io.Discard, resp.Body)
	}
}

// chunked is the body value=x in one chunk.
const chunked = "7\r\nvalue=x\r\n0\r\n\r\n"

// TestRequestsCannotBeSmuggled: where two parsers may see different requests there is one answer, and then no connection. A
// case that ends with 200 has left its connection as usable as before.
func TestRequestsCannotBeSmuggled(t *testing.T) {
	g := newRig(t)
	put := "PUT /v2/keys/k" + host + form
	if status := g.ask(put + "Content-Length: 7\r\n\r\nvalue=x"); status != 201 {
		t.Fatal(status)
	}
	var all sync.WaitGroup
	for _, c := range []struct{ name, raw, want string }{
		{"a length and chunks", put + "Content-Length: 7\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked + hidden, "200"},
		{"chunks and a length", put + "Transfer-Encoding: chunked\r\nContent-Length: " + fmt.Sprint(len(chunked+hidden)) + "\r\n\r\n" + chunked + hidden, "200"},
		{"only chunks", put + "Transfer-Encoding: chunked\r\n\r\n" + chunked + hidden, "200"},
		{"chunked twice", put + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked + hidden, "501"},
		{"chunked and identity", put + "Transfer-Encoding: chunked, identity\r\n\r\n" + chunked + hidden, "501"},
		{"almost chunked", put + "Transfer-Encoding: xchunked\r\nContent-Length: 17\r\n\r\n" + chunked + hidden, "501"},
		{"chunked behind a tab", put + "Transfer-Encoding:\tchunked\r\nContent-Length: 5\r\n\r\n" + chunked + hidden, "200"},
		{"chunks, old protocol", "PUT /v2/keys/k HTTP/1.0\r\nConnection: keep-alive\r\n" + form + "Transfer-Encoding: chunked\r\nContent-Length: 7\r\n\r\nvalue=x" + hidden, "200"},
		{"chunks, old protocol, no body wanted", "GET /v2/keys/k HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked + hidden, "200 400"},
		{"two lengths", put + "Content-Length: 7\r\nContent-Length: 5\r\n\r\nvalue=x" + hidden, "400"},
		{"one length twice", put + "Content-Length: 7\r\nContent-Length: 7\r\n\r\nvalue=x", "200 200"},
		{"lengths in a list", put + "Content-Length: 7, 7\r\n\r\nvalue=x" + hidden, "400"},
		{"a length with a sign", put + "Content-Length: +7\r\n\r\nvalue=x" + hidden, "400"},
		{"a length in hex", put + "Content-Length: 0x7\r\n\r\nvalue=x" + hidden, "400"},
		{"a negative length", put + "Content-Length: -1\r\n\r\nvalue=x" + hidden, "400"},
		{"an endless length", put + "Content-Length: 99999999999999999999\r\n\r\nvalue=x" + hidden, "400"},
		{"an empty length", put + "Content-Length:\r\n\r\n" + hidden, "400"},
		{"a folded length", put + "Content-Length:\r\n 7\r\n\r\nvalue=x", "200 200"},
		{"a folded header", put + "X: a\r\n Content-Length: 900\r\nContent-Length: 7\r\n\r\nvalue=x", "200 200"},
		{"a fold before all headers", "PUT /v2/keys/k HTTP/1.1\r\n Host: h\r\n\r\n" + hidden, "400"},
		{"a blank before the colon", put + "Content-Length : 7\r\n\r\nvalue=x" + hidden, "400"},
		{"a blank before the other colon", put + "Transfer-Encoding : chunked\r\nContent-Length: 7\r\n\r\nvalue=x" + hidden, "400"},
		{"no colon", put + "Content-Length 7\r\n\r\nvalue=x" + hidden, "400"},
		{"a carriage return alone", put + "X: a\rContent-Length: 900\r\nContent-Length: 7\r\n\r\nvalue=x" + hidden, "400"},
		{"a zero byte", put + "X: a\x00b\r\nContent-Length: 7\r\n\r\nvalue=x" + hidden, "400"},
		{"lines that end with LF alone", "PUT /v2/keys/k HTTP/1.1\nHost: h\n" + strings.TrimSpace(form) + "\nContent-Length: 7\n\nvalue=x", "200 200"},
		{"chunks that end with LF alone", put + "Transfer-Encoding: chunked\r\n\r\n7\nvalue=x\n0\n\n" + hidden, "400"},
		{"a chunk that is too long", put + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\nvalue=x\r\n0\r\n\r\n" + hidden, "400"},
		{"a chunk with a sign", put + "Transfer-Encoding: chunked\r\n\r\n-7\r\nvalue=x\r\n0\r\n\r\n" + hidden, "400"},
		{"a chunk that is followed by something", put + "Transfer-Encoding: chunked\r\n\r\n7\r\nvalue=xyz\r\n0\r\n\r\n" + hidden, "400"},
		{"chunk extensions", put + "Transfer-Encoding: chunked\r\n\r\n7;a=\"b\r\nvalue=x\r\n0;c\r\n\r\n" + hidden, "200"},
		{"endless chunk extensions", put + "Transfer-Encoding: chunked\r\n\r\n7;" + strings.Repeat("a", 100_000) + "\r\nvalue=x\r\n0\r\n\r\n" + hidden, "400"},
		{"a million tiny chunks", put + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nv\r\n", 100_000) + "0\r\n\r\n" + hidden, "400"},
		{"trailers", put + "Transfer-Encoding: chunked\r\nTrailer: X\r\n\r\n7\r\nvalue=x\r\n0\r\nX: y\r\nZ: z\r\n\r\n" + hidden, "200"},
		{"forbidden trailers", put + "Transfer-Encoding: chunked\r\nTrailer: Content-Length\r\n\r\n7\r\nvalue=x\r\n0\r\nContent-Length: 9\r\n\r\n" + hidden, "400"},
		{"endless trailers", put + "Transfer-Encoding: chunked\r\n\r\n7\r\nvalue=x\r\n0\r\n" + strings.Repeat("X: y\r\n", 1_000_000) + "\r\n" + hidden, "400"},
		{"a body that a GET does not want", "GET /v2/keys/k" + host + "Content-Length: " + fmt.Sprint(len(hidden)) + "\r\n\r\n" + hidden, "200 200"},
		{"an expectation", put + "Content-Length: 7\r\nExpect: 100-continue\r\n\r\nvalue=x", "100 200 200"},
		{"an odd expectation", put + "Content-Length: 7\r\nExpect: 200-maybe\r\n\r\nvalue=x" + hidden, "417"},
		{"HTTP/2 without TLS", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + hidden, "404"},
		{"an upgrade", "GET /v2/keys/k" + host + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n", "200 200"},
		{"HTTP/0.9", "GET /v2/keys/k\r\n\r\n" + hidden, "400"},
		{"a later protocol", "GET /v2/keys/k HTTP/3.7\r\nHost: h\r\n\r\n" + hidden, "505"},
	} {
		all.Go(func() { // net/http takes half a second to end a connection well
			if got := exchange(g.Endpoint, c.raw); got != c.want {
				t.Errorf("%s: %s, want %s", c.name, got, c.want)
			}
		})
	}
	all.Wait()
	if body := g.stored("victim"); !strings.Contains(body, `"errorCode":100`) {
		t.Errorf("a hidden request was carried out: %s", body)
	}
}

// TestTargetsAndHosts: where a request says that it goes changes nothing about what it reaches.
func TestTargetsAndHosts(t *testing.T) {
	g := newRig(t)
	many := strings.Builder{}
	for i := range 2_000 {
		fmt.Fprintf(&many, "h%d: v\r\n", i)
	}
	for _, c := range []struct{ name, raw, want string }{
		{"no host", "GET /version HTTP/1.1\r\n\r\n", "400"},
		{"two hosts", "GET /version HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400"},
		{"an odd host", "GET /version HTTP/1.1\r\nHost: a/b c\r\n\r\n", "400"},
		{"any host", "GET /version HTTP/1.1\r\nHost: evil.example:99999999\r\n\r\n", "200 200"},
		{"an absolute target", "GET http://evil.example/version HTTP/1.1\r\nHost: h\r\n\r\n", "200 200"},
		{"a target of no scheme", "GET evil.example:80 HTTP/1.1\r\nHost: h\r\n\r\n", "301 200"},
		{"a target with two slashes", "GET //evil.example/version HTTP/1.1\r\nHost: h\r\n\r\n", "301 200"},
		{"a target with a user", "GET http://root:x@evil.example/version HTTP/1.1\r\nHost: h\r\n\r\n", "200 200"},
		{"a target with a zero byte", "GET /v2/keys/\x00 HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
		{"a target with blanks", "GET /v2/keys/a b HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
		{"a tunnel", "CONNECT evil.example:80 HTTP/1.1\r\nHost: h\r\n\r\n", "404 200"},
		{"a method of garbage", "G@T /version HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
		{"2,000 headers", "GET /version" + host + many.String() + "\r\n", "200 200"},
		{"headers of 1.2 MB", "GET /version" + host + strings.Repeat("X: "+strings.Repeat("x", 60_000)+"\r\n", 20) + "\r\n", "431"},
	} {
		for _, url := range []string{g.Endpoint, g.Peer} {
			if got := strings.Replace(exchange(url, c.raw), "307", "301", 1); got != c.want {
				t.Errorf("%s, %s: %s, want %s", url, c.name, got, c.want)
			}
		}
	}
	if got := exchange(g.Endpoint, "GET /version"+host+strings.Repeat(many.String(), 100)+"\r\n"); got != "" {
		t.Errorf("200,000 headers are answered: %s", got)
	}
	for _, url := range []string{g.Endpoint, g.Peer} {
		r, err := http.NewRequest("GET", url+"//evil.example/..//evil.example/", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultTransport.RoundTrip(r) // follows nothing
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if to := resp.Header.Get("Location"); to != "/evil.example/" {
			t.Errorf("%s: sent elsewhere: %q", url, to)
		}
	}
}

// TestThePeerPortCannotBeSmuggledThrough: what holds on the client port holds there.
func TestThePeerPortCannotBeSmuggledThrough(t *testing.T) {
	g := newRig(t)
	var all sync.WaitGroup
	const hidden = "GET /members HTTP/1.1\r\nHost: h\r\n\r\n"
	for _, path := range []string{"/raft", "/raft/snapshot", "/pando/members", "/version"} {
		for name, rest := range map[string]string{
			"a length and chunks": "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nxx\r\n0\r\n\r\n" + hidden,
			"two lengths":         "Content-Length: 2\r\nContent-Length: 0\r\n\r\nxx" + hidden,
			"almost chunked":      "Transfer-Encoding: xchunked\r\n\r\n2\r\nxx\r\n0\r\n\r\n" + hidden,
			"a blank before":      "Transfer-Encoding : chunked\r\n\r\n2\r\nxx\r\n0\r\n\r\n" + hidden,
		} {
			all.Go(func() {
				if got := exchange(g.Peer, "POST "+path+host+rest); strings.Contains(got, " ") || got == "" {
					t.Errorf("%s, %s: %s, want one answer", path, name, got)
				}
			})
		}
	}
	all.Wait()
}
