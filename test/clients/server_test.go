package clients

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// startTimeout is how long a server may take until it serves.
const startTimeout = 15 * time.Second

// serving is the log line by which a server says that clients may come. etcd
// 3.4 words it a little differently, and stands in for Pando where the
// programs themselves are put to the test.
var serving = regexp.MustCompile(`serving (?:insecure )?client requests on (?:http://)?(127\.0\.0\.1:\d+)`)

// endpoint returns the client URL of a fresh server that ends with the test,
// or of the one that PANDO_TEST_ENDPOINT names.
func endpoint(t *testing.T) string {
	t.Helper()
	if url := os.Getenv("PANDO_TEST_ENDPOINT"); url != "" {
		return url
	}
	addr, _ := start(t, nil, "http://127.0.0.1:0")
	return "http://" + addr
}

// startInNamespace starts a server on port 4001 of a network namespace of its
// own, which has a loopback interface and nothing else, and returns the
// process id that names the namespace.
func startInNamespace(t *testing.T) string {
	t.Helper()
	enter := []string{"unshare", "--net", "sh", "-c", `ip link set lo up && exec "$@"`, "sh"}
	_, pid := start(t, enter, "http://127.0.0.1:4001")
	return strconv.Itoa(pid)
}

// start runs the server under test, behind the words of prefix, with one
// client URL, and returns its address and process id once it serves. The
// server is killed when the test ends; a failed test prints its log.
func start(t *testing.T, prefix []string, clientURL string) (addr string, pid int) {
	t.Helper()
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	args := append(prefix, bin,
		"--data-dir", filepath.Join(t.TempDir(), "data"),
		"--listen-client-urls", clientURL, "--advertise-client-urls", clientURL,
		"--listen-peer-urls", "http://127.0.0.1:0")
	cmd := exec.Command(args[0], args[1:]...)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = w, w
	err = cmd.Start()
	_ = w.Close() // the server holds its own copy, so reading ends with it
	if err != nil {
		t.Fatal(err)
	}
	found := make(chan string, 1)
	var log strings.Builder
	var reading sync.WaitGroup
	reading.Go(func() { readLog(r, &log, found) })
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		reading.Wait()
		if t.Failed() {
			t.Logf("the server's log:\n%s", log.String())
		}
	})
	select {
	case addr, ok := <-found:
		if ok {
			return addr, cmd.Process.Pid
		}
		t.Fatal("the server ended before it served")
	case <-time.After(startTimeout):
		t.Fatalf("the server did not serve within %v", startTimeout)
	}
	return "", 0
}

// readLog copies a server's log until it ends. It sends the address that the
// server reports once, and closes found at the end.
func readLog(r io.ReadCloser, log *strings.Builder, found chan<- string) {
	defer close(found)
	defer r.Close()
	told := false
	for lines := bufio.NewScanner(r); lines.Scan(); {
		log.WriteString(lines.Text() + "\n")
		if m := serving.FindStringSubmatch(lines.Text()); m != nil && !told {
			told = true
			found <- m[1]
		}
	}
}

// binary returns the path of the server under test: PANDO_TEST_BINARY, or
// Pando built from this tree, once.
var binary = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("PANDO_TEST_BINARY"); path != "" {
		return path, nil
	}
	path := filepath.Join(buildDir, "pando")
	_, err := goTool("", "build", "-o", path, "pando")
	return path, err
})
