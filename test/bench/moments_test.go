package bench

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"
)

// BenchmarkExpiry is how long after its time a key is gone: a hundred keys whose
// times are spread over a second, seen by a stream.
func BenchmarkExpiry(b *testing.B) {
	addr := startServer(b)
	answer, err := http.Get("http://" + addr + "/v2/keys/lease?wait=true&recursive=true&stream=true")
	if err != nil {
		b.Fatal(err)
	}
	defer answer.Body.Close()
	c, err := dial(addr)
	if err != nil {
		b.Fatal(err)
	}
	defer c.close()
	const keys = 100
	pace := time.NewTicker(10 * time.Millisecond)
	defer pace.Stop()
	for i := range keys {
		<-pace.C
		if err := c.put(fmt.Sprintf("/lease/%d", i), []byte("value=x&ttl=1")); err != nil {
			b.Fatal(err)
		}
	}
	var l latencies
	lines := bufio.NewScanner(answer.Body)
	for len(l.all) < keys && lines.Scan() {
		var e struct {
			Action   string
			PrevNode struct{ Expiration time.Time }
		}
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			b.Fatal(err)
		}
		if e.Action == "expire" {
			l.all = append(l.all, time.Since(e.PrevNode.Expiration))
		}
	}
	l.report(b, "late")
}
