package bench_test

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"pando/bench"
	"pando/test/certs"
	"pando/test/server"
)

const patience = 30 * time.Second

// node is what of an answer about keys the tests read.
type node struct {
	Key, Value    string
	Dir           bool
	Expiration    *time.Time
	ModifiedIndex uint64
	CreatedIndex  uint64
	Nodes         []node
}

// leaves are the keys in and below a node.
func (n node) leaves() []node {
	if !n.Dir {
		return []node{n}
	}
	var all []node
	for _, c := range n.Nodes {
		all = append(all, c.leaves()...)
	}
	return all
}

// look reads a directory, and the server's index. A directory that is not there has no leaves.
func look(t *testing.T, endpoint, path string) (n node, index uint64) {
	t.Helper()
	resp, err := http.Get(endpoint + "/v2/keys" + path + "?recursive=true&quorum=true")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct{ Node node }
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	answer.Node.Dir = true
	index, err = strconv.ParseUint(resp.Header.Get("X-Etcd-Index"), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return answer.Node, index
}

// pandoBench runs the binary with --json and returns what it printed.
func pandoBench(t *testing.T, args ...string) *bench.Result {
	t.Helper()
	var out, errOut bytes.Buffer
	cmd := exec.Command(server.Build(t), append(append([]string{"bench"}, args...), "--json")...)
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %v\n%s%s", args, err, &out, &errOut)
	}
	if errOut.Len() > 0 {
		t.Errorf("%v wrote to stderr, which is not a terminal: %s", args, &errOut)
	}
	return decode(t, out.Bytes())
}

func decode(t *testing.T, out []byte) *bench.Result {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(out))
	d.DisallowUnknownFields()
	r := &bench.Result{}
	if err := d.Decode(r); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if _, err := d.Token(); err != io.EOF {
		t.Fatalf("more than one object: %s", out)
	}
	return r
}

// TestWorkloads runs each against a real server and counts in its tree what was done.
func TestWorkloads(t *testing.T) {
	t.Parallel()
	const keys, count, watchers, size = 50, 200, 7, 33
	s := server.Start(t, server.Options{})
	for _, c := range []struct {
		workload string
		flags    string
		requests int64
		writes   uint64 // with those that prepare
		leaves   map[string]int
	}{
		{"get", "", count, keys, map[string]int{"keys": keys}},
		{"qget", "", count, keys, map[string]int{"keys": keys}},
		{"cas", "", count, keys + count, map[string]int{"keys": keys}},
		{"put", "--count 1000", 1000, 1000, map[string]int{"keys": keys}}, // each is written with a probability of 1-2e-9
		{"mixed", "--reads 100", count, keys, map[string]int{"keys": keys}},
		{"mixed", "--reads 0", count, keys + count, map[string]int{"keys": keys}},
		{"post", "", count, count, map[string]int{"queue": count, "keys": 0}},
		{"list", "", count, keys, map[string]int{"keys": keys}},
		{"fill", "--count 0", keys, keys, map[string]int{"keys": keys}},
		{"watch-one", "--count 20", 20 * watchers, 20, map[string]int{"watched": 1}},
		{"watch-each", "", count, count, map[string]int{"watch": watchers}},
		{"ttl", "--count 1000", 1000, 1000, nil}, // last: what expires is a write
	} {
		t.Run(strings.Trim(c.workload+" "+c.flags, " "), func(t *testing.T) {
			prefix := fmt.Sprintf("/test/%s%d", c.workload, c.writes)
			_, before := look(t, s.Endpoint, "/")
			args := []string{
				c.workload, "--endpoints", s.Endpoint, "--clients", "4", "--connections", "3", "--keys", strconv.Itoa(keys), "--prefix", prefix,
				"--value-size", strconv.Itoa(size), "--watchers", strconv.Itoa(watchers), "--count", strconv.Itoa(count),
			}
			r := pandoBench(t, append(args, strings.Fields(c.flags)...)...)
			_, after := look(t, s.Endpoint, "/")
			checkResult(t, r, c.requests)
			if c.workload == "ttl" { // keys have begun to expire on a slow machine
				if after-before < c.writes {
					t.Errorf("%d writes, want at least %d", after-before, c.writes)
				}
				return
			}
			if after-before != c.writes {
				t.Errorf("%d writes, want %d", after-before, c.writes)
			}
			for dir, want := range c.leaves {
				checkTree(t, s.Endpoint, prefix+"/"+dir, want, size)
			}
		})
	}
}

func checkTree(t *testing.T, endpoint, path string, keys, size int) {
	t.Helper()
	n, _ := look(t, endpoint, path)
	if n.Value != "" {
		n.Dir = false // watched is a key
	}
	leaves := n.leaves()
	if len(leaves) != keys {
		t.Errorf("%s holds %d keys, want %d", path, len(leaves), keys)
	}
	for _, k := range leaves {
		if len(k.Value) != size {
			t.Errorf("%s = %q, want %d bytes", k.Key, k.Value, size)
		}
	}
}

// checkResult looks whether the parts of a result fit each other.
func checkResult(t *testing.T, r *bench.Result, requests int64) {
	t.Helper()
	if r.Requests != requests || r.Errors != 0 || len(r.ErrorExamples) != 0 {
		t.Errorf("%d requests, %d errors (%v); want %d", r.Requests, r.Errors, r.ErrorExamples, requests)
	}
	var sum int64
	for i, s := range r.Series {
		sum += s.Requests
		if s.Second != i+1 || s.P50 > s.P99 || s.P99 > s.Max {
			t.Errorf("second %d: %+v", i+1, s)
		}
	}
	if sum != requests {
		t.Errorf("the seconds add up to %d requests: %+v", sum, r.Series)
	}
	l := r.Latency
	if l.P50 <= 0 || l.P50 > l.P90 || l.P90 > l.P95 || l.P95 > l.P99 || l.P99 > l.P999 || l.P999 > l.Max || l.Mean > l.Max {
		t.Errorf("latencies %+v", l)
	}
	last := [2]float64{-1, 0}
	for _, p := range r.Percentiles {
		if p[0] <= last[0] || p[1] < last[1] {
			t.Errorf("percentile %v after %v", p, last)
		}
		last = p
	}
	if last[0] != 100 || last[1] != l.Max {
		t.Errorf("the percentiles end with %v, the longest is %v", last, l.Max)
	}
	if len(r.Servers) != 1 || r.Servers[0].PID <= 0 || r.Servers[0].RSS == 0 || r.Servers[0].RSSPeak < r.Servers[0].RSS {
		t.Errorf("servers %+v, want the one that listens", r.Servers)
	}
	if r.Throughput <= 0 || r.Seconds <= 0 {
		t.Errorf("%v requests/s in %v s", r.Throughput, r.Seconds)
	}
	if w := r.Watch; w != nil && (w.Watchers <= 0 || w.Rounds <= 0 || w.First <= 0 || w.First > w.Median || w.Median > w.Last || w.Last > l.Max) {
		t.Errorf("watch %+v, latency %+v", *w, l)
	}
	if strings.HasPrefix(r.Workload, "watch") != (r.Watch != nil) {
		t.Errorf("%s has watch %v", r.Workload, r.Watch)
	}
}

// TestKeysExpire: what ttl writes is gone after the 5 s that a key can have.
func TestKeysExpire(t *testing.T) {
	t.Parallel()
	s := server.Start(t, server.Options{})
	pandoBench(t, "ttl", "--endpoints", s.Endpoint, "--clients", "8", "--keys", "30", "--count", "30")
	server.Await(t, "all keys expire", patience, func() error {
		if n, _ := look(t, s.Endpoint, "/bench/ttl"); len(n.leaves()) > 0 {
			return fmt.Errorf("%d are there", len(n.leaves()))
		}
		return nil
	})
}

// TestPrepared: with --prepared nothing is written before, and cas finds the indexes by itself.
func TestPrepared(t *testing.T) {
	t.Parallel()
	s := server.Start(t, server.Options{})
	pandoBench(t, "fill", "--endpoints", s.Endpoint, "--keys", "20")
	_, before := look(t, s.Endpoint, "/")
	pandoBench(t, "get", "--endpoints", s.Endpoint, "--keys", "20", "--count", "50", "--prepared")
	pandoBench(t, "cas", "--endpoints", s.Endpoint, "--keys", "20", "--count", "50", "--clients", "3", "--prepared")
	if _, after := look(t, s.Endpoint, "/"); after-before != 50 {
		t.Errorf("%d writes, want the 50 swaps", after-before)
	}
}

// TestSwapsOfLongValues: the index that a swap compares stands behind the value. A value that is longer than expected hides it, which
// fails, because without an index there would be no comparison.
func TestSwapsOfLongValues(t *testing.T) {
	t.Parallel()
	s := server.Start(t, server.Options{})
	pandoBench(t, "cas", "--endpoints", s.Endpoint, "--keys", "5", "--count", "20", "--value-size", "20000")
	swaps := func() (n struct{ CompareAndSwapSuccess, SetsSuccess int }) {
		resp, err := http.Get(s.Endpoint + "/v2/stats/store")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if err := json.NewDecoder(resp.Body).Decode(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := swaps()
	if before.CompareAndSwapSuccess != 20 {
		t.Errorf("%d swaps, want 20", before.CompareAndSwapSuccess)
	}
	r := run(t, "cas --endpoints %s --keys 5 --count 3 --prepared", s.Endpoint)
	if r.Requests != 0 || r.Errors != 3 || swaps() != before {
		t.Errorf("%d requests, %d errors: %q; %+v, before %+v", r.Requests, r.Errors, r.ErrorExamples, swaps(), before)
	}
}

// TestTwoEndpoints: the clients are spread over the endpoints, and each server is measured.
func TestTwoEndpoints(t *testing.T) {
	t.Parallel()
	a, b := server.Start(t, server.Options{}), server.Start(t, server.Options{})
	r := pandoBench(t, "post", "--endpoints", a.Endpoint+","+b.Endpoint, "--count", "100", "--clients", "4")
	x, _ := look(t, a.Endpoint, "/bench/queue")
	y, _ := look(t, b.Endpoint, "/bench/queue")
	if n, m := len(x.leaves()), len(y.leaves()); n == 0 || m == 0 || n+m != 100 {
		t.Errorf("%d and %d writes", n, m)
	}
	if len(r.Servers) != 2 || r.Servers[0].PID == r.Servers[1].PID {
		t.Errorf("servers %+v", r.Servers)
	}
}

// TestSecure: over TLS, to a server that asks for a password.
func TestSecure(t *testing.T) {
	t.Parallel()
	ca := certs.NewAuthority(t, "ca")
	pair := ca.Sign(t, certs.Leaf{Name: "server"})
	s := server.Start(t, server.Options{
		Client: server.FreeAddr(t), TLS: &tls.Config{RootCAs: ca.Pool()}, Args: []string{"--cert-file", pair.Cert, "--key-file", pair.Key},
	})
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.Pool()}}, Timeout: patience}
	for _, c := range [][2]string{{"users/root", `{"user":"root","password":"it"}`}, {"enable", ""}} {
		req, err := http.NewRequest(http.MethodPut, s.Endpoint+"/v2/auth/"+c[0], strings.NewReader(c[1]))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode/100 != 2 {
			t.Fatalf("%s: %s", c[0], resp.Status)
		}
	}
	for _, workload := range []string{"put", "watch-one"} {
		r := pandoBench(t, workload, "--endpoints", s.Endpoint, "--ca-file", ca.File, "--username", "root:it", "--count", "30", "--watchers", "3")
		if r.Requests < 30 || r.Errors != 0 {
			t.Errorf("%s: %d requests, %d errors: %q", workload, r.Requests, r.Errors, r.ErrorExamples)
		}
	}
	for want, flags := range map[string]string{"401": "--username root:wrong --ca-file " + ca.File, "unknown authority": "--username root:it"} {
		out, err := exec.Command(server.Build(t), append(strings.Fields("bench put --count 3 --endpoints "+s.Endpoint), strings.Fields(flags)...)...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), want) {
			t.Errorf("%s: %v, want %s: %s", flags, err, want, out)
		}
	}
}

// TestInterrupt: Ctrl-C ends a run, which tells what it has measured so far.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	s := server.Start(t, server.Options{})
	_, before := look(t, s.Endpoint, "/")
	var out, errOut bytes.Buffer
	cmd := exec.Command(server.Build(t), "bench", "put", "--endpoints", s.Endpoint, "--duration", "10m", "--json")
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	server.Await(t, "writes", patience, func() error {
		if _, now := look(t, s.Endpoint, "/"); now < before+10 {
			return fmt.Errorf("index %d", now)
		}
		return nil
	})
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, &errOut)
	}
	r := decode(t, out.Bytes())
	_, after := look(t, s.Endpoint, "/")
	if uint64(r.Requests) != after-before || r.Errors != 0 || r.Seconds > 300 {
		t.Errorf("%d requests, %d errors in %v s; the server has %d writes", r.Requests, r.Errors, r.Seconds, after-before)
	}
}

// TestServerDies: requests fail, are counted with an example, and what was measured before is told.
func TestServerDies(t *testing.T) {
	t.Parallel()
	s := server.Start(t, server.Options{})
	_, before := look(t, s.Endpoint, "/")
	const clients = 50 // each has at most one write that is carried out and not answered yet
	var out bytes.Buffer
	cmd := exec.Command(server.Build(t), "bench", "put", "--endpoints", s.Endpoint, "--count", "20000", "--clients", strconv.Itoa(clients), "--json")
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	server.Await(t, "writes", patience, func() error {
		if _, now := look(t, s.Endpoint, "/"); now < before+clients+10 {
			return fmt.Errorf("index %d", now)
		}
		return nil
	})
	s.Kill()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	r := decode(t, out.Bytes())
	if r.Requests < 10 || r.Errors == 0 || len(r.ErrorExamples) == 0 || !strings.Contains(r.ErrorExamples[0], "PUT: ") {
		t.Errorf("%d requests, %d errors: %q", r.Requests, r.Errors, r.ErrorExamples)
	}
	if !strings.Contains(strings.Join(r.ErrorExamples, "\n"), "refused") {
		t.Errorf("each connection that broke is an example of its own: %q", r.ErrorExamples)
	}
	if code := exec.Command(server.Build(t), "bench", "put", "--endpoints", s.Endpoint, "--count", "1").Run(); code == nil {
		t.Error("success against a server that is gone")
	}
}
