// Package server runs servers as processes for tests: Pando as `go build` makes it, or a real etcd. A server belongs
// to a test, which ends it at the latest when the test ends; nothing of it stays behind but what is in its data
// directory, if the test chose one.
//
//	s := server.Start(t, server.Options{})
//	http.Get(s.Endpoint + "/v2/keys/")
//	s.Kill()                                        // as kill -9
//	s = server.Start(t, server.Options{Dir: s.Dir}) // on the same data
package server

import (
	"crypto/tls"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is how long a server may take to start, and to stop when it is told to.
const patience = 30 * time.Second

// Options say what to start. The zero value is Pando as a single member with a data directory of its own.
type Options struct {
	Binary string // "" is Pando, see Build; else the path of an etcd
	Dir    string // data directory; "" is a fresh one of the test's
	Name   string // of the member; "" is default

	// Client is the host:port to serve clients on. Left empty, the kernel chooses Pando's (it writes the address to
	// its log), and an etcd gets one that is free. Only a Client that was given can be advertised by Pando.
	Client string
	Peer   string // host:port to serve peers on; "" is a free one

	// TLS, if not nil, makes the client port https, and is how to connect to it; PeerTLS makes the peer port https. The
	// certificates are among Args.
	TLS     *tls.Config
	PeerTLS bool

	// Bootstrap are the flags by which it finds its cluster; nil is --initial-cluster with itself alone.
	Bootstrap []string
	Args      []string // further flags; they come last and so win
	Env       []string // further variables, NAME=value; of the test's own environment, ETCD_* and PANDO_* are left out
}

// Server is a process that was started. Its methods are called by the test's goroutine.
type Server struct {
	Endpoint string // URL for clients; known once the server is ready
	Peer     string // URL for peers
	Dir      string // data directory

	tls   *tls.Config
	cmd   *exec.Cmd
	log   *log
	ended chan struct{} // closed once the process is gone and its output read
	err   error         // how it ended; valid after ended
}

// Start starts a server and waits until it answers for its cluster: it has a leader and has settled the cluster
// version, so that no index is taken any more that no client asked for. It fails the test if that does not come about.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	s := Launch(t, o)
	if err := s.Ready(patience); err != nil {
		t.Fatalf("%v\n%s", err, s.Log())
	}
	return s
}

// Launch starts a server and waits for nothing: for one that is expected not to start, and for members of a cluster,
// which become ready together (see Ready).
func Launch(t testing.TB, o Options) *Server {
	t.Helper()
	pando := o.Binary == ""
	if pando {
		o.Binary = Build(t)
	}
	if o.Dir == "" {
		o.Dir = t.TempDir() + "/data"
	}
	if o.Peer == "" {
		o.Peer = FreeAddr(t)
	}
	s := &Server{Peer: scheme(o.PeerTLS) + o.Peer, Dir: o.Dir, tls: o.TLS, log: newLog(), ended: make(chan struct{})}
	if o.Client == "" && pando {
		o.Client = "127.0.0.1:0"
	} else {
		if o.Client == "" {
			o.Client = FreeAddr(t)
		}
		s.Endpoint = scheme(o.TLS != nil) + o.Client
	}
	if err := s.launch(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Kill()
		if t.Failed() {
			t.Logf("%s on %s wrote:\n%s", o.Binary, o.Dir, s.Log())
		}
	})
	return s
}

func scheme(secure bool) string {
	if secure {
		return "https://"
	}
	return "http://"
}

func (s *Server) launch(o Options) error {
	client := scheme(o.TLS != nil) + o.Client
	if o.Name == "" {
		o.Name = "default"
	}
	if o.Bootstrap == nil {
		o.Bootstrap = []string{"--initial-cluster", o.Name + "=" + s.Peer}
	}
	s.cmd = exec.Command(o.Binary, append(append([]string{
		"--name", o.Name, "--data-dir", o.Dir,
		"--listen-client-urls", client, "--advertise-client-urls", client,
		"--listen-peer-urls", s.Peer, "--initial-advertise-peer-urls", s.Peer,
	}, o.Bootstrap...), o.Args...)...)
	s.cmd.Env = append(environment(), o.Env...)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	// A test process that is killed takes its servers with it.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		return err
	}
	go func() {
		s.err = s.cmd.Wait()
		close(s.ended)
	}()
	return nil
}

func environment() []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "ETCD") && !strings.HasPrefix(v, "PANDO_") {
			env = append(env, v)
		}
	}
	return env
}

// Signal sends a signal and does not wait for what it does. A process that has ended already is no error.
func (s *Server) Signal(sig os.Signal) { _ = s.cmd.Process.Signal(sig) }

// Running reports whether the process has not ended. Any goroutine may call it.
func (s *Server) Running() bool {
	select {
	case <-s.ended:
		return false
	default:
		return true
	}
}

// Kill ends the process as kill -9 does, and waits until it is gone.
func (s *Server) Kill() {
	s.Signal(syscall.SIGKILL)
	<-s.ended
}

// Stop asks the process to end by SIGTERM and waits until it is gone. It is an error if it takes too long, in which
// case it is killed, and if it ends in any way but by that signal or with status 0.
func (s *Server) Stop() error {
	s.Signal(syscall.SIGTERM)
	err := s.Wait(patience)
	if state := s.cmd.ProcessState; state != nil {
		if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() && ws.Signal() == syscall.SIGTERM {
			return nil
		}
	}
	return err
}

// Wait waits for the end of a process that ends by itself and returns how it ended as exec.Cmd.Wait does: nil for
// status 0, an *exec.ExitError for another. A process that does not end in time is killed, which is an error too.
func (s *Server) Wait(timeout time.Duration) error {
	late := time.NewTimer(timeout)
	defer late.Stop()
	select {
	case <-s.ended:
		return s.err
	case <-late.C:
		s.Kill()
		return fmt.Errorf("%s did not end within %v", s.cmd.Path, timeout)
	}
}

// Log is what the process has written so far, the latest megabyte of it.
func (s *Server) Log() string { return s.log.String() }

// PID is the process id.
func (s *Server) PID() int { return s.cmd.Process.Pid }
