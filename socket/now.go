package socket

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// maxNow is what WriteNow writes with one system call, in bytes.
const maxNow = 64 << 10

// WriteNow writes what there is room for, and waits for nothing. It returns how many bytes that were; too little room is no error.
func (c *Conn) WriteNow(p []byte) (int, error) {
	var n int
	var failed syscall.Errno
	err := c.raw.Write(func(fd uintptr) bool {
		for n < len(p) && failed == 0 {
			var once int
			once, failed = call(syscall.SYS_WRITE, fd, p[n:min(len(p), n+maxNow)])
			n += once
		}
		return true
	})
	if failed == syscall.EAGAIN {
		failed = 0
	}
	if err != nil || failed != 0 {
		return n, c.failure("write", err, failed)
	}
	return n, nil
}

// LimitUnsent has the system take no more than n bytes beyond what is on the way to the other end, so that what waits does so
// here, where it can be seen. A system that does not know how takes what it takes.
func (c *Conn) LimitUnsent(n int) {
	_ = c.raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, n) })
}

// LimitUnanswered ends the connection when the system at its other end has left something unanswered for so long, or has had no
// room for more: it fails then with ETIMEDOUT, after a quarter of an hour otherwise. The limit counts in milliseconds.
func (c *Conn) LimitUnanswered(d time.Duration) {
	_ = c.raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(d.Milliseconds()))
	})
}
