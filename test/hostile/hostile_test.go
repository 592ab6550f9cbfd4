package hostile

import (
	"fmt"
	"strings"
	"testing"
)

const (
	host = " HTTP/1.1\r\nHost: h\r\n"
	form = "Content-Type: application/x-www-form-urlencoded\r\n"
)

// Bodies that are announced, that never end or that are too long take no memory to speak of.
func TestBodiesTakeBoundedMemory(t *testing.T) {
	g := newRig(t)
	before := g.rss()
	for i := range 200 {
		g.dial().send(fmt.Sprintf("PUT /v2/keys/k%d", i) + host + form + "Content-Length: 1073741824\r\n\r\nvalue=")
	}
	chunk := "10000\r\n" + strings.Repeat("v", 1<<16) + "\r\n"
	endless := "PUT /v2/keys/k" + host + "Transfer-Encoding: chunked\r\n"
	for _, kind := range []string{form, "", "Content-Type: text/plain\r\n"} {
		c := g.dial()
		c.send(endless + kind + "\r\n")
		c.send(strings.Repeat(chunk, 2000)) // 125 MiB, or until it is cut
	}
	many := strings.Repeat("k&", 1_000_000)
	if status := g.ask("PUT /v2/keys/k" + host + form + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(many)) + many); status != 400 {
		t.Error("a million parameters:", status)
	}
	if status := g.ask("GET /v2/keys" + strings.Repeat("/a", 100_000) + host + "\r\n"); status != 404 {
		t.Error("100,000 elements:", status)
	}
	if grown := g.rss() - before; grown > 150 {
		t.Error(grown, "MiB more")
	}
}

// Idle connections and watches cost little, and are let go of when their clients leave.
func TestThousandsOfConnections(t *testing.T) {
	const n = 2000
	g := newRig(t)
	memory, sockets := g.rss(), g.sockets()
	clients := make([]*client, n)
	for i := range clients {
		clients[i] = g.dial()
		clients[i].send(fmt.Sprintf("GET /v2/keys/k%d?wait=true", i) + host + "\r\n")
	}
	for _, c := range clients {
		if status := c.status(); status != 200 {
			t.Fatal(status)
		}
	}
	if grown := g.rss() - memory; grown > n/20 { // 50 KiB each
		t.Error(grown, "MiB more")
	}
	for _, c := range clients {
		c.Close()
	}
	eventually(t, "the connections are closed", func() bool { return g.sockets() <= sockets })
}

// A watch with a body that nobody reads ends with its client, too.
func TestWatchesWithBodiesEndWithTheirClients(t *testing.T) {
	g := newRig(t)
	sockets := g.sockets()
	for _, rest := range []string{
		"Content-Length: 300000\r\n\r\n",
		"Content-Length: 300000\r\n\r\n" + strings.Repeat("x", 300_000),
		"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n",
	} {
		for range 10 {
			c := g.dial()
			c.send("GET /v2/keys/k?wait=true" + host + rest)
			c.Close()
		}
	}
	eventually(t, "the connections are closed", func() bool { return g.sockets() <= sockets })
}

// The removal of deep directories that are watched holds nobody up.
func TestARemovalOfDeepWatchedDirectories(t *testing.T) {
	const n = 200
	g := newRig(t)
	key := func(i int) string { return fmt.Sprintf("/v2/keys/deep/%d", i) + strings.Repeat("/a", 3900) }
	var watches []*client
	for i := range n {
		if status := g.ask("PUT " + key(i) + host + form + "Content-Length: 7\r\n\r\nvalue=x"); status != 201 {
			t.Fatal(status)
		}
		c := g.dial()
		c.send("GET " + key(i) + "?wait=true" + host + "\r\n")
		watches = append(watches, c)
	}
	for _, c := range watches {
		if status := c.status(); status != 200 {
			t.Fatal(status)
		}
	}
	if status := g.ask("DELETE /v2/keys/deep?recursive=true" + host + "\r\n"); status != 200 {
		t.Error(status)
	}
}
