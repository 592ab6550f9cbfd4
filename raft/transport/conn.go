package transport

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"
	"unsafe"

	"go.etcd.io/etcd/server/v3/etcdserver/api/rafthttp"
)

// maxDirect bounds what is written directly, in bytes: copying it takes microseconds.
const maxDirect = 4 << 10

// directConn makes its system calls without telling Go's scheduler of them. The scheduler's monitor thread, which takes the
// processor away from a goroutine whose system call blocks, is woken by the first call after a moment of rest and then looks on
// until all rest again: at a heartbeat that is a third of the CPU time. Sockets do not block, so nothing is lost without it; waiting
// is left to the netpoller, with deadlines and Close as ever.
type directConn struct {
	*net.TCPConn
	raw syscall.RawConn
}

// direct leaves a connection alone that is not TCP.
func direct(c net.Conn) net.Conn {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return c
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return c
	}
	return &directConn{TCPConn: tcp, raw: raw}
}

func (c *directConn) Read(p []byte) (n int, err error) {
	if len(p) == 0 {
		return 0, nil
	}
	var failed syscall.Errno
	err = c.raw.Read(func(fd uintptr) bool {
		n, failed = call(syscall.SYS_READ, fd, p)
		return failed != syscall.EAGAIN
	})
	switch {
	case err != nil || failed != 0:
		return 0, c.failure("read", err, failed)
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

func (c *directConn) Write(p []byte) (n int, err error) {
	if len(p) == 0 || len(p) > maxDirect {
		return c.TCPConn.Write(p)
	}
	var failed syscall.Errno
	err = c.raw.Write(func(fd uintptr) bool {
		for n < len(p) {
			var wrote int
			if wrote, failed = call(syscall.SYS_WRITE, fd, p[n:]); failed != 0 {
				return failed != syscall.EAGAIN
			}
			n += wrote
		}
		return true
	})
	if err != nil || failed != 0 {
		return n, c.failure("write", err, failed)
	}
	return n, nil
}

// call reads into p or writes from it, which is not empty.
func call(number, fd uintptr, p []byte) (int, syscall.Errno) {
	for {
		n, _, failed := syscall.RawSyscall(number, fd, uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
		switch failed {
		case 0:
			return int(n), 0
		case syscall.EINTR:
		default:
			return 0, failed
		}
	}
}

// failure is the error that net.TCPConn would have returned.
func (c *directConn) failure(what string, err error, failed syscall.Errno) error {
	var waiting *net.OpError
	switch {
	case errors.As(err, &waiting):
		err = waiting.Err
	case err == nil:
		err = os.NewSyscallError(what, failed)
	}
	return &net.OpError{Op: what, Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}

// NewListener returns l for the peer port: what an idle member does with the connections costs it less.
func NewListener(l net.Listener) net.Listener { return directListener{l} }

type directListener struct{ net.Listener }

func (l directListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return direct(c), nil
}

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
		return streamConn{direct(c)}, nil
	}
}
