package bench

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"slices"
	"strconv"
	"time"
)

const (
	dialPatience = 10 * time.Second // with the handshake of TLS
	// answerPatience is how long a request may take, or up to renewPatience less: for each of them alone that would cost as much as
	// the request.
	answerPatience = time.Minute
	renewPatience  = time.Second
	// keptBody is how much of an answer is kept, unless more is wanted of it: an error's text.
	keptBody = 4 << 10
)

// untilClose is the length of a body that ends with its connection.
const (
	chunked    = -1
	untilClose = -2
)

// conn is a connection that is opened when it is first used, and again after it has failed or the
// server has closed it. One goroutine at a time uses it. It is closed when the context of the
// request under way ends.
type conn struct {
	target
	more     int           // of an answer that is kept, beyond keptBody
	patience time.Duration // for an answer; 0 has no end: for a watcher
	renewed  time.Time     // when it began
	nc       net.Conn      // nil if not open
	detach   func() bool   // from the context that closes it
	in       *bufio.Reader
	out      []byte
	body     []byte // the last answer's, as far as it is kept
	head     head
}

// head is what of an answer's head counts.
type head struct {
	status int
	length int64 // of the body; or chunked or untilClose
	close  bool  // the server closes the connection behind this answer
}

// request is one request for a key.
type request struct {
	method string
	path   []byte // below /v2/keys
	query  string // "" or with its question mark
	form   []byte // the body, nil if none
}

// do sends a request and reads the whole answer. The body belongs to the connection until its next request.
func (c *conn) do(ctx context.Context, r *request) (status int, body []byte, err error) {
	if err := c.begin(ctx, r); err != nil {
		return 0, nil, err
	}
	err = c.end()
	return c.head.status, c.body, err
}

// begin sends a request and reads the head of its answer; end has to follow. After an error the
// connection is closed.
func (c *conn) begin(ctx context.Context, r *request) error {
	if c.nc == nil {
		if err := c.open(ctx); err != nil {
			return err
		}
	}
	if c.patience > 0 {
		c.renew()
	}
	c.write(r)
	if _, err := c.nc.Write(c.out); err != nil {
		return c.broken(err)
	}
	if err := c.readHead(); err != nil {
		return c.broken(err)
	}
	return nil
}

// renew begins the patience for an answer.
func (c *conn) renew() {
	if now := time.Now(); now.Sub(c.renewed) >= renewPatience {
		c.renewed = now
		_ = c.nc.SetDeadline(now.Add(c.patience)) // of a connection that is closed, the next call tells
	}
}

// end reads the body of the answer.
func (c *conn) end() error {
	if err := c.readBody(); err != nil {
		return c.broken(err)
	}
	if c.head.close {
		c.close()
	}
	return nil
}

func (c *conn) open(ctx context.Context) error {
	soon, cancel := context.WithTimeout(ctx, dialPatience)
	defer cancel()
	nc, err := new(net.Dialer).DialContext(soon, "tcp", c.host)
	if err != nil {
		return err
	}
	if c.tls != nil {
		secure := tls.Client(nc, c.tls)
		if err := secure.HandshakeContext(soon); err != nil {
			nc.Close()
			return err
		}
		nc = secure
	}
	c.nc, c.detach, c.renewed = nc, context.AfterFunc(ctx, func() { nc.Close() }), time.Time{}
	if c.in == nil {
		c.in = bufio.NewReaderSize(nil, keptBody)
	}
	c.in.Reset(nc)
	return nil
}

// broken closes the connection and returns its error without our port, which would make each a kind of its own.
func (c *conn) broken(err error) error {
	c.close()
	var op *net.OpError
	if errors.As(err, &op) {
		op.Source = nil
	}
	return err
}

// close lets the connection go; the next request opens it again.
func (c *conn) close() {
	if c.nc != nil {
		c.detach()
		c.nc.Close()
		c.nc = nil
	}
}

// write puts a request's bytes into out.
func (c *conn) write(r *request) {
	b := append(c.out[:0], r.method...)
	b = append(b, " /v2/keys"...)
	b = append(b, r.path...)
	b = append(b, r.query...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, c.host...)
	b = append(b, "\r\n"...)
	b = append(b, c.auth...)
	if r.form != nil {
		b = append(b, "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: "...)
		b = strconv.AppendInt(b, int64(len(r.form)), 10)
		b = append(b, "\r\n"...)
	}
	b = append(b, "\r\n"...)
	c.out = append(b, r.form...)
}

// readHead reads the status line and the headers (RFC 9112, sections 4 to 6), of which it keeps what
// says where the body ends.
func (c *conn) readHead() error {
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	_, rest, _ := bytes.Cut(line, []byte(" "))
	if !bytes.HasPrefix(line, []byte("HTTP/1.")) || len(rest) < 3 {
		return fmt.Errorf("this is not HTTP/1.1: %q", line)
	}
	status, err := strconv.Atoi(string(rest[:3]))
	if err != nil {
		return fmt.Errorf("this is not HTTP/1.1: %q", line)
	}
	c.head = head{status: status, length: untilClose, close: bytes.HasPrefix(line, []byte("HTTP/1.0"))}
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		if err := c.head.field(name, bytes.TrimSpace(value)); err != nil {
			return err
		}
	}
	c.head.close = c.head.close || c.head.length == untilClose
	return nil
}

// field takes one header into account.
func (h *head) field(name, value []byte) error {
	switch {
	case bytes.EqualFold(name, []byte("Content-Length")):
		n, err := strconv.ParseInt(string(value), 10, 64)
		if err != nil || n < 0 {
			return fmt.Errorf("Content-Length is %q", value)
		}
		h.length = n
	case bytes.EqualFold(name, []byte("Transfer-Encoding")):
		h.length = chunked
	case bytes.EqualFold(name, []byte("Connection")):
		h.close = bytes.EqualFold(value, []byte("close"))
	}
	return nil
}

// readBody reads the body to its end and keeps its beginning.
func (c *conn) readBody() error {
	c.body = c.body[:0]
	switch c.head.length {
	case untilClose:
		return c.keep(c.in, -1)
	case chunked:
		if err := c.keep(httputil.NewChunkedReader(c.in), -1); err != nil {
			return err
		}
		for { // the trailer, which is empty
			line, err := c.in.ReadSlice('\n')
			if err != nil || len(bytes.TrimRight(line, "\r\n")) == 0 {
				return err
			}
		}
	}
	return c.keep(io.LimitReader(c.in, c.head.length), c.head.length)
}

// keep reads r to its end and keeps the beginning in body. want is how many bytes there have to be, -1 if
// nobody said.
func (c *conn) keep(r io.Reader, want int64) error {
	got := int64(0)
	for most := keptBody + c.more; len(c.body) < most; {
		c.body = slices.Grow(c.body, min(512, most-len(c.body)))
		n, err := r.Read(c.body[len(c.body):min(cap(c.body), most)])
		c.body = c.body[:len(c.body)+n]
		got += int64(n)
		if errors.Is(err, io.EOF) {
			return complete(got, want)
		}
		if err != nil {
			return err
		}
		if got == want {
			return nil
		}
	}
	n, err := io.Copy(io.Discard, r)
	if err != nil {
		return err
	}
	return complete(got+n, want)
}

func complete(got, want int64) error {
	if want >= 0 && got != want {
		return io.ErrUnexpectedEOF
	}
	return nil
}
