package clients

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"pando/test/server"
)

// endpoint returns the client URL of a fresh server that ends with the test,
// or of the one that PANDO_TEST_ENDPOINT names.
func endpoint(t *testing.T) string {
	t.Helper()
	if url := os.Getenv("PANDO_TEST_ENDPOINT"); url != "" {
		return url
	}
	// Several clients go on with the URL that the server advertises.
	return server.Start(t, server.Options{Client: server.FreeAddr(t)}).Endpoint
}

// namespace makes a network namespace with a loopback interface and nothing
// else, which ends with the test, and returns the words that run a command in
// it. A process that waits for the end of its input holds the namespace. Who
// is not root is so in a user namespace around it, where the kernel lets him.
func namespace(t *testing.T) []string {
	t.Helper()
	unshare, enter := []string{"--net"}, []string{"--net"}
	if os.Geteuid() != 0 {
		unshare = append(unshare, "--map-root-user")
		enter = append(enter, "--user", "--preserve-credentials")
	}
	holder := exec.Command("unshare", append(unshare, "sh", "-c", "ip link set lo up && echo ready && exec cat")...)
	holder.Stderr = os.Stderr
	stdin, err := holder.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatalf("a network namespace: %v", err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = holder.Wait()
	})
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "ready\n" {
		t.Fatalf("a network namespace: got %q, %v", line, err)
	}
	return append([]string{"nsenter", "--target", strconv.Itoa(holder.Process.Pid)}, enter...)
}

// startAt4001 starts a server on port 4001 of the namespace that the words of
// inside enter, and waits until it serves there.
func startAt4001(t *testing.T, inside []string) {
	t.Helper()
	// The server is started by a script that enters the namespace first.
	script := filepath.Join(t.TempDir(), "server")
	text := fmt.Sprintf("#!/bin/sh\nexec %s '%s' \"$@\"\n", strings.Join(inside, " "), server.Build(t))
	if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	server.Launch(t, server.Options{Binary: script, Client: "127.0.0.1:4001"})
	run(t, "", append(inside, "curl", "--silent", "--show-error", "--fail",
		"--retry", "20", "--retry-connrefused", "--retry-max-time", "20",
		"http://127.0.0.1:4001/v2/keys/?quorum=true")...)
}
