package hostile

import (
	"fmt"
	"io"
	"net/http/httputil"
	"regexp"
	"strings"
	"testing"
)

// varies is what differs from one answer to the next.
var varies = regexp.MustCompile(`\r\n(Date: [^\r]*GMT|X-Raft-Index: \d+)\r\n`)

// whole sends a request that is the last one of its connection, and returns the head of the answer to the letter, and its body.
func (g *rig) whole(request string) (head, body string) {
	g.t.Helper()
	c := g.dial()
	defer c.Close()
	c.send(request)
	all, err := io.ReadAll(c.r)
	if err != nil {
		g.t.Fatalf("%.100q: %v", request, err)
	}
	head, body, _ = strings.Cut(string(all), "\r\n\r\n")
	if head += "\r\n"; strings.Contains(head, "\r\nTransfer-Encoding: chunked\r\n") {
		decoded, err := io.ReadAll(httputil.NewChunkedReader(strings.NewReader(body)))
		if err != nil {
			g.t.Fatalf("%.100q: %v", request, err)
		}
		body = string(decoded)
	}
	for varies.MatchString(head) { // neighbours share a line break
		head = varies.ReplaceAllString(head, "\r\n")
	}
	return head, body
}

// TestBothWaysAnswerTheSame: a request gets the same answer, field for field, whether it is served without net/http or by it. A
// first line that ends with LF alone is what makes the difference.
func TestBothWaysAnswerTheSame(t *testing.T) {
	g := newRig(t, "--cors", "http://a.example")
	writer := g.dial()
	for i := range 200 {
		if err := writer.put(fmt.Sprintf("dir/sub/k%d", i), 1000); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.put("one", 10); err != nil {
		t.Fatal(err)
	}
	form := func(body string) string {
		return fmt.Sprintf("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}
	const keys = "/v2/keys"
	for _, request := range []struct{ line, rest string }{
		{"GET " + keys, ""}, {"GET " + keys + "/", ""}, {"GET " + keys + "/one", ""}, {"HEAD " + keys + "/one", ""}, {"GET " + keys + "/dir", ""},
		{"GET " + keys + "/dir?recursive=true&sorted=true", ""}, {"HEAD " + keys + "/dir?recursive=true", ""}, {"GET " + keys + "/one?quorum=true", ""},
		{"GET " + keys + "/none", ""}, {"HEAD " + keys + "/none", ""}, {"GET " + keys + "/one?recursive=maybe", ""}, {"GET " + keys + "/a%2fb%20c", ""},
		{"GET " + keys + "/one?%zz", ""}, {"GET " + keys + "//one", ""}, {"GET " + keys + "/dir/../one?a=b", ""}, {"GET /v2/keysx", ""}, {"GET /", ""},
		{"GET " + keys + "/one?wait=true&waitIndex=1", ""}, {"GET " + keys + "/dir?wait=true&recursive=true&waitIndex=7", ""}, {"HEAD " + keys + "/one?wait=true", ""},
		{"PUT " + keys + "/one?prevValue=other", form("value=x")}, {"PUT " + keys + "/one?prevExist=false", form("value=x")}, {"PUT " + keys + "/dir", form("value=x")},
		{"PUT " + keys + "/one?ttl=x", form("value=x")}, {"PUT " + keys, form("value=x")}, {"PUT " + keys + "/one?prevIndex=1", form("value=" + strings.Repeat("x", 30_000))},
		{"PUT " + keys + "/one?prevExist=false", "Content-Type: text/plain\r\nContent-Length: 1\r\n\r\nx"}, {"PUT " + keys + "/one?prevExist=false", "Content-Type: ;\r\nContent-Length: 1\r\n\r\nx"},
		{"POST " + keys + "/one", form("value=x")}, {"POST /v2/members", "Content-Type: application/json\r\nContent-Length: 1\r\n\r\n{"}, {"POST /version", form("a")},
		{"DELETE " + keys + "/none", ""}, {"DELETE " + keys + "/dir", ""}, {"DELETE " + keys + "/one?prevValue=y", ""}, {"OPTIONS " + keys + "/one", ""}, {"OPTIONS /x", ""},
		{"GET " + keys + "/one", "Origin: http://a.example\r\n\r\n"}, {"GET " + keys + "/one", "Origin: http://b.example\r\n\r\n"}, {"GET " + keys + "/one", "Authorization: Basic x\r\n\r\n"},
		{"GET /version", ""}, {"GET /health", ""}, {"HEAD /health", ""}, {"GET /v2/machines", ""}, {"GET /v2/members", ""}, {"GET /v2/members/leader", ""}, {"PUT /v2/machines", ""},
		{"GET /v2/auth/enable", ""}, {"GET /v2/auth/users", ""}, {"GET /v2/stats/none", ""}, {"GET /debug/none", ""}, {"PUT /config/local/log", "Content-Length: 2\r\n\r\n{}"},
	} {
		if request.rest == "" {
			request.rest = "\r\n"
		}
		text := request.line + host + "Connection: close\r\n" + request.rest
		head, body := g.whole(text)
		theirHead, theirBody := g.whole(strings.Replace(text, "\r\n", "\n", 1))
		if head != theirHead || body != theirBody {
			t.Errorf("%s:\n%q %.500q, by net/http\n%q %.500q", request.line, head, body, theirHead, theirBody)
		}
		if !strings.HasPrefix(head, "HTTP/1.1 ") {
			t.Errorf("%s: %q", request.line, head)
		}
	}
}
