package server

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// poll is how often a server that is starting is asked whether it serves.
const poll = 20 * time.Millisecond

// Ready waits until the server serves the keys of a cluster with a settled version. The error says what was missing,
// or that the process has ended.
func (s *Server) Ready(timeout time.Duration) error {
	late := time.NewTimer(timeout)
	defer late.Stop()
	if s.Endpoint == "" {
		select {
		case s.Endpoint = <-s.log.bound:
		case <-s.ended:
			return fmt.Errorf("%s ended before it served: %v", s.cmd.Path, s.err)
		case <-late.C:
			return fmt.Errorf("%s did not tell within %v where it serves clients", s.cmd.Path, timeout)
		}
	}
	next := time.NewTicker(poll)
	defer next.Stop()
	for {
		err := s.serves()
		if err == nil {
			return nil
		}
		select {
		case <-next.C:
		case <-s.ended:
			return fmt.Errorf("%s ended before it served: %v", s.cmd.Path, s.err)
		case <-late.C:
			return fmt.Errorf("%s did not serve within %v: %w", s.cmd.Path, timeout, err)
		}
	}
}

// serves says why the server cannot be used yet.
func (s *Server) serves() error {
	body, err := s.get(s.Endpoint + "/version")
	if err != nil {
		return err
	}
	var version struct{ Etcdcluster string }
	if err := json.Unmarshal(body, &version); err != nil {
		return fmt.Errorf("/version: %w", err)
	}
	if !strings.Contains(version.Etcdcluster, ".") { // "not_decided"
		return fmt.Errorf("the cluster version is %q", version.Etcdcluster)
	}
	_, err = s.get(s.Endpoint + "/v2/keys/?quorum=true")
	return err
}

// get fetches a page that must be there. A server that asks for a password (its auth is on) is there too.
func (s *Server) get(url string) ([]byte, error) {
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: s.tls}}
	resp, err := client.Get(url)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusUnauthorized {
		return nil, fmt.Errorf("GET %s: %s", url, resp.Status)
	}
	return io.ReadAll(io.LimitReader(resp.Body, 64<<20))
}

// The ports that FreeAddr chooses among lie below those that the kernel gives to outgoing connections, so that no
// connection can take one between the choice and its use.
const lowPort, highPort = 10000, 32000

var handedOut = struct {
	sync.Mutex
	ports map[int]bool
}{ports: map[int]bool{}}

// FreeAddr returns a host:port of the loopback interface that nobody listens on. The test process gets each only once.
func FreeAddr(t testing.TB) string {
	t.Helper()
	handedOut.Lock()
	defer handedOut.Unlock()
	for range 1000 {
		port := lowPort + rand.IntN(highPort-lowPort)
		if handedOut.ports[port] {
			continue
		}
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		addr := l.Addr().String()
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		handedOut.ports[port] = true
		return addr
	}
	t.Fatal("no free port on the loopback interface")
	return ""
}
