package httpapi

import (
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
)

// With HTTP/2 a client sends a header a thousand times in as many bytes. A watch does not keep what it becomes here.
func TestAWatchKeepsNoHeaders(t *testing.T) {
	g := newRig(t, Options{})
	port := httptest.NewUnstartedServer(g.handler)
	port.EnableHTTP2 = true
	port.StartTLS()
	defer port.Close()

	const watches = 50
	cookie := strings.Repeat(strings.Repeat("c", 4000)+"; ", 200)
	before := heap()
	for range watches {
		r, err := http.NewRequestWithContext(t.Context(), "GET", port.URL+"/v2/keys/a?wait=true", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Cookie", cookie)
		resp, err := port.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if resp.ProtoMajor != 2 || resp.StatusCode != 200 {
			t.Fatal(resp.Proto, resp.Status)
		}
		defer func() { _, _ = io.Copy(io.Discard, resp.Body) }()
	}
	if grown := heap() - before; grown > int64(watches*len(cookie)/4) {
		t.Errorf("%d bytes more for %d watches", grown, watches)
	}
	g.do("PUT", "/v2/keys/a", "value=1")
}

// heap is how many bytes are in use.
func heap() int64 {
	runtime.GC()
	runtime.GC() // what a sync.Pool had goes with the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
