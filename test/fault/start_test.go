package fault

import (
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"pando/test/fault/keys"
	"pando/test/server"
)

// Two processes on one directory would destroy it: the second is refused, the first does not notice.
func TestSecondProcess(t *testing.T) {
	s, c := server.Start(t, server.Options{}), content{}
	index := c.fill(t, s, 5)
	second := server.Launch(t, server.Options{Dir: s.Dir})
	status := exitStatus(second.Wait(patience))
	sentence(t, second.Log(), status, "ERROR", s.Dir, "locked by another process")
	index = max(index, c.fill(t, s, 5))
	s.Kill()
	c.served(t, restart(t, s), index)
}

// SIGTERM ends the process by that signal, with everything on disk and nothing to repair.
func TestSIGTERM(t *testing.T) {
	s, c := server.Start(t, server.Options{}), content{}
	index := c.fill(t, s, 5)
	s.Signal(syscall.SIGTERM)
	var exit *exec.ExitError
	if err := s.Wait(patience); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
		t.Errorf("ended with %v", err)
	}
	said(t, s.Log(), "INFO", "received terminated signal, shutting down...")
	said(t, s.Log(), "INFO", "everything that was acknowledged is on disk")
	again := restart(t, s)
	c.served(t, again, index)
	if strings.Contains(again.Log(), "torn") {
		t.Errorf("something had to be repaired:\n%s", again.Log())
	}
}

// A directory of etcd 2.0 has its parts one level higher.
func TestOldLayout(t *testing.T) {
	s, c, index := withSnapshots(t)
	member := filepath.Join(s.Dir, "member")
	for _, name := range []string{"wal", "snap"} {
		if err := os.Rename(filepath.Join(member, name), filepath.Join(s.Dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(member); err != nil {
		t.Fatal(err)
	}
	again := restart(t, s)
	c.served(t, again, index)
	said(t, again.Log(), "INFO", "etcd 2.0", filepath.Join(member, "wal"))
	again.Kill()
	c.served(t, restart(t, again), index)
}

// A proxy whose list of members is damaged, and a directory that two claim.
func TestProxyDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.MkdirAll(filepath.Join(dir, "proxy"), 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "proxy", "cluster")
	create(t, file, []byte(`{"PeerURLs":["http://127.0.0.1:2380"`))
	refused(t, dir, "ERROR", file, "Remove the file to begin again")
	if err := os.MkdirAll(filepath.Join(dir, "member"), 0o700); err != nil {
		t.Fatal(err)
	}
	refused(t, dir, "ERROR", dir, "Both member and proxy directories exist")
}

// An address that somebody else has, and that was asked for by name.
func TestNamedPortBusy(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	addr := busy.Addr().String()
	for kind, o := range map[string]server.Options{"client": {Client: addr}, "peer": {Peer: addr}} {
		t.Run(kind, func(t *testing.T) {
			o.Dir = filepath.Join(t.TempDir(), "data")
			s := server.Launch(t, o)
			status := exitStatus(s.Wait(patience))
			sentence(t, s.Log(), status, "ERROR", addr, "address already in use")
			if listing(t, o.Dir) != "" {
				t.Errorf("it left a directory:\n%s", listing(t, o.Dir))
			}
		})
	}
}

// An index is never given twice, whatever way the server ended in between.
func TestIndexGrowsOverRestarts(t *testing.T) {
	s, c := server.Start(t, server.Options{}), content{}
	index := c.fill(t, s, 1)
	for n := range 4 {
		if n%2 == 0 {
			s.Kill()
		} else if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
		s = restart(t, s)
		if got := do(t, s, http.MethodGet, keys.Path("/")).Index; got != index+1 { // its own publishing
			t.Errorf("restart %d: X-Etcd-Index %d after %d", n+1, got, index)
		}
		index = c.fill(t, s, 1)
	}
}

// A lone member on a small directory is to serve within 300 ms of its start (server design): see ms/start.
func BenchmarkStart(b *testing.B) {
	first := server.Start(b, server.Options{})
	dir := first.Dir
	first.Kill()
	for b.Loop() {
		s := server.Start(b, server.Options{Dir: dir})
		b.StopTimer()
		s.Kill()
		b.StartTimer()
	}
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/start")
}
