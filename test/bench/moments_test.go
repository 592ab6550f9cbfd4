package bench

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"pando/test/server"
)

// BenchmarkStart is the time from the start of the process to its first answer
// about a key, on a directory with a few hundred keys.
func BenchmarkStart(b *testing.B) {
	s := server.Start(b, server.Options{})
	c, err := dial(s.Endpoint[len("http://"):])
	if err != nil {
		b.Fatal(err)
	}
	for i := range 500 {
		if err := c.put(fmt.Sprintf("/start/%d", i), []byte("value=x")); err != nil {
			b.Fatal(err)
		}
	}
	c.close()
	dir := s.Dir
	if err := s.Stop(); err != nil {
		b.Fatal(err)
	}
	var l latencies
	for range 20 {
		addr := server.FreeAddr(b)
		began := time.Now()
		s := server.Launch(b, server.Options{Dir: dir, Client: addr})
		for {
			c, err := dial(addr)
			if err != nil {
				continue // not listening yet
			}
			_, err = c.get("/start/1")
			c.close()
			if err == nil {
				break
			}
		}
		l.all = append(l.all, time.Since(began))
		s.Kill()
	}
	l.report(b, "start")
}

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
