package bench_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"testing"

	"golang.org/x/sys/unix"

	"pando/test/server"
)

// TestProgressBar: on a terminal there is a bar while a run lasts, and nothing of it afterwards.
func TestProgressBar(t *testing.T) {
	t.Parallel()
	s := server.Start(t, server.Options{})
	master, slave := terminal(t)
	seen := make(chan []byte)
	go func() { // ends when no process has the terminal open any more
		text, _ := io.ReadAll(master)
		seen <- text
	}()
	var out bytes.Buffer
	cmd := exec.Command(server.Build(t), "bench", "put", "--endpoints", s.Endpoint, "--duration", "1s")
	cmd.Stdout, cmd.Stderr = &out, slave
	err := cmd.Run()
	slave.Close()
	text := <-seen
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if !regexp.MustCompile(`put, [0-9,]+/s +[0-9]+% \|█+ +\|`).Match(text) {
		t.Errorf("no bar in %q", text)
	}
	if !regexp.MustCompile(`\r +\r$`).Match(text) {
		t.Errorf("something is left of the bar: %q", text)
	}
	if !bytes.Contains(out.Bytes(), []byte("  requests ")) {
		t.Errorf("stdout: %s", &out)
	}
}

// terminal opens a new one (pty(7)): what is written to slave can be read from master.
func terminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return master, slave
}
