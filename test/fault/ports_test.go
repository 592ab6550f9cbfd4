package fault

import (
	"bufio"
	"context"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"pando/test/server"
)

// isolate moves the test's goroutine to a thread with a network of its own, where all ports are free; false if that
// needs root. The thread ends with the goroutine. What it starts, listens on and dials is in that network.
func isolate(t *testing.T) bool {
	t.Helper()
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		leftOut(t, "a network of its own needs root: "+err.Error())
		return false
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	loopback, err := unix.NewIfreq("lo")
	if err != nil {
		t.Fatal(err)
	}
	loopback.SetUint16(unix.IFF_UP)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, loopback); err != nil {
		t.Fatal(err)
	}
	return true
}

// The second default port of each kind is etcd 0.4's. Where somebody has it, the first is enough.
func TestDefaultSecondPortBusy(t *testing.T) {
	binary := server.Build(t)
	if !isolate(t) {
		return
	}
	for _, port := range []string{"4001", "7001"} {
		busy, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil {
			t.Fatal(err)
		}
		defer busy.Close()
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, "--data-dir", filepath.Join(t.TempDir(), "data"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	for lines := bufio.NewScanner(stderr); !strings.Contains(log.String(), "published") && lines.Scan(); {
		log.WriteString(lines.Text() + "\n")
	}
	said(t, log.String(), "WARN", "default second port", "4001", "address already in use")
	said(t, log.String(), "WARN", "default second port", "7001", "address already in use")
	said(t, log.String(), "INFO", "published")
	if answer := ask(t, "127.0.0.1:2379", "GET /health HTTP/1.0\r\n\r\n"); !strings.Contains(answer, `"true"`) {
		t.Errorf("/health on the first port: %s", answer)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); exitStatus(err) != -1 {
		t.Errorf("it ended by itself: %v", err)
	}
}

// ask sends a request over a connection that this goroutine's thread makes.
func ask(t *testing.T, addr, request string) string {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}
