package socket

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/nettest"
)

// pair returns both ends of a connection, of which the first was dialled.
func pair(t *testing.T) (here, there net.Conn, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer listener.Close()
	if here, err = net.Dial("tcp", listener.Addr().String()); err != nil {
		return nil, nil, err
	}
	here = Direct(here)
	if there, err = listener.Accept(); err != nil {
		return nil, nil, err
	}
	there = Direct(there)
	for _, c := range []net.Conn{here, there} {
		if _, ok := c.(*Conn); !ok {
			return nil, nil, fmt.Errorf("the connection is a %T", c)
		}
	}
	return here, there, nil
}

// TestConn: it keeps the promises of a net.Conn.
func TestConn(t *testing.T) {
	nettest.TestConn(t, func() (here, there net.Conn, stop func(), err error) {
		here, there, err = pair(t)
		return here, there, func() { _, _ = here.Close(), there.Close() }, err
	})
}

// TestErrors: errors are as those of TCP, whose types net/http and rafthttp look at.
func TestErrors(t *testing.T) {
	read := func(c net.Conn) error { _, err := c.Read(make([]byte, 1)); return err }
	for _, test := range []struct {
		name, op string
		fail     func(c, other net.Conn) error
		causes   []error // one of them
	}{
		{"closed", "read", func(c, _ net.Conn) error { return errors.Join(c.Close(), read(c)) }, []error{net.ErrClosed}},
		{"late", "read", func(c, _ net.Conn) error { return errors.Join(c.SetReadDeadline(time.Unix(1, 0)), read(c)) }, []error{os.ErrDeadlineExceeded}},
		{"reset", "read", func(c, other net.Conn) error {
			return errors.Join(other.(*Conn).SetLinger(0), other.Close(), read(c))
		}, []error{syscall.ECONNRESET}},
		{"nobody reads", "write", func(c, other net.Conn) (err error) {
			for err = other.Close(); err == nil; _, err = c.Write([]byte("x")) {
			}
			return err
		}, []error{syscall.EPIPE, syscall.ECONNRESET}},
	} {
		t.Run(test.name, func(t *testing.T) {
			here, there, err := pair(t)
			if err != nil {
				t.Fatal(err)
			}
			defer here.Close()
			defer there.Close()
			err = test.fail(here, there)
			if !slices.ContainsFunc(test.causes, func(cause error) bool { return errors.Is(err, cause) }) {
				t.Errorf("%v in place of one of %v", err, test.causes)
			}
			var op *net.OpError
			if !errors.As(err, &op) || op.Op != test.op || op.Net != "tcp" {
				t.Errorf("%#v is not of a %s", op, test.op)
			}
		})
	}
}
