package proxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"pando/fsys"
)

// backend is a member's client port on a real socket that behaves as a test wants.
type backend struct {
	url string

	mu       sync.Mutex
	requests []string // as "PUT /v2/keys/a body", in the order in which they arrived whole
}

func (b *backend) seen() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.requests...)
}

// newBackend serves each request with answer, which gets the connection; it returns false to close it.
func newBackend(t *testing.T, answer func(c net.Conn, r *http.Request) bool) *backend {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &backend{url: "http://" + l.Addr().String()}
	var all sync.WaitGroup
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for c := range open {
			c.Close()
		}
		mu.Unlock()
		all.Wait()
	})
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open[c] = true
			mu.Unlock()
			all.Go(func() {
				defer c.Close()
				for in := bufio.NewReader(c); ; {
					r, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					body, err := io.ReadAll(r.Body)
					if err != nil {
						return
					}
					b.mu.Lock()
					b.requests = append(b.requests, strings.TrimSpace(fmt.Sprintf("%s %s %s", r.Method, r.RequestURI, body)))
					b.mu.Unlock()
					if !answer(c, r) {
						return
					}
				}
			})
		}
	})
	return b
}

func ok(c net.Conn, _ *http.Request) bool {
	_, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	return err == nil
}

// hangUp reads the whole request and breaks the connection.
func hangUp(net.Conn, *http.Request) bool { return false }

// nobody is a URL that nobody listens on.
func nobody(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String()
}

// cluster says who the members are.
type cluster struct {
	mu   sync.Mutex
	says map[string]Cluster // by peer URL; who is missing does not answer
}

func (c *cluster) ask(_ context.Context, url string) (Cluster, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	said, found := c.says[url]
	if !found {
		return said, errors.New("no answer")
	}
	return Cluster{said.ID, slices.Clone(said.PeerURLs), slices.Clone(said.ClientURLs)}, nil
}

func (c *cluster) set(url string, said *Cluster) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if said == nil {
		delete(c.says, url)
		return
	}
	c.says[url] = *said
}

// start starts a proxy on a real port, with these client URLs in this order.
func start(t *testing.T, change func(*Config), urls ...string) (*Proxy, string) {
	t.Helper()
	c := &cluster{says: map[string]Cluster{"peer": {ID: 1, PeerURLs: []string{"peer"}, ClientURLs: urls}}}
	cfg := Config{
		FS: fsys.OS, DataDir: t.TempDir(), Ask: c.ask, Logger: zap.NewNop(),
		Bootstrap:   func(context.Context) ([]string, error) { return []string{"peer"}, nil },
		FailureWait: time.Minute, RefreshInterval: time.Minute, DialTimeout: time.Second,
	}
	if change != nil {
		change(&cfg)
	}
	p, err := New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	port := httptest.NewServer(p)
	t.Cleanup(func() {
		p.StopWatches()
		port.Close()
		p.Close()
	})
	<-p.looked
	p.endpoints.mu.Lock()
	for i, e := range p.endpoints.all { // not by chance
		e.text, e.url = urls[i], mustParse(t, urls[i])
	}
	p.endpoints.mu.Unlock()
	return p, port.URL
}

// send sends a request on a connection of its own and returns status and body.
func send(t *testing.T, method, url, body string, header ...string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}
