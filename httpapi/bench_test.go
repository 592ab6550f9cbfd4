package httpapi

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// silent is a ResponseWriter that costs nothing, to see what the handler costs.
type silent struct{ header http.Header }

func (s *silent) Header() http.Header         { return s.header }
func (s *silent) Write(p []byte) (int, error) { return len(p), nil }
func (s *silent) WriteHeader(int)             {}

func benchmark(b *testing.B, g *rig, method, target, form string) {
	r, err := http.NewRequest(method, target, nil)
	if err != nil {
		b.Fatal(err)
	}
	if form != "" {
		r.Header.Set("Content-Type", formType)
		r.ContentLength = int64(len(form))
	}
	body := strings.NewReader(form)
	r.Body = io.NopCloser(body)
	w := &silent{http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		body.Reset(form)
		g.handler.ServeHTTP(w, r)
	}
}

func BenchmarkGet(b *testing.B) {
	g := newRig(b, Options{})
	g.do("PUT", "/v2/keys/some/key", "value="+strings.Repeat("v", 100))
	benchmark(b, g, "GET", "/v2/keys/some/key", "")
}

func BenchmarkPut(b *testing.B) {
	benchmark(b, newRig(b, Options{}), "PUT", "/v2/keys/some/key", "value="+strings.Repeat("v", 100))
}

func BenchmarkList(b *testing.B) {
	g := newRig(b, Options{})
	for i := range 10_000 {
		g.do("PUT", fmt.Sprintf("/v2/keys/d/%d", i), "value=some+value")
	}
	benchmark(b, g, "GET", "/v2/keys?recursive=true&sorted=true", "")
}

func BenchmarkParse(b *testing.B) {
	form := "value=" + strings.Repeat("v", 100) + "&ttl=30&prevIndex=123"
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parse("PUT", "/some/key", "", form, testTime); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSocketGet includes net/http, and a client on the same processor.
func BenchmarkSocketGet(b *testing.B) {
	g := newRig(b, Options{})
	g.do("PUT", "/v2/keys/some/key", "value="+strings.Repeat("v", 100))
	c := dial(b, g.listen(b))
	buf := make([]byte, 4096)
	b.ReportAllocs()
	for b.Loop() {
		c.send("GET /v2/keys/some/key HTTP/1.1\r\nHost: h\r\n\r\n")
		if n, err := c.Read(buf); err != nil || n < 100 {
			b.Fatal(n, err)
		}
	}
}
