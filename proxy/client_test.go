package proxy

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A client that sends half a body, or nonsense, or nothing for too long, costs no member its good name.
func TestBrokenBodyIsTheClientsFault(t *testing.T) {
	for head, want := range map[string]string{
		"Transfer-Encoding: chunked\r\n\r\n5\r\nvalue\r\nzz\r\n": "HTTP/1.1 400 Bad Request\r\n",
		"Content-Length: 10\r\n\r\nval":                          "",
	} {
		member := newBackend(t, ok)
		p, port := start(t, nil, member.url)
		p.pace = 100 * time.Millisecond
		c, err := net.Dial("tcp", strings.TrimPrefix(port, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprint(c, "PUT /v2/keys/a HTTP/1.1\r\nHost: x\r\n"+head)
		text, err := io.ReadAll(c)
		if err != nil || !strings.HasPrefix(string(text), want) || want == "" && len(text) > 0 {
			t.Errorf("%q, %v", text, err)
		}
		if len(p.endpoints.available()) != 1 || len(member.seen()) != 0 {
			t.Errorf("%q: the member is left alone, or has seen %q", head, member.seen())
		}
	}
}

// Cookies, which HTTP/2 makes large at no cost, are not kept and not passed on.
func TestNoCookies(t *testing.T) {
	heads := make(chan http.Header, 1)
	member := newBackend(t, func(c net.Conn, r *http.Request) bool {
		heads <- r.Header
		return ok(c, r)
	})
	_, port := start(t, nil, member.url)
	send(t, "GET", port+"/v2/keys/a", "", "Cookie", "a=b", "Authorization", "Basic eA==")
	if h := <-heads; h.Get("Cookie") != "" || h.Get("Authorization") != "Basic eA==" {
		t.Errorf("passed on: %v", h)
	}
}
