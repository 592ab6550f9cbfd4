package server

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
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

// handedOut are the ports that this process has got, with the files that keep other test processes from getting them, too. They
// are open, and locked, until the process ends.
var handedOut = struct {
	sync.Mutex
	ports map[int]*os.File
}{ports: map[int]*os.File{}}

// reserve takes a port for this test process, if none has it: servers are restarted on their port, which is free meanwhile.
func reserve(port int) *os.File {
	dir := filepath.Join(os.TempDir(), "pando-test-ports")
	if os.MkdirAll(dir, 0o777) != nil {
		return nil
	}
	f, err := os.OpenFile(filepath.Join(dir, strconv.Itoa(port)), os.O_CREATE|os.O_RDWR|syscall.O_CLOEXEC, 0o666)
	if err != nil {
		return nil
	}
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		f.Close()
		return nil
	}
	return f
}

// FreeAddr returns a host:port of the loopback interface that nobody listens on. Each is given only once, to all the test
// processes that run at a time.
func FreeAddr(t testing.TB) string {
	t.Helper()
	handedOut.Lock()
	defer handedOut.Unlock()
	for range 1000 {
		port := lowPort + rand.IntN(highPort-lowPort)
		if handedOut.ports[port] != nil {
			continue
		}
		lock := reserve(port)
		if lock == nil {
			continue
		}
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			lock.Close()
			continue
		}
		addr := l.Addr().String()
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		handedOut.ports[port] = lock
		return addr
	}
	t.Fatal("no free port on the loopback interface")
	return ""
}
