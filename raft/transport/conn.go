package transport

import (
	"context"
	"net"
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
