package proxy

import (
	"context"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"pando/fsys"
)

// logged keeps what an HTTP server complains about.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// FuzzRequest sends bytes to a proxy's port. Nothing makes it panic, and it always answers or hangs up.
func FuzzRequest(f *testing.F) {
	backend := httptest.NewServer(nil) // 404, whatever comes
	defer backend.Close()
	p, err := New(f.Context(), Config{
		FS: fsys.OS, DataDir: f.TempDir(), Logger: zap.NewNop(), RefreshInterval: time.Minute, DialTimeout: time.Second,
		Ask: func(context.Context, string) (Cluster, error) {
			return Cluster{ID: 1, PeerURLs: []string{"peer"}, ClientURLs: []string{backend.URL}}, nil
		},
		Bootstrap: func(context.Context) ([]string, error) { return []string{"peer"}, nil },
	})
	if err != nil {
		f.Fatal(err)
	}
	p.pace = time.Second
	var complaints logged
	port := httptest.NewUnstartedServer(p)
	port.Config.ErrorLog = log.New(&complaints, "", 0)
	port.Start()
	f.Cleanup(func() {
		port.Close()
		p.Close()
	})
	for _, text := range []string{
		"GET /v2/keys/a HTTP/1.1\r\nHost: x\r\n\r\n",
		"PUT /v2/keys/a HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\nvalue=1",
		"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
		"GET http://other:1/%zz;?a=%zz HTTP/1.0\r\nConnection: Upgrade, X-Forwarded-For\r\nUpgrade: h2c\r\n\r\n",
		"CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "GET * HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /v2/config/local/proxy HTTP/1.1\r\nHost: x\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"GET /?wait HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := net.Dial("tcp", port.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		_, _ = c.Write(text) // it may hang up before the end
		_ = c.(*net.TCPConn).CloseWrite()
		if _, err := io.Copy(io.Discard, c); err != nil && strings.Contains(err.Error(), "timeout") {
			t.Errorf("neither answered nor hung up: %q", text)
		}
		complaints.mu.Lock()
		defer complaints.mu.Unlock()
		if strings.Contains(complaints.text.String(), "panic") {
			t.Error(complaints.text.String())
		}
	})
}
