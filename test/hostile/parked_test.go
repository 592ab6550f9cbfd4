package hostile

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// watchers is how many watches the server knows of.
func (g *rig) watchers() int {
	g.t.Helper()
	resp, err := http.Get(g.Endpoint + "/v2/stats/store")
	if err != nil {
		g.t.Fatal(err)
	}
	defer resp.Body.Close()
	var stats struct{ Watchers int }
	if err := json.NewDecoder(resp.Body).Decode(&stats); err != nil {
		g.t.Fatal(err)
	}
	return stats.Watchers
}

// watch begins n watches of the crowd's key, each on a connection of its own.
func (g *rig) watch(n int, parameters string) []*client {
	g.t.Helper()
	clients := make([]*client, n)
	for i := range clients {
		clients[i] = g.dial()
		clients[i].send("GET /v2/keys/crowd?wait=true" + parameters + host + "\r\n")
	}
	for _, c := range clients {
		if status := c.status(); status != 200 {
			g.t.Fatal(status)
		}
	}
	return clients
}

// Watches cost little while they wait. When half of the clients go away, in every way there is, their watches end, and the others are told.
// All their connections are good for the next request.
func TestHalfOfTheWatchersGoAway(t *testing.T) {
	const n = 2000
	g := newRig(t)
	for _, c := range g.watch(100, "") { // what is allocated once, is
		c.Close()
	}
	eventually(t, "the first have left", func() bool { return g.watchers() == 0 })
	memory, sockets := g.rss(), g.sockets()
	clients := g.watch(n, "")
	grown := g.rss() - memory
	t.Logf("%d MiB more for %d watches", grown, n)
	if grown > n*10>>10 { // 10 KiB each, where a goroutine and its buffers took 25
		t.Error("that is too much")
	}
	var stay []*client
	for i, c := range clients {
		tcp := c.Conn.(interface {
			CloseWrite() error
			SetLinger(int) error
		})
		switch i % 8 {
		case 0:
			c.Close()
		case 1:
			_ = tcp.SetLinger(0)
			c.Close()
		case 2:
			_ = tcp.CloseWrite()
		case 3:
			c.send("GET /v2/keys/early" + host + "\r\n")
			_ = tcp.SetLinger(0)
			c.Close()
		default:
			stay = append(stay, c)
		}
	}
	eventually(t, "half of them have left", func() bool { return g.watchers() == len(stay) })
	if status := g.ask("PUT /v2/keys/crowd" + host + form + "Content-Length: 7\r\n\r\nvalue=x"); status != 201 {
		t.Fatal(status)
	}
	for _, c := range stay {
		size, rest := 0, ""
		if _, err := fmt.Fscanf(c.r, "%x\r\n", &size); err != nil {
			t.Fatal(err)
		}
		event := make([]byte, size)
		if _, err := io.ReadFull(c.r, event); err != nil || !strings.Contains(string(event), `"action":"set"`) {
			t.Fatalf("%q, %v", event, err)
		}
		for range 3 {
			line, err := c.r.ReadString('\n')
			if rest += line; err != nil {
				t.Fatal(err)
			}
		}
		if rest != "\r\n0\r\n\r\n" {
			t.Fatalf("%q", rest)
		}
		c.send("GET /v2/keys/crowd" + host + "Connection: close\r\n\r\n")
	}
	for _, c := range stay {
		if status := c.status(); status != 200 {
			t.Fatal(status)
		}
	}
	if n := g.watchers(); n != 0 {
		t.Errorf("%d watches are left", n)
	}
	for _, c := range clients {
		c.Close()
	}
	eventually(t, "the connections are closed", func() bool { return g.sockets() <= sockets+1 })
}

// Streams whose clients do not read hold up neither writers, nor those who read, nor the end of the server.
func TestStreamsThatNobodyReads(t *testing.T) {
	g := newRig(t)
	deaf, waiting := g.watch(100, "&stream=true"), g.watch(100, "&waitIndex=1000000")
	reads := g.watch(1, "&stream=true")[0]
	heard := make(chan int, 1)
	const events, size = 60, 200_000
	go func() {
		n := int64(0)
		for n < events*size {
			m, err := io.CopyN(io.Discard, reads.r, 1<<16)
			if n += m; err != nil {
				break
			}
		}
		heard <- int(n)
	}()
	writer := g.dial()
	for range events {
		if err := writer.put("crowd", size); err != nil {
			t.Fatal(err)
		}
	}
	if n := <-heard; n < events*size {
		t.Errorf("who reads got %d bytes", n)
	}
	for _, c := range deaf[:50] {
		c.Close()
	}
	eventually(t, "who left has left", func() bool { return g.watchers() <= 50+len(waiting)+1 })
	if err := g.Stop(); err != nil {
		t.Error(err)
	}
}
