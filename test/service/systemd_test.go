package service

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"pando/test/server"
)

// The service manager hears when the server is ready and when it stops, at a path and at an abstract address.
func TestReadiness(t *testing.T) {
	for name, at := range map[string]string{
		"path":     filepath.Join(t.TempDir(), "notify"),
		"abstract": fmt.Sprintf("@pando-test-%d", os.Getpid()),
	} {
		t.Run(name, func(t *testing.T) {
			manager := listenForNotes(t, at)
			s := server.Launch(t, server.Options{Env: []string{"NOTIFY_SOCKET=" + at}})
			manager.hears(t, "READY=1")
			if err := s.Ready(patience); err != nil {
				t.Fatal(err)
			}
			halfRequest(t, s) // so that it is there for a while
			s.Signal(syscall.SIGTERM)
			manager.hears(t, "STOPPING=1")
			if strings.Contains(s.Log(), stopped) {
				t.Error("told after the end")
			}
			ended(t, s, -1, syscall.SIGTERM)
		})
	}
}

// A start that fails never says that it is ready; and a manager that does not listen is not missed.
func TestNotReady(t *testing.T) {
	at := filepath.Join(t.TempDir(), "notify")
	manager := listenForNotes(t, at)
	first := server.Start(t, server.Options{Env: []string{"NOTIFY_SOCKET=" + at + "-of-nobody"}})
	awaitLog(t, first, "the service manager was not told")
	second := server.Launch(t, server.Options{Dir: first.Dir, Env: []string{"NOTIFY_SOCKET=" + at}}) // it is in use
	ended(t, second, 1, 0)
	third := server.Launch(t, server.Options{Env: []string{"NOTIFY_SOCKET=" + at}})
	manager.hears(t, "READY=1") // the only one
	third.Signal(syscall.SIGTERM)
	manager.hears(t, "STOPPING=1")
}

type notes struct{ *net.UnixConn }

func listenForNotes(t *testing.T, at string) notes {
	t.Helper()
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: at, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return notes{c}
}

// hears fails the test unless the next note is the one that is wanted.
func (n notes) hears(t *testing.T, want string) {
	t.Helper()
	if err := n.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1<<10)
	size, err := n.Read(b)
	if got := string(b[:size]); err != nil || got != want {
		t.Fatalf("%q, %v; want %q", got, err, want)
	}
}

const unit = "../../docs/pando.service"

// systemd accepts every line of the unit.
func TestUnit(t *testing.T) {
	text, err := os.ReadFile(unit)
	if err != nil {
		t.Fatal(err)
	}
	const program = "ExecStart=/usr/local/bin/pando\n"
	if !strings.Contains(string(text), program) {
		t.Fatal("the unit does not start what this test knows")
	}
	here := strings.Replace(string(text), program, "ExecStart="+server.Build(t)+"\n", 1)
	file := filepath.Join(t.TempDir(), "pando.service")
	if err := os.WriteFile(file, []byte(here), 0o600); err != nil {
		t.Fatal(err)
	}
	// A complaint is a line about a file; it does not always end with a status.
	out, err := exec.Command("systemd-analyze", "verify", "--man=no", file).CombinedOutput()
	if err != nil || strings.Contains(string(out), "pando.service") {
		t.Errorf("%v: %s", err, out)
	}
}

// The documents quote how exposed the service is.
func TestExposure(t *testing.T) {
	out, err := exec.Command("systemd-analyze", "security", "--offline=yes", "--no-pager", unit).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	figure := regexp.MustCompile(`exposure level for pando.service: ([0-9.]+)`).FindSubmatch(out)
	if figure == nil {
		t.Fatalf("no figure:\n%s", out)
	}
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	if quote := "exposure level for pando.service: " + string(figure[1]); !strings.Contains(string(text), quote) {
		t.Errorf("docs/operations.md does not say %q", quote)
	}
}
