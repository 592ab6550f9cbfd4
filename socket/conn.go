// Package socket has connections that cost Go's scheduler less than those of package net.
package socket

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"unsafe"
)

// maxDirect bounds what is written directly, in bytes: copying it takes microseconds.
const maxDirect = 4 << 10

// Conn is a TCP connection whose system calls are made without telling Go's scheduler of them. The scheduler's monitor thread, which
// takes the processor away from a goroutine whose system call blocks, is woken by the first call after a moment of rest and then
// looks on until all rest again: at a heartbeat that is a third of the CPU time. Sockets do not block, so nothing is lost without it; waiting
// is left to the netpoller, with deadlines and Close as ever. Any goroutine may call its methods, as those of a net.TCPConn.
type Conn struct {
	*net.TCPConn
	raw syscall.RawConn
}

// Direct returns c as such a connection. One that is not TCP is left alone.
func Direct(c net.Conn) net.Conn {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return c
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return c
	}
	return &Conn{TCPConn: tcp, raw: raw}
}

// operation is a read or a write under way. The two methods are kept as functions, so that none has to be made for each.
type operation struct {
	p           []byte
	done        int
	failed      syscall.Errno
	read, write func(fd uintptr) bool
}

var operations = sync.Pool{New: func() any {
	o := new(operation)
	o.read, o.write = o.readFrom, o.writeTo
	return o
}}

// readFrom reports whether there was something to read: bytes, the end, or an error.
func (o *operation) readFrom(fd uintptr) bool {
	o.done, o.failed = call(syscall.SYS_READ, fd, o.p)
	return o.failed != syscall.EAGAIN
}

// writeTo reports whether all has been written, or nothing more can be.
func (o *operation) writeTo(fd uintptr) bool {
	for o.done < len(o.p) {
		n, failed := call(syscall.SYS_WRITE, fd, o.p[o.done:])
		if o.failed = failed; failed != 0 {
			return failed != syscall.EAGAIN
		}
		o.done += n
	}
	return true
}

// begin takes an operation for p. It has to be ended.
func begin(p []byte) *operation {
	o := operations.Get().(*operation)
	o.p, o.done, o.failed = p, 0, 0
	return o
}

// end returns what the operation has done, in bytes and with its error.
func (o *operation) end() (n int, failed syscall.Errno) {
	n, failed = o.done, o.failed
	o.p = nil
	operations.Put(o)
	return n, failed
}

// Read implements net.Conn.
func (c *Conn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	o := begin(p)
	err := c.raw.Read(o.read)
	n, failed := o.end()
	switch {
	case err != nil || failed != 0:
		return 0, c.failure("read", err, failed)
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// Write implements net.Conn.
func (c *Conn) Write(p []byte) (int, error) {
	if len(p) == 0 || len(p) > maxDirect {
		return c.TCPConn.Write(p)
	}
	o := begin(p)
	err := c.raw.Write(o.write)
	n, failed := o.end()
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
func (c *Conn) failure(what string, err error, failed syscall.Errno) error {
	var waiting *net.OpError
	switch {
	case errors.As(err, &waiting):
		err = waiting.Err
	case err == nil:
		err = os.NewSyscallError(what, failed)
	}
	return &net.OpError{Op: what, Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}
