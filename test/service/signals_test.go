package service

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"pando/test/server"
)

// patience bounds every wait that should be short.
const patience = 60 * time.Second

const (
	stopping = "signal, shutting down..."
	stopped  = "stopped: everything that was acknowledged is on disk"
)

// Each signal does what it does to etcd.
func TestSignals(t *testing.T) {
	for _, c := range []struct {
		name    string
		signal  syscall.Signal
		code    int  // exit code; -1: ended by that signal
		orderly bool // it stops in good order
		dump    bool // it says what its goroutines were doing
	}{
		{"SIGTERM", syscall.SIGTERM, -1, true, false},
		{"SIGINT", syscall.SIGINT, -1, true, false},
		{"SIGHUP", syscall.SIGHUP, -1, false, false},
		{"SIGQUIT", syscall.SIGQUIT, 2, false, true},
		{"SIGABRT", syscall.SIGABRT, 2, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := server.Start(t, server.Options{})
			s.Signal(c.signal)
			ended(t, s, c.code, c.signal)
			for text, want := range map[string]bool{stopping: c.orderly, stopped: c.orderly, "goroutine 1 gp=": c.dump} {
				if strings.Contains(s.Log(), text) != want {
					t.Errorf("that it says %q is %v, want %v:\n%s", text, !want, want, s.Log())
				}
			}
		})
	}
}

// What the reference ignores is ignored.
func TestIgnoredSignals(t *testing.T) {
	s := server.Start(t, server.Options{})
	for _, sig := range []os.Signal{syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGPIPE} {
		s.Signal(sig)
	}
	put(t, s.Endpoint, "/k", "v") // it takes as long as signals that were sent before it
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	if strings.Count(s.Log(), stopping) != 1 {
		t.Errorf("an ignored signal stopped it:\n%s", s.Log())
	}
}

// A second signal ends a stop that somebody finds too long.
func TestSecondSignal(t *testing.T) {
	s := server.Start(t, server.Options{})
	halfRequest(t, s) // which the stop waits for
	s.Signal(syscall.SIGTERM)
	awaitLog(t, s, stopping)
	s.Signal(syscall.SIGINT)
	ended(t, s, -1, syscall.SIGINT)
	if strings.Contains(s.Log(), stopped) {
		t.Errorf("it waited all the same:\n%s", s.Log())
	}
}

// ended waits for the end of a process, by exit code or, if that is -1, by the signal.
func ended(t *testing.T, s *server.Server, code int, by syscall.Signal) {
	t.Helper()
	err := s.Wait(patience)
	var exit *exec.ExitError
	switch {
	case err == nil && code == 0:
	case !errors.As(err, &exit) || exit.ExitCode() != code:
		t.Errorf("ended with %v, want code %d", err, code)
	case code == -1 && exit.Sys().(syscall.WaitStatus).Signal() != by:
		t.Errorf("ended with %v, want %v", err, by)
	}
}

// awaitLog waits until the server has said something.
func awaitLog(t *testing.T, s *server.Server, text string) {
	t.Helper()
	await(t, "the log says "+text, func() bool { return strings.Contains(s.Log(), text) })
}

// await waits for a condition.
func await(t *testing.T, what string, met func() bool) {
	t.Helper()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for late := time.After(patience); !met(); {
		select {
		case <-again.C:
		case <-late:
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}
