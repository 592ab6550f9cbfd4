package transport

import (
	"context"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"go.etcd.io/etcd/server/v3/etcdserver/api/rafthttp"

	"pando/socket"
)

// streamConn is this member's end of a stream that it reads. The other end says something at least every third of a timeout.
type streamConn struct{ net.Conn }

func (c streamConn) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(rafthttp.ConnReadTimeout)); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

func (c streamConn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(rafthttp.ConnWriteTimeout)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// streamDialer connects to a peer for a stream.
func streamDialer(timeout time.Duration) func(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := &net.Dialer{Timeout: timeout, KeepAlive: 30 * time.Second}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return streamConn{socket.Direct(c)}, nil
	}
}

// NewListener returns l, of the peer port, with connections on which no write takes longer than a timeout: a peer whose process or
// host stands still would otherwise keep rafthttp's writer to it, and nobody else could come to that: not the same peer with
// a new connection, nor who removes it, nor Stop.
func NewListener(l net.Listener) net.Listener { return &listener{l} }

type listener struct{ net.Listener }

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &servedConn{Conn: socket.Direct(c)}, nil
}

// servedConn is this member's end of a connection that a peer has made.
type servedConn struct {
	net.Conn
	mu       sync.Mutex
	deadline time.Time // of writes
	cut      bool      // nothing is written any more
}

func (c *servedConn) Write(p []byte) (int, error) {
	if err := c.allow(); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

func (c *servedConn) allow() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	switch {
	case c.cut:
		return os.ErrDeadlineExceeded
	case c.deadline.Sub(now) > rafthttp.ConnWriteTimeout/2:
		return nil
	}
	c.deadline = now.Add(rafthttp.ConnWriteTimeout)
	return c.Conn.SetWriteDeadline(c.deadline)
}

// SetWriteDeadline with a time that has passed is for good.
func (c *servedConn) SetWriteDeadline(at time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline, c.cut = at, c.cut || !at.IsZero() && !at.After(time.Now())
	return c.Conn.SetWriteDeadline(at)
}

// NetConn returns the connection below, as that of a tls.Conn does.
func (c *servedConn) NetConn() net.Conn { return c.Conn }

// CloseWrite is that of a TCP connection; net/http looks for it.
func (c *servedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// streams are those that peers read from here. rafthttp waits for its writers when a peer is removed, and nothing can be sent to
// anybody meanwhile.
type streams struct {
	mu  sync.Mutex
	all map[*http.ResponseController]uint64
}

// open adds a stream. The caller ends it.
func (s *streams) open(id uint64, stream *http.ResponseController) (end func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all[stream] = id
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.all, stream)
	}
}

// cut ends the writes to a peer, or to all with 0, that wait for it to read.
func (s *streams) cut(id uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for stream, of := range s.all {
		if id == 0 || id == of {
			_ = stream.SetWriteDeadline(time.Now()) // a connection without deadlines is none of a peer's
		}
	}
}
