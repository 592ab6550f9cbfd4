package hostile

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
)

// TestMemoryUnderAttack measures the most memory that the process ever had while everything hostile goes on at once: heads that
// never end, short ones and long ones with as many headers as fit, bodies that are announced and never come, bodies of all
// kinds that never end, watches with long heads, idle connections, listings that nobody reads, and the peer port.
func TestMemoryUnderAttack(t *testing.T) {
	g := newRig(t)
	writer := g.dial()
	for i := range 30 {
		if err := writer.put(fmt.Sprintf("dir/k%d", i), 100_000); err != nil {
			t.Fatal(err)
		}
	}
	idle := g.memory("VmHWM")
	headers := func(bytes int) string { // distinct ones cost most
		var b strings.Builder
		for i := 0; b.Len() < bytes; i++ {
			fmt.Fprintf(&b, "%x:\r\n", i)
		}
		return b.String()
	}
	short, long := headers(3_000), headers(1_000_000)
	unread := "GET /v2/keys/dir?recursive=true" + host + "\r\n"
	announced := "PUT /v2/keys/k" + host + form + "Content-Length: 10000000\r\n\r\nvalue=" + strings.Repeat("v", 100_000)
	endless := "PUT /v2/keys/k" + host + form + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("10000\r\n"+strings.Repeat("v", 1<<16)+"\r\n", 500)
	var all sync.WaitGroup
	for _, attack := range []struct {
		name, url, bytes string
		connections      int
	}{
		{"idle", g.Endpoint, "", 1000},
		{"slow heads", g.Endpoint, "GET /v2/keys" + host + "X: y", 500},
		{"slow heads with headers", g.Endpoint, "GET /v2/keys" + host + short, 500},
		{"slow long heads", g.Endpoint, "GET /v2/keys" + host + long, 50},
		{"watches with long heads", g.Endpoint, "GET /v2/keys/w?wait=true" + host + long + "\r\n", 50},
		{"watches with long queries", g.Endpoint, "GET /v2/keys/w?wait=true&x=" + strings.Repeat("x", 1_000_000) + host + "\r\n", 50},
		{"announced bodies", g.Endpoint, announced, 100},
		{"endless bodies", g.Endpoint, endless, 20},
		{"unread listings", g.Endpoint, strings.Repeat(unread, 100), 50},
		{"slow heads of peers", g.Peer, "POST /raft" + host + short, 50},
		{"long heads of peers", g.Peer, "POST /raft" + host + long, 50},
	} {
		for range attack.connections {
			c, err := dialTo(attack.url)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.Close() })
			all.Go(func() { _, _ = io.WriteString(c, attack.bytes) }) // as much as is taken
		}
	}
	all.Wait()
	if status := g.ask("GET /v2/keys/dir" + host + "\r\n"); status != 200 {
		t.Error("others are not served:", status)
	}
	grown := g.memory("VmHWM") - idle
	t.Logf("%d MiB above the %d MiB of an idle server", grown, idle)
	if grown > 300 {
		t.Errorf("%d MiB more", grown)
	}
}
