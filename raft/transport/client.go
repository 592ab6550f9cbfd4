package transport

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// newClient makes the HTTP client for what rafthttp has no part in.
func newClient(dialTimeout time.Duration) *http.Transport {
	dialer := &net.Dialer{
		Timeout: dialTimeout,
		// A host that vanished without a word is noticed by the kernel, so that neither side has to say anything.
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 2 * time.Second, Interval: time.Second, Count: 3},
	}
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment, // as rafthttp does
		DialContext:           dialer.DialContext,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: expectTimeout,
		DisableKeepAlives:     true,
	}
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
