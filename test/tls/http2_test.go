package tls

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pando/test/server"
)

// TestHTTP2: clients that offer it get it, with every kind of request on one connection: reads, writes, polls and streams, more of
// them than a connection may have at a time, and a stop of the server that ends them as it should. The peer port has none.
func TestHTTP2(t *testing.T) {
	t.Parallel()
	a := newAuthorities(t)
	config := trusting(a.ca)
	s := server.Start(t, server.Options{Client: server.FreeAddr(t), TLS: config, PeerTLS: true, Args: append(peerFlags(a.server),
		"--cert-file", a.server.Cert, "--key-file", a.server.Key)})
	var dialled atomic.Int32
	c := &http.Client{Timeout: patience, Transport: &http.Transport{
		TLSClientConfig: config.Clone(), ForceAttemptHTTP2: true,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			dialled.Add(1)
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	}}
	get := func(path string) *http.Response {
		resp, err := c.Get(s.Endpoint + path)
		if err != nil {
			t.Fatal(err)
		}
		if resp.ProtoMajor != 2 {
			t.Errorf("%s: %s", path, resp.Proto)
		}
		return resp
	}

	const polls = 150 // of which 100 fit on a connection
	var waiting []*http.Response
	for range polls { // one after the other: the head of the answer comes at once
		waiting = append(waiting, get("/v2/keys/a?wait=true"))
	}
	stream := get("/v2/keys/?recursive=true&wait=true&stream=true")
	defer stream.Body.Close()
	if err := put(c, s.Endpoint, "a", "1"); err != nil {
		t.Fatal(err)
	}
	for _, poll := range waiting {
		body, err := io.ReadAll(poll.Body)
		if err != nil || !strings.Contains(string(body), `"value":"1"`) {
			t.Fatalf("a poll got %q, %v", body, err)
		}
		poll.Body.Close()
	}
	events := bufio.NewScanner(stream.Body)
	if !events.Scan() || !strings.Contains(events.Text(), `"value":"1"`) {
		t.Fatalf("the stream got %q, %v", events.Text(), events.Err())
	}
	if got := dialled.Load(); got != 2 {
		t.Errorf("%d connections", got)
	}

	if peer, err := (&http.Client{Transport: &http.Transport{TLSClientConfig: config.Clone(), ForceAttemptHTTP2: true}}).Get(s.Peer + "/members"); err != nil || peer.ProtoMajor != 1 {
		t.Errorf("the peer port: %v, %v", peer, err)
	}

	// A server that stops ends a stream after a whole event, and cuts a poll.
	poll := get("/v2/keys/b?wait=true")
	defer poll.Body.Close()
	began := time.Now()
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("stopping took %v", took)
	}
	if events.Scan() || events.Err() != nil {
		t.Errorf("the stream went on with %q, %v", events.Text(), events.Err())
	}
	if body, err := io.ReadAll(poll.Body); err == nil {
		t.Errorf("the poll ended like an answer: %q", body)
	}
}

// TestNoHTTP2: with cipher suites that HTTP/2 does not allow, clients that offer it get HTTP/1.1.
func TestNoHTTP2(t *testing.T) {
	t.Parallel()
	a := newAuthorities(t)
	const suite = tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA
	config := trusting(a.ca)
	config.MaxVersion, config.CipherSuites = tls.VersionTLS12, []uint16{suite}
	s := server.Start(t, server.Options{TLS: config, Client: server.FreeAddr(t), Args: []string{
		"--cert-file", a.server.Cert, "--key-file", a.server.Key, "--cipher-suites", tls.CipherSuiteName(suite)}})
	resp, err := (&http.Client{Transport: &http.Transport{TLSClientConfig: config.Clone(), ForceAttemptHTTP2: true}}).Get(s.Endpoint + "/version")
	if err != nil || resp.ProtoMajor != 1 {
		t.Errorf("%v, %v", resp, err)
	}
}
