package httpapi

import (
	"bufio"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"
)

// A watch may last for ever, so it has to be noticed that its client has gone, whatever the client sent along.
func TestAWatcherThatHasGoneIsNoticed(t *testing.T) {
	long := strings.Repeat("x", 300_000)
	for name, rest := range map[string]string{
		"long body":         "Content-Length: 300000\r\n\r\n" + long,
		"long body in one":  "Transfer-Encoding: chunked\r\n\r\n493e0\r\n" + long + "\r\n0\r\n\r\n",
		"body that is owed": "Content-Length: 300000\r\n\r\n",
		"asks first":        "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			withPatience(t, func(t *testing.T, g *rig, dial func() *client) {
				c := dial()
				sent := make(chan struct{})
				go func() {
					defer close(sent)
					_, _ = c.Write([]byte("GET /v2/keys/k?wait=true HTTP/1.1\r\nHost: h\r\n" + rest))
				}()
				read := make(chan struct{})
				go func() {
					defer close(read)
					_, _ = http.ReadResponse(c.r, nil)
				}()
				pass(time.Second)
				c.Close()
				<-sent
				<-read
				pass(time.Second)
				if n := g.store.Hub().Watchers(); n != 0 {
					t.Error(n, "watchers wait for a client that is not there")
				}
			})
		})
	}
}

func TestALongBodyOfAWatchIsRefused(t *testing.T) {
	c := dial(t, newRig(t, Options{}).listen(t))
	go func() {
		_, _ = c.Write([]byte("GET /v2/keys/k?wait=true HTTP/1.1\r\nHost: h\r\nContent-Length: 1073741824\r\n\r\n" + strings.Repeat("x", 2*maxDiscard)))
	}()
	checkRefused(t, c.answer("GET"), 400, 210, "http: POST too large")
}

// Long events are not encoded once for all: six bytes for each one of a value would stay as long as the history.
func TestLongEventsAreKeptAsTheyAre(t *testing.T) {
	const events, size = 30, 200_000
	g := newRig(t, Options{})
	c := dial(t, g.listen(t))
	resp := c.get("/v2/keys/k?wait=true&stream=true")
	lines := bufio.NewReader(resp.Body)
	value := strings.Repeat("%01", size)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range events {
		want := g.do("PUT", "/v2/keys/k", fmt.Sprintf("value=%d", i)+value).Body.String()
		if got := line(t, lines); got != want {
			t.Fatalf("event %d is %d bytes long and differs from the answer of %d bytes", i, len(got), len(want))
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 4*events*size {
		t.Errorf("%d MB more for %d MB of values", grown/1e6, events*size/1_000_000)
	}
}
