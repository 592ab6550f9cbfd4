package hostile

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"pando/test/server"
)

// rig is a server that is under attack.
type rig struct {
	*server.Server
	t *testing.T
}

func newRig(t *testing.T, flags ...string) *rig {
	return &rig{server.Start(t, server.Options{Args: flags}), t}
}

// rss is the resident memory of the process in MiB.
func (g *rig) rss() int {
	g.t.Helper()
	return g.memory("VmRSS")
}

// memory is that of the process in MiB, as it is now (VmRSS) or at its most (VmHWM).
func (g *rig) memory(kind string) int {
	g.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", g.PID()))
	if err != nil {
		g.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), kind+":")
	var kib int
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		g.t.Fatal(err)
	}
	return kib >> 10
}

// sockets is how many the process has open.
func (g *rig) sockets() int {
	g.t.Helper()
	dir := fmt.Sprintf("/proc/%d/fd", g.PID())
	files, err := os.ReadDir(dir)
	if err != nil {
		g.t.Fatal(err)
	}
	n := 0
	for _, f := range files {
		// A file that is gone by now is no socket.
		if to, err := os.Readlink(dir + "/" + f.Name()); err == nil && strings.HasPrefix(to, "socket:") {
			n++
		}
	}
	return n
}

// patience bounds every wait for something that should come soon.
const patience = 30 * time.Second

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	const poll = 20 * time.Millisecond
	late := time.After(patience)
	next := time.NewTicker(poll)
	defer next.Stop()
	for !holds() {
		select {
		case <-next.C:
		case <-late:
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// client is one connection.
type client struct {
	net.Conn
	r *bufio.Reader
	t *testing.T
}

func (g *rig) dial() *client {
	g.t.Helper()
	c, err := dialTo(g.Endpoint)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { c.Close() })
	return &client{c, bufio.NewReader(c), g.t}
}

// dialTo connects to one of the two ports for a minute.
func dialTo(url string) (net.Conn, error) {
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err == nil {
		err = c.SetDeadline(time.Now().Add(time.Minute))
	}
	return c, err
}

// send writes a request, or as much of it as the server takes.
func (c *client) send(s string) { _, _ = io.WriteString(c, s) }

// status reads the head of an answer.
func (c *client) status() int {
	c.t.Helper()
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	return resp.StatusCode
}

// ask sends a request on a connection of its own and returns the status of its answer.
func (g *rig) ask(request string) int {
	g.t.Helper()
	c := g.dial()
	defer c.Close()
	c.send(request)
	return c.status()
}
