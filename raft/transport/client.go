package transport

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"reflect"
	"strings"
	"time"

	"go.etcd.io/etcd/server/v3/etcdserver/api/rafthttp"

	"pando/socket"
	"pando/tlsconfig"
)

// newClient makes the HTTP client for what rafthttp has no part in.
func newClient(certs *tlsconfig.Source, dialTimeout time.Duration) *http.Transport {
	dialer := &net.Dialer{
		Timeout: dialTimeout,
		// A host that vanished without a word is noticed by the kernel, so that neither side has to say anything.
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 2 * time.Second, Interval: time.Second, Count: 3},
	}
	c := certs.Transport(func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return socket.Direct(c), nil
	})
	c.ExpectContinueTimeout = expectTimeout
	c.DisableKeepAlives = true
	return c
}

// secure makes rafthttp's own HTTP clients use the certificates as they are at each connection, and connections of ours for
// streams. It has to come between the Start of r and its first peer.
//
// rafthttp takes names of files: it reads the authorities once and the pair at each handshake, also between the writing of
// one and of the other. It offers no other way in, so its two clients are found by the names of the fields that hold them. If a
// version of it has others, the error says so. What is returned is the client for messages one by one, which keeps its connections.
func secure(r *rafthttp.Transport, certs *tlsconfig.Source) (pipelines *http.Transport, err error) {
	for _, name := range []string{"streamRt", "pipelineRt"} {
		field := reflect.ValueOf(r).Elem().FieldByName(name)
		if !field.IsValid() || field.Kind() != reflect.Interface || field.IsNil() || field.Elem().Type() != reflect.TypeFor[*http.Transport]() {
			return nil, fmt.Errorf("transport: this version of rafthttp has no HTTP client in %s", name)
		}
		client := (*http.Transport)(field.Elem().UnsafePointer())
		if name == "streamRt" {
			client.DialContext = streamDialer(r.DialTimeout)
		} else {
			pipelines = client
		}
		client.DialTLSContext = certs.DialTLS(client.DialContext)
		client.TLSClientConfig = certs.Client() // through a proxy
	}
	return pipelines, nil
}

// newRequest makes a request with the headers by which members know each other.
func (t *Transport) newRequest(ctx context.Context, method, url string, body io.Reader, to uint64) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return nil, err
	}
	r.Header.Set("X-Server-From", hex(t.cfg.MemberID))
	r.Header.Set("X-Server-Version", ServerVersion)
	r.Header.Set("X-Min-Cluster-Version", MinClusterVersion)
	r.Header.Set("X-Etcd-Cluster-ID", hex(t.cfg.ClusterID))
	r.Header.Set("X-Raft-To", hex(to))
	r.Header.Set("X-PeerURLs", strings.Join(t.cfg.PeerURLs, ","))
	return r, nil
}
