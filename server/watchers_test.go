package server

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"pando/config"
)

// patience is how long a test waits for what must happen.
const patience = 60 * time.Second

// startHere runs a whole server inside the test process, on ports of the kernel's choice.
func startHere(t testing.TB, args ...string) (s *server, addr string) {
	t.Helper()
	cfg, err := config.Parse(append([]string{
		"--data-dir", t.TempDir(),
		"--listen-client-urls", "http://127.0.0.1:0", "--advertise-client-urls", "http://127.0.0.1:0",
		"--listen-peer-urls", "http://127.0.0.1:0",
	}, args...))
	if err != nil {
		t.Fatal(err)
	}
	if s, err = start(cfg, Options{Logger: zap.NewNop()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing the server: %v", err)
		}
	})
	return s, s.clients[0].Addr().String()
}

const (
	crowdEnv = "PANDO_TEST_CROWD" // host:port for the child process that plays the clients
	crowd    = 10_000
)

// TestMain lets this binary play the clients of TestTenThousandWatchers: two
// processes have twice the file descriptors of one.
func TestMain(m *testing.M) {
	if addr := os.Getenv(crowdEnv); addr != "" {
		if err := playCrowd(addr, os.Stdin, os.Stdout); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// playCrowd opens the watches, says "waiting", and says "woken" when every one
// has had its event; it leaves when its input ends.
func playCrowd(addr string, in io.Reader, out io.Writer) error {
	conns := make([]net.Conn, crowd)
	for i := range conns {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return fmt.Errorf("watch %d: %w", i, err)
		}
		conns[i] = c
		if _, err := fmt.Fprintf(c, "GET /v2/keys/crowd?wait=true HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			return err
		}
	}
	for i, c := range conns { // the headers come at once
		if err := readUntil(c, "\r\n\r\n"); err != nil {
			return fmt.Errorf("headers of watch %d: %w", i, err)
		}
	}
	fmt.Fprintln(out, "waiting")
	for i, c := range conns {
		if err := readUntil(c, `"value":"go"`); err != nil {
			return fmt.Errorf("event of watch %d: %w", i, err)
		}
	}
	fmt.Fprintln(out, "woken")
	_, err := io.Copy(io.Discard, in)
	for _, c := range conns {
		c.Close()
	}
	return err
}

func readUntil(c net.Conn, want string) error {
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	var got strings.Builder
	buf := make([]byte, 1024)
	for !strings.Contains(got.String(), want) {
		n, err := c.Read(buf)
		got.Write(buf[:n])
		if err != nil {
			return fmt.Errorf("%w after %q", err, got.String())
		}
	}
	return nil
}

// Ten thousand clients wait on one key, one write wakes them all, and when they
// have left nothing of them remains. A first crowd comes before anything is
// measured, and as many goroutines at once as connections can need: the runtime
// keeps the descriptors of those that have ended, some 400 bytes each, for the next ones.
func TestTenThousandWatchers(t *testing.T) {
	s, addr := startHere(t)
	put(t, addr, "/v2/keys/crowd", "value=before")
	empty := measure()
	var all sync.WaitGroup
	gate := make(chan struct{})
	for range 12_000 {
		all.Go(func() { <-gate })
	}
	close(gate)
	all.Wait()
	gather(t, s, addr)
	before := settle(usage{empty.goroutines, 1 << 62})
	waiting := gather(t, s, addr)
	after := settle(before)
	t.Logf("goroutines and heap in use: before %v, waiting %v, after %v", before, waiting, after)
	if !after.near(before) {
		t.Errorf("what the watchers held is not freed: before %v, after %v", before, after)
	}
}

// gather lets a crowd come, wait, be woken and leave.
func gather(t *testing.T, s *server, addr string) (waiting usage) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), crowdEnv+"="+addr)
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewScanner(stdout)
	hear := func(want string) {
		t.Helper()
		if !said.Scan() || said.Text() != want {
			t.Fatalf("the clients say %q, want %q", said.Text(), want)
		}
	}
	hear("waiting")
	if n := s.store.Hub().Watchers(); n != crowd {
		t.Errorf("%d watchers wait, want %d", n, crowd)
	}
	waiting = measure()
	put(t, addr, "/v2/keys/crowd", "value=go")
	hear("woken")
	stdin.Close()
	if err := child.Wait(); err != nil {
		t.Fatal(err)
	}
	return waiting
}

// usage is what the process holds.
type usage struct {
	goroutines int
	heap       uint64 // bytes in use after a collection
}

func (u usage) String() string { return fmt.Sprintf("%d/%d KiB", u.goroutines, u.heap>>10) }

// near: within ten percent, and a little for the runtime's own.
func (u usage) near(v usage) bool {
	return u.goroutines <= v.goroutines*11/10 && u.heap <= v.heap/10*11
}

// measure collects until nothing more is freed: pools and finalizers take several rounds.
func measure() usage {
	u := usage{heap: 1 << 62}
	for {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		if m.HeapInuse >= u.heap {
			return u
		}
		u = usage{runtime.NumGoroutine(), m.HeapInuse}
	}
}

// settle measures until the server has noticed that everybody left.
func settle(want usage) usage {
	for deadline := time.Now().Add(patience); ; runtime.Gosched() {
		if u := measure(); u.near(want) || time.Now().After(deadline) {
			return u
		}
	}
}

func put(t testing.TB, addr, path, form string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPut, "http://"+addr+path, strings.NewReader(form))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Close = true // or the connection's goroutines would be counted
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode > 201 {
		t.Fatalf("PUT %s: %s %s %v", path, resp.Status, body, err)
	}
}
