// Package rawhttp speaks HTTP/1.x from the client's side with nothing in between: the request is the bytes that the
// caller gives, and the answer is seen as it comes, its headers before its body, each part of the body as it arrives,
// a connection cut in the middle as that.
//
// An Exchange is a connection of its own with one request on it (or several, pipelined). Its answers are read by a
// goroutine which ends when they are complete or when Close is called; every method may be called from any goroutine.
package rawhttp

import (
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"
)

// connectTimeout bounds how long a server may take to accept a connection.
const connectTimeout = 10 * time.Second

// Options say how an exchange differs from one plain request.
type Options struct {
	Head    bool // the answer has no body, whatever its headers say
	Replies int  // how many answers to read; 0 is 1
	Hold    bool // read nothing after the headers until Resume, with a small receive buffer: a client that stalls
}

// Exchange is a request under way. Start makes one, Close must be called.
type Exchange struct {
	Began time.Time

	conn   net.Conn
	resume chan struct{}  // closed by Resume
	once   sync.Once      // for resume
	wg     sync.WaitGroup // the writer and the reader

	mu      sync.Mutex
	changed chan struct{} // closed and replaced at each change of replies, under mu
	replies []Reply       // complete ones, then the one that is being read
	done    bool
}

// Start connects to addr (host:port) and sends the bytes. The error is that of the connection attempt; everything
// later shows in the Reply.
func Start(addr string, request []byte, o Options) (*Exchange, error) {
	x := &Exchange{Began: time.Now(), resume: make(chan struct{}),
		changed: make(chan struct{}), replies: make([]Reply, 1)}
	d := net.Dialer{Timeout: connectTimeout}
	if o.Hold {
		d.Control = smallBuffer
	} else {
		x.Resume()
	}
	conn, err := d.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	x.conn = conn
	// The server may answer before it has read everything, and close: what matters of that is seen by the reader.
	x.wg.Go(func() { _, _ = conn.Write(request) })
	x.wg.Go(func() { x.read(o) })
	return x, nil
}

// smallBuffer must be set before the connection is made: the window scale is settled in the handshake.
func smallBuffer(_, _ string, c syscall.RawConn) error {
	var err error
	cerr := c.Control(func(fd uintptr) {
		err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 64<<10)
	})
	return errors.Join(cerr, err)
}

func (x *Exchange) read(o Options) {
	in := newReader(x.conn)
	for n := 1; ; n++ {
		readReply(in, o.Head, x.update, x.resume)
		r := x.Reply()
		if n >= o.Replies || !r.Complete {
			break
		}
		x.mu.Lock()
		x.replies = append(x.replies, Reply{})
		x.mu.Unlock()
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.done = true
	close(x.changed)
	x.changed = make(chan struct{})
}

func (x *Exchange) update(f func(*Reply)) {
	x.mu.Lock()
	defer x.mu.Unlock()
	f(&x.replies[len(x.replies)-1])
	close(x.changed)
	x.changed = make(chan struct{})
}

// Resume lets an exchange that holds read on.
func (x *Exchange) Resume() { x.once.Do(func() { close(x.resume) }) }

// Reply is the answer as far as it has come; with several, the last one begun.
func (x *Exchange) Reply() Reply {
	all := x.Replies()
	return all[len(all)-1]
}

// Replies are all answers so far, never none: the last may not have begun yet.
func (x *Exchange) Replies() []Reply {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Clone(x.replies)
}

// Done says that nothing more will come: all answers are complete or the connection is gone.
func (x *Exchange) Done() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.done
}

// Wait waits until cond holds for the current answer, until nothing more will come, or for the timeout.
// It reports whether it ended before the timeout.
func (x *Exchange) Wait(timeout time.Duration, cond func(Reply) bool) bool {
	late := time.NewTimer(timeout)
	defer late.Stop()
	for {
		x.mu.Lock()
		r, done, changed := x.replies[len(x.replies)-1], x.done, x.changed
		x.mu.Unlock()
		if done || cond(r) {
			return true
		}
		select {
		case <-changed:
		case <-late.C:
			return false
		}
	}
}

// WaitDone waits until nothing more will come, or for the timeout.
func (x *Exchange) WaitDone(timeout time.Duration) bool {
	return x.Wait(timeout, func(Reply) bool { return false })
}

// Close cuts the connection and waits for the goroutines to end. The replies can still be asked for.
func (x *Exchange) Close() {
	x.Resume()
	x.conn.Close()
	x.wg.Wait()
}

// Conn is a connection for one request after the other.
type Conn struct {
	conn net.Conn
	in   *reader
}

// Dial connects to addr (host:port).
func Dial(addr string) (*Conn, error) {
	conn, err := net.DialTimeout("tcp", addr, connectTimeout)
	if err != nil {
		return nil, err
	}
	return &Conn{conn, newReader(conn)}, nil
}

// RoundTrip sends a request and reads its answer. After an answer that is not Complete, or one which says that the
// connection closes, the Conn is of no more use.
func (c *Conn) RoundTrip(request []byte, head bool, timeout time.Duration) (Reply, error) {
	var r Reply
	if err := c.conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		return r, err
	}
	if _, err := c.conn.Write(request); err != nil {
		return r, err
	}
	readReply(c.in, head, func(f func(*Reply)) { f(&r) }, nil)
	if !r.Complete && r.Err == nil {
		r.Err = io.ErrUnexpectedEOF
	}
	return r, r.Err
}

// Close closes the connection.
func (c *Conn) Close() error { return c.conn.Close() }
