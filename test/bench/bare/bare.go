// Package bare has servers that do nothing but answer: what they cost, every server has to pay. They understand as much of HTTP
// as `pando bench` speaks: each read from a connection is a request.
package bare

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
)

// The kinds of servers.
const (
	// NetHTTP is net/http with a handler of three lines.
	NetHTTP = "bare net/http"
	// Sockets reads and writes connections, each in a goroutine. It knows watches: all are answered by the next write.
	Sockets = "bare sockets"
)

const (
	node = `"node":{"key":"/bench/keys/0000000","value":"` + value + `","modifiedIndex":7,"createdIndex":7}`
	// value has a hundred bytes, as those of the benchmarks.
	value  = "vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv"
	answer = `{"action":"get",` + node + "}\n"
	event  = `{"action":"set",` + node + "}\n"
	fields = "Content-Type: application/json\r\nX-Etcd-Cluster-Id: 7e27652122e8b2ae\r\nX-Etcd-Index: 7\r\nX-Raft-Index: 10\r\nX-Raft-Term: 2\r\n" +
		"Date: Wed, 25 Nov 2026 12:00:00 GMT\r\n"
)

// Serve runs a server of a kind on a port that the system chooses, tells its address to out, and ends when in does.
func Serve(kind string, in io.Reader, out io.Writer) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		<-ctx.Done()
		l.Close()
	})
	wg.Go(func() {
		_, _ = io.Copy(io.Discard, in)
		cancel()
	})
	defer wg.Wait()
	fmt.Fprintln(out, l.Addr())
	if kind == NetHTTP {
		err = http.Serve(l, http.HandlerFunc(serveHTTP))
	} else {
		err = new(sockets).serve(l)
	}
	if ctx.Err() != nil {
		return nil
	}
	cancel()
	return err
}

func serveHTTP(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Etcd-Cluster-Id", "7e27652122e8b2ae")
	h.Set("X-Etcd-Index", "7")
	h.Set("X-Raft-Index", "10")
	h.Set("X-Raft-Term", "2")
	_, _ = io.WriteString(w, answer)
}

// sockets is the server of connections. Its goroutines end with the process.
type sockets struct {
	mu       sync.Mutex
	watchers []net.Conn
	watching atomic.Bool
}

var (
	plain   = fmt.Appendf(nil, "HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s", fields, len(answer), answer)
	begun   = []byte("HTTP/1.1 200 OK\r\n" + fields + "Transfer-Encoding: chunked\r\n\r\n")
	ended   = fmt.Appendf(nil, "%x\r\n%s\r\n0\r\n\r\n", len(event), event)
	waiting = []byte("wait=true")
	put     = []byte("PUT ")
)

func (s *sockets) serve(l net.Listener) error {
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go s.answer(c)
	}
}

func (s *sockets) answer(c net.Conn) {
	defer c.Close()
	buf := make([]byte, 1024)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		request := buf[:n]
		if line, _, _ := bytes.Cut(request, []byte("\r\n")); bytes.Contains(line, waiting) {
			err = s.watch(c)
		} else {
			_, err = c.Write(plain)
		}
		if err != nil {
			return
		}
		if s.watching.Load() && bytes.HasPrefix(request, put) {
			s.tell()
		}
	}
}

// watch begins the answer to a watch. Nobody tells it anything before.
func (s *sockets) watch(c net.Conn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watchers = append(s.watchers, c)
	s.watching.Store(true)
	_, err := c.Write(begun)
	return err
}

func (s *sockets) tell() {
	s.mu.Lock()
	told := s.watchers
	s.watchers = nil
	s.mu.Unlock()
	for _, c := range told {
		_, _ = c.Write(ended)
	}
}
