package hostile

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"time"

	"pando/test/certs"
	"pando/test/server"
)

// get asks on a connection that is there and returns the status and the body.
func (c *client) get(target string) (int, string) {
	c.t.Helper()
	c.send("GET " + target + host + "\r\n")
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// watch begins a watch and returns its status and, unless that is 200, the body.
func (c *client) watch(key string) (int, string) {
	c.t.Helper()
	c.send("GET /v2/keys/" + key + "?wait=true" + host + "\r\n")
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp.StatusCode, ""
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// isClosed waits for the end of a connection on which nothing comes.
func (c *client) isClosed() {
	c.t.Helper()
	if n, err := io.Copy(io.Discard, c.r); n > 0 || err != nil {
		c.t.Errorf("%d bytes and %v, want the end", n, err)
	}
}

// checkRefused wants error 300 with a cause.
func checkRefused(t *testing.T, status int, body, cause string) {
	t.Helper()
	if status != http.StatusServiceUnavailable || !strings.Contains(body, `"errorCode":300,`) || !strings.Contains(body, `"cause":"`+cause+`"`) {
		t.Errorf("%d %s, want 503 and %q", status, body, cause)
	}
}

func TestConnectionsBeyondTheLimitAreToldSo(t *testing.T) {
	const limit = 5
	g := newRig(t, "--max-connections", fmt.Sprint(limit))
	var admitted []*client
	eventually(t, "the connections of the test's start are closed", func() bool {
		for _, c := range admitted {
			c.Close()
		}
		admitted = nil
		for range limit {
			c := g.dial()
			admitted = append(admitted, c)
			if status, _ := c.get("/version"); status != 200 {
				return false
			}
		}
		return true
	})
	for range 3 {
		c := g.dial()
		status, body := c.get("/v2/keys/")
		checkRefused(t, status, body, "etcdserver: too many connections")
		c.isClosed()
	}
	for range 50 { // these say nothing, and take the places of those who are told
		g.dial()
	}
	status, body := g.dial().get("/v2/keys/")
	checkRefused(t, status, body, "etcdserver: too many connections")
	for _, c := range admitted {
		if status, _ := c.get("/v2/keys/"); status != 200 {
			t.Error("who was there before is held up:", status)
		}
	}
	admitted[0].Close()
	eventually(t, "a place becomes free", func() bool {
		status, _ := g.dial().get("/v2/keys/")
		return status == 200
	})
}

// secured is a server with TLS, and a way to its HTTP/2.
func secured(t *testing.T, flags ...string) (g *rig, trust *tls.Config) {
	ca := certs.NewAuthority(t, "ca")
	pair := ca.Sign(t, certs.Leaf{Name: "server"})
	trust = &tls.Config{RootCAs: ca.Pool()}
	s := server.Start(t, server.Options{TLS: trust, Args: append(flags, "--cert-file", pair.Cert, "--key-file", pair.Key)})
	return &rig{s, t}, trust
}

// connection is a client with a connection of its own, if it is not told to open more.
func connection(t *testing.T, trust *tls.Config, http2 bool) *http.Client {
	p := new(http.Protocols)
	p.SetHTTP1(!http2)
	p.SetHTTP2(http2)
	tr := &http.Transport{TLSClientConfig: trust.Clone(), Protocols: p}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: time.Minute}
}

// The watchers of both protocols share one limit.
func TestWatchersBeyondTheLimitAreToldSo(t *testing.T) {
	g, trust := secured(t, "--max-watchers", "3")
	one, two := connection(t, trust, false), connection(t, trust, true)
	watch := func(c *http.Client) *http.Response {
		t.Helper()
		resp, err := c.Get(g.Endpoint + "/v2/keys/k?wait=true")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { resp.Body.Close() })
		return resp
	}
	var open []*http.Response
	for _, c := range []*http.Client{one, one, two} {
		resp := watch(c)
		if resp.StatusCode != 200 {
			t.Fatal(resp.Proto, resp.Status)
		}
		open = append(open, resp)
	}
	for _, c := range []*http.Client{one, two} {
		resp := watch(c)
		body, _ := io.ReadAll(resp.Body)
		checkRefused(t, resp.StatusCode, string(body), "etcdserver: too many watchers")
		if resp, err := c.Get(g.Endpoint + "/v2/keys/"); err != nil || resp.StatusCode != 200 {
			t.Error("no reads beside them either", err)
		}
	}
	open[2].Body.Close()
	for _, c := range []*http.Client{two, one} {
		var resp *http.Response
		eventually(t, "a watch that ended leaves its place to another", func() bool {
			resp = watch(c)
			return resp.StatusCode == 200
		})
		resp.Body.Close()
	}
}

// What is more than a connection of HTTP/2 may have under way goes over another one.
func TestStreamsOfAConnection(t *testing.T) {
	g, trust := secured(t, "--max-concurrent-streams", "2")
	c := connection(t, trust, true)
	dialled := 0
	for i, want := range []int{1, 1, 2} {
		r, err := http.NewRequest("GET", g.Endpoint+"/v2/keys/k?wait=true", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := c.Do(r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
			ConnectDone: func(string, string, error) { dialled++ },
		})))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != 200 || dialled != want {
			t.Errorf("watch %d: %s, %d connections, want %d", i, resp.Status, dialled, want)
		}
	}
}

// Long heads share a budget of memory for as long as their requests last; over HTTP/2 there is an answer for those beyond it.
func TestLongHeadsShareABudget(t *testing.T) {
	g, trust := secured(t)
	c := connection(t, trust, true)
	watch := func(size int) (int, string) {
		t.Helper()
		r, err := http.NewRequest("GET", g.Endpoint+"/v2/keys/k?wait=true", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X", strings.Repeat("x", size))
		resp, err := c.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { resp.Body.Close() })
		if resp.StatusCode == 200 {
			return 200, ""
		}
		body, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(body)
	}
	for i := range 4 {
		if status, body := watch(900_000); status != 200 {
			t.Fatal(i, status, body)
		}
	}
	status, body := watch(900_000)
	checkRefused(t, status, body, "etcdserver: too many requests")
	if status, body := watch(5_000); status != 200 {
		t.Error("a short head needs no budget:", status, body)
	}
}

func TestLongHeadsAndBodies(t *testing.T) {
	g := newRig(t, "--max-header-bytes", "8192", "--max-body-bytes", "1000")
	head := func(n int) string { return "GET /version" + host + "X: " + strings.Repeat("x", n) + "\r\n\r\n" }
	put := func(n int) string {
		return "PUT /v2/keys/k?prevExist=false" + host + form + fmt.Sprintf("Content-Length: %d\r\n\r\nvalue=", n) + strings.Repeat("v", n-len("value="))
	}
	for _, c := range []struct {
		request string
		status  int
	}{
		{head(8000), 200}, {head(20_000), 431}, {put(1001), 400}, {put(40_000), 400}, {put(1000), 201},
	} {
		if status := g.ask(c.request); status != c.status {
			t.Errorf("%.60q: %d, want %d", c.request, status, c.status)
		}
	}
}

// Heads that are not whole in time, and connections that are silent for too long, are cut. A watch is neither.
func TestSlowAndSilentConnectionsAreCut(t *testing.T) {
	g := newRig(t, "--header-timeout", "300", "--idle-timeout", "600")
	waiting := g.dial()
	if status, _ := waiting.watch("k"); status != 200 {
		t.Fatal(status)
	}
	g.dial().isClosed()
	drip := g.dial()
	drip.send("GET /v2/keys/" + host + "X: ")
	drip.isClosed()
	idle := g.dial()
	if status, _ := idle.get("/version"); status != 200 {
		t.Fatal(status)
	}
	idle.isClosed()
	if status := g.ask("PUT /v2/keys/k" + host + form + "Content-Length: 7\r\n\r\nvalue=x"); status != 201 {
		t.Fatal(status)
	}
	if line, err := waiting.r.ReadString('\n'); err != nil { // the length of the chunk
		t.Error("the watch was cut:", line, err)
	}
}

// A write that cannot be carried out is given up after --request-timeout.
func TestRequestTimeout(t *testing.T) {
	peer, other := server.FreeAddr(t), server.FreeAddr(t)
	s := server.Launch(t, server.Options{Client: server.FreeAddr(t), Peer: peer, Args: []string{
		"--initial-cluster", "default=http://" + peer + ",other=http://" + other, "--request-timeout", "200",
	}})
	g := &rig{s, t}
	eventually(t, "it listens", func() bool {
		c, err := dialTo(g.Endpoint)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	began := time.Now()
	if status := g.ask("PUT /v2/keys/k" + host + form + "Content-Length: 7\r\n\r\nvalue=x"); status != 500 {
		t.Error(status)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Error("given up only after", took)
	}
}
