package proxy

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"pando/test/cluster"
	"pando/test/fault/keys"
	"pando/test/server"
)

// A watch's headers come before any event, and each event of a stream by itself, through the proxy as without it.
func TestWatches(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{Size: 1})
	p, client := start(t, "", initial(c.Members()...))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	open := func(query string) *http.Response { // returns when the headers have come
		req, err := http.NewRequestWithContext(ctx, "GET", p.Endpoint+"/v2/keys/w?wait=true&recursive=true"+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { resp.Body.Close() })
		if resp.StatusCode != 200 || resp.Header.Get("X-Etcd-Index") == "" {
			t.Errorf("%v", resp)
		}
		return resp
	}
	poll, stream := open(""), open("&stream=true")
	events := bufio.NewReader(stream.Body)
	for i := range 5 {
		put(t, client, fmt.Sprintf("/w/%d", i), "x")
		line, err := events.ReadString('\n') // the next is written when this one has come
		if err != nil || !strings.Contains(line, fmt.Sprintf(`"key":"/w/%d"`, i)) {
			t.Fatalf("%q, %v", line, err)
		}
	}
	var event keys.Event
	if err := json.NewDecoder(poll.Body).Decode(&event); err != nil || event.Node.Key != "/w/0" {
		t.Errorf("%v, %v", event, err)
	}

	// Told to stop, the proxy cuts watches at once and ends as a member does.
	began := time.Now()
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
	if _, err := events.ReadString('\n'); err == nil {
		t.Error("the stream goes on")
	}
	if took := time.Since(began); took >= 3*time.Second { // what requests under way are given
		t.Errorf("the stop took %v", took)
	}
}

// Every member is replaced while the proxy is in use, until it knows nobody of those that it began with. It goes on from its
// file then, whatever its flags say.
func TestMembersReplaced(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{Size: 3})
	first := c.Members()
	p, client := start(t, "", initial(first[0])) // one is enough to find all
	knows(t, p, first...)
	for i, old := range first {
		others := c.Without(old)
		c.Remove(old, others[0])
		if err := old.Wait(patience); err != nil {
			t.Fatal(err)
		}
		old.Wipe()
		m := c.Add(others[0])
		m.Start()
		knows(t, p, c.Members()...)
		put(t, client, "/k", fmt.Sprint(i))
	}
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	p, client = start(t, p.Dir, "gone=http://127.0.0.1:1", "--proxy", "off")
	put(t, client, "/k", "again")
	if text := p.Log(); !strings.Contains(text, "initialized as proxy before") {
		t.Error("it does not say why it is a proxy")
	}
	for _, m := range c.Members() {
		if got := m.Value("/k"); got != "again" {
			await(t, "the write everywhere", func() error {
				if v := m.Value("/k"); v != "again" {
					return fmt.Errorf("%v has %q", m, v)
				}
				return nil
			})
		}
	}
}

// Members die in the middle of writes that append to a queue. What was answered is in it once; what was not is in it at
// most once.
func TestWritesAreNeverDoubled(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	c := cluster.Start(t, cluster.Options{Size: 3})
	p, client := start(t, "", initial(c.Members()...), "--proxy-failure-wait", "300")

	const writers = 8
	var all sync.WaitGroup
	var mu sync.Mutex
	answered := map[string]bool{}
	stop := make(chan struct{})
	sent := make([]int, writers)
	for w := range writers {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				value := fmt.Sprintf("%d-%d", w, sent[w])
				sent[w]++
				ctx, cancel := context.WithTimeout(context.Background(), 2*cluster.Request)
				a, err := client.Do(ctx, "POST", keys.Path("/queue"), keys.Form("value", value))
				cancel()
				mu.Lock()
				answered[value] = err == nil && a.OK()
				mu.Unlock()
			}
		})
	}
	for range 4 {
		m := c.Members()[rnd.IntN(3)]
		<-time.After(time.Duration(rnd.IntN(300)) * time.Millisecond) // at any moment
		m.Kill()
		await(t, "writes without "+m.Name, func() error {
			a, err := client.Do(t.Context(), "PUT", keys.Path("/probe"), keys.Form("value", "x"))
			if err == nil && !a.OK() {
				err = fmt.Errorf("%v", a)
			}
			return err
		})
		m.Start()
	}
	close(stop)
	all.Wait()

	a, err := client.Do(t.Context(), "GET", keys.Path("/queue", "quorum", "true"), nil)
	if err != nil || a.Node == nil {
		t.Fatal(a, err)
	}
	times := map[string]int{}
	for _, n := range a.Node.Nodes {
		times[n.Value]++
	}
	lost, unknown := 0, 0
	for value, ok := range answered {
		switch n := times[value]; {
		case n > 1:
			t.Errorf("%s was written %d times", value, n)
		case ok && n == 0:
			lost++
		case !ok:
			unknown++
		}
	}
	if lost > 0 {
		t.Errorf("%d answered writes are lost", lost)
	}
	t.Logf("%d writes, %d without an answer", len(answered), unknown)
	if len(answered) < 100 {
		t.Errorf("only %d writes\n%s", len(answered), p.Log())
	}
}

// Nobody is there yet, and then somebody is.
func TestMembersComeLate(t *testing.T) {
	t.Parallel()
	c := cluster.New(t, cluster.Options{Size: 1})
	m := c.Members()[0]
	p := launch(t, "", initial(m), "--proxy-refresh-interval", "30000")
	if err := p.Ready(10 * time.Millisecond); err == nil { // it also finds the endpoint
		t.Fatal("nobody is there, and it is ready")
	}
	await(t, "the proxy", func() error {
		if p.Endpoint != "" {
			return nil
		}
		return p.Ready(10 * time.Millisecond)
	})
	if got := status(t, "GET", p.Endpoint+"/v2/keys/"); got != 503 {
		t.Errorf("status %d", got)
	}
	if got := status(t, "GET", p.Endpoint+"/metrics"); got != 200 {
		t.Errorf("metrics: status %d", got)
	}
	m.Start()
	if err := p.Ready(5 * time.Second); err != nil {
		t.Error(err)
	}
}

func TestReadOnly(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{Size: 1})
	m := c.Members()[0]
	m.MustPut("/a", "1")
	p, client := start(t, "", initial(m), "--proxy", "readonly")
	for _, method := range []string{"HEAD", "OPTIONS", "PUT", "POST", "DELETE"} {
		if got := status(t, method, p.Endpoint+"/v2/keys/a"); got != 501 {
			t.Errorf("%s: status %d", method, got)
		}
	}
	a, err := client.Do(t.Context(), "GET", keys.Path("/a"), nil)
	if err != nil || a.Node.Value != "1" {
		t.Error(a, err)
	}
}

// The data directory of a member decides what is started, and not the flag (server spec, section 4).
func TestMemberStaysOne(t *testing.T) {
	t.Parallel()
	member := server.Start(t, server.Options{})
	if err := member.Stop(); err != nil {
		t.Fatal(err)
	}
	again := server.Start(t, server.Options{Dir: member.Dir, Args: []string{"--proxy", "on"}})
	if !strings.Contains(again.Log(), "initialized as member before") || strings.Contains(again.Log(), "proxy: ") {
		t.Errorf("not started as a member:\n%s", again.Log())
	}
}

// A client that has gone leaves no connection to a member behind.
func TestClientsGo(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{Size: 1})
	p, _ := start(t, "", initial(c.Members()...))
	before := descriptors(t, p)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	own := &http.Client{Transport: &http.Transport{}}
	for range 50 {
		req, err := http.NewRequestWithContext(ctx, "GET", p.Endpoint+"/v2/keys/none?wait=true", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := own.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
	}
	if n := descriptors(t, p); n < before+90 {
		t.Errorf("%d descriptors with 50 watches, %d before", n, before)
	}
	cancel()
	await(t, "their connections to be closed", func() error {
		if n := descriptors(t, p); n > before+10 {
			return fmt.Errorf("%d descriptors, %d before", n, before)
		}
		return nil
	})
	p.Signal(syscall.SIGTERM)
}

func descriptors(t *testing.T, p *server.Server) int {
	t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.PID()))
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
