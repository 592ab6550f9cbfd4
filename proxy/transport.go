package proxy

import (
	"context"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"time"
)

const (
	idleConnections = 128 // kept to each member
	// idleTimeout is shorter than that of any member, so that a member hardly ever closes a connection that is being used again.
	idleTimeout = time.Minute
	// A member whose machine is gone is noticed after keepAliveIdle and three times keepAliveInterval.
	keepAliveIdle, keepAliveInterval = 15 * time.Second, 5 * time.Second
	maxHeaderBytes                   = 1 << 20 // of an answer
)

// newTransport returns the way to the members: HTTP/1 without any retry of its own for what writes.
func newTransport(cfg Config) *http.Transport {
	t := around(cfg, connect(cfg))
	t.TLSHandshakeTimeout = cfg.DialTimeout
	t.DisableCompression = true // bytes go through as they are
	t.MaxIdleConnsPerHost = idleConnections
	t.IdleConnTimeout = idleTimeout
	t.MaxResponseHeaderBytes = maxHeaderBytes
	// A read that waits on an idle connection would run into its timeout just when the connection is used again.
	t.DisableKeepAlives = cfg.ReadTimeout > 0
	return t
}

func around(cfg Config, connect Connect) *http.Transport {
	if cfg.Transport != nil {
		return cfg.Transport(connect)
	}
	return &http.Transport{Proxy: http.ProxyFromEnvironment, DialContext: connect}
}

// connect returns a function that connects to members; its connections keep the timeouts.
func connect(cfg Config) Connect {
	dialer := net.Dialer{Timeout: cfg.DialTimeout, KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: keepAliveIdle, Interval: keepAliveInterval, Count: 3,
	}}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &memberConn{Conn: c, read: cfg.ReadTimeout, write: cfg.WriteTimeout}, nil
	}
}

// memberConn bounds each read and each write (0 is no bound), and knows whether anything has been written.
type memberConn struct {
	net.Conn
	read, write time.Duration
	written     atomic.Int64 // bytes
}

func (c *memberConn) Read(b []byte) (int, error) {
	if c.read > 0 {
		if err := c.SetReadDeadline(time.Now().Add(c.read)); err != nil {
			return 0, err
		}
	}
	return c.Conn.Read(b)
}

func (c *memberConn) Write(b []byte) (int, error) {
	if c.write > 0 {
		if err := c.SetWriteDeadline(time.Now().Add(c.write)); err != nil {
			return 0, err
		}
	}
	n, err := c.Conn.Write(b)
	c.written.Add(int64(n))
	return n, err
}

// sending finds out whether anything of a request was sent. net/http has one request at a time on a connection, may take
// another connection when nothing could be written to the first, and has ended its writing when it returns an error.
type sending struct {
	mu     sync.Mutex
	conn   *memberConn
	before int64 // what had been written to conn
	sent   bool
}

// trace returns a request that s watches.
func (s *sending) trace(r *http.Request) *http.Request {
	return r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{GotConn: func(got httptrace.GotConnInfo) {
		c := got.Conn
		if secure, ok := c.(interface{ NetConn() net.Conn }); ok { // a *tls.Conn, or what has one
			c = secure.NetConn()
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.note()
		if s.conn, _ = c.(*memberConn); s.conn == nil {
			s.sent = true // who knows
			return
		}
		s.before = s.conn.written.Load()
	}}))
}

func (s *sending) note() {
	if s.conn != nil && s.conn.written.Load() != s.before {
		s.sent = true
	}
}

// anything reports whether a byte of the request was sent. Call it after the error.
func (s *sending) anything() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.note()
	return s.sent
}
