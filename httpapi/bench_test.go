package httpapi

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"pando/eventhistory"
	"pando/store"
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
	body := &whole{}
	r.Body = body
	w := &silent{http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		body.rest = form
		g.handler.ServeHTTP(w, r)
	}
}

// whole is a body as package front has it.
type whole struct{ rest string }

func (w *whole) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
func (w *whole) Close() error             { return nil }

func (w *whole) Whole() (all string) {
	all, w.rest = w.rest, ""
	return all
}

// sizes are those between which a GET and a PUT must not get dearer.
var sizes = []int{1000, 1_000_000}

func (g *rig) fill(keys int) {
	for i := range keys {
		g.store.Apply(1, 1, store.Command{Method: store.MethodPut, Path: fmt.Sprintf("/1/d%d/%d", i/1000, i), Val: strings.Repeat("v", 100)})
	}
	g.store.Publish(1, 1)
}

func BenchmarkGet(b *testing.B) {
	for _, keys := range sizes {
		g := newRig(b, Options{})
		g.fill(keys)
		b.Run(fmt.Sprintf("keys=%d", keys), func(b *testing.B) { benchmark(b, g, "GET", "/v2/keys/d0/500", "") })
	}
}

func BenchmarkPut(b *testing.B) {
	for _, keys := range sizes {
		g := newRig(b, Options{})
		g.fill(keys)
		b.Run(fmt.Sprintf("keys=%d", keys), func(b *testing.B) {
			benchmark(b, g, "PUT", "/v2/keys/d0/500", "value="+strings.Repeat("v", 100))
		})
	}
}

// BenchmarkEncode is the bytes of answers alone: of a write, and of a listing for each of its keys.
func BenchmarkEncode(b *testing.B) {
	value := "some value with \"quotes\" in it"
	b.Run("event", func(b *testing.B) {
		node := eventhistory.Node{Key: "/1/some/key", Value: &value, ModifiedIndex: 123_456, CreatedIndex: 123_456}
		e := encoder{buf: make([]byte, 0, 1<<10)}
		b.ReportAllocs()
		for b.Loop() {
			e.buf = e.buf[:0]
			e.event(&eventhistory.Event{Action: "set", Node: node, PrevNode: &node})
		}
	})
	b.Run("listing", func(b *testing.B) {
		const keys = 1000
		g := newRig(b, Options{})
		g.fill(keys)
		dir, _ := g.View().Lookup("/1/d0")
		e := encoder{buf: make([]byte, 0, 1<<20)}
		b.ReportAllocs()
		for b.Loop() {
			e.buf = e.buf[:0]
			e.get(dir, "/d0", true)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/keys, "ns/key")
	})
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

// BenchmarkSocketGet includes net/http, and a client on the same processor. In package front is what most requests go through.
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
