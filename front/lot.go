package front

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// lot is where the parked connections are: the system tells when something comes from one of them (epoll(7)). Go's own poller
// would need a goroutine that waits for each.
type lot struct {
	poll *os.File
	raw  syscall.RawConn

	mu    sync.Mutex
	spots []*conn  // who has which spot; nil: nobody
	free  []uint32 // spots that nobody has
	turn  []uint32 // how often each spot was taken: events of one who has left are nobody's
}

// spot is a connection's place in the lot. It is taken when it parks for the first time.
type spot struct {
	raw   syscall.RawConn
	index uint32
	turn  uint32
}

// told is how many events are fetched at once.
const told = 128

func newLot() (*lot, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("front: epoll: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("front: epoll: %w", err)
	}
	l := &lot{poll: os.NewFile(uintptr(fd), "epoll")} // which is itself watched by Go's poller
	if l.raw, err = l.poll.SyscallConn(); err != nil {
		l.poll.Close()
		return nil, fmt.Errorf("front: epoll: %w", err)
	}
	return l, nil
}

// watch tells the connections what was heard of them, until the lot is closed.
func (l *lot) watch() {
	events := make([]unix.EpollEvent, told)
	for {
		n, failed := 0, error(nil)
		err := l.raw.Read(func(fd uintptr) bool {
			n, failed = unix.EpollWait(int(fd), events, 0)
			return n > 0 || failed != nil && failed != unix.EINTR
		})
		if err != nil || failed != nil {
			return // it was closed
		}
		for _, e := range events[:n] {
			if c := l.at(uint32(e.Fd), uint32(e.Pad)); c != nil {
				c.heard(e.Events&(unix.EPOLLERR|unix.EPOLLHUP) != 0)
			}
		}
	}
}

func (l *lot) at(index, turn uint32) *conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.turn[index] != turn {
		return nil
	}
	return l.spots[index]
}

// listen asks to be told, once, when something comes from a connection, or has come already; deaf: only when it has broken. That it
// has left meanwhile does not matter.
func (l *lot) listen(s spot, deaf bool) {
	events := uint32(unix.EPOLLONESHOT)
	if !deaf {
		events |= unix.EPOLLIN | unix.EPOLLRDHUP
	}
	l.control(s, unix.EPOLL_CTL_MOD, events)
}

// control does nothing for a connection that is closed.
func (l *lot) control(s spot, op int, events uint32) {
	e := unix.EpollEvent{Events: events, Fd: int32(s.index), Pad: int32(s.turn)}
	_ = l.raw.Control(func(poll uintptr) {
		_ = s.raw.Control(func(fd uintptr) { _ = unix.EpollCtl(int(poll), op, int(fd), &e) })
	})
}

// enter gives a connection a spot, unless it has one. Its owner calls it.
func (l *lot) enter(c *conn) {
	if c.spot.raw != nil {
		return
	}
	raw, err := c.tcp.SyscallConn()
	if err != nil {
		panic("front: a connection without a descriptor: " + err.Error())
	}
	c.spot = l.take(c, raw)
	l.control(c.spot, unix.EPOLL_CTL_ADD, unix.EPOLLONESHOT)
}

func (l *lot) take(c *conn, raw syscall.RawConn) spot {
	l.mu.Lock()
	defer l.mu.Unlock()
	index := uint32(len(l.spots))
	if n := len(l.free); n > 0 {
		index = l.free[n-1]
		l.free = l.free[:n-1]
	} else {
		l.spots, l.turn = append(l.spots, nil), append(l.turn, 0)
	}
	l.turn[index]++
	l.spots[index] = c
	return spot{raw, index, l.turn[index]}
}

// leave takes a connection out, before it is closed or handed on.
func (l *lot) leave(c *conn) {
	if c.spot.raw == nil {
		return
	}
	l.control(c.spot, unix.EPOLL_CTL_DEL, 0)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.spots[c.spot.index] = nil
	l.turn[c.spot.index]++
	l.free = append(l.free, c.spot.index)
	c.spot = spot{}
}

func (l *lot) close() { l.poll.Close() }

// read reads what there is, without waiting; isAgain tells that there is nothing. 0 bytes are the end.
func (s *spot) read(b []byte) (n int, err error) {
	controlled := s.raw.Control(func(fd uintptr) { n, err = unix.Read(int(fd), b) })
	if controlled != nil {
		return -1, controlled
	}
	return n, err
}

// tryWrite writes what the system takes at once.
func (s *spot) tryWrite(b []byte) (n int, err error) {
	controlled := s.raw.Control(func(fd uintptr) { n, err = unix.Write(int(fd), b) })
	switch {
	case controlled != nil:
		return 0, controlled
	case err != nil && !isAgain(err):
		return 0, &net.OpError{Op: "write", Err: err}
	}
	return max(n, 0), nil
}

func isAgain(err error) bool { return errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) }
