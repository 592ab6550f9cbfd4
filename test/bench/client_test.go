package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
)

// client is one keep-alive connection that costs the machine little, so that
// the figures are the server's.
type client struct {
	conn net.Conn
	// login is a line of the head with credentials, or nothing.
	login string
	in    *bufio.Reader
	out   []byte
}

func dial(addr string) (*client, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &client{conn: conn, in: bufio.NewReaderSize(conn, 64<<10)}, nil
}

func (c *client) close() { c.conn.Close() }

// put writes a key and waits for the answer.
func (c *client) put(path string, form []byte) error {
	c.out = fmt.Appendf(c.out[:0], "PUT /v2/keys%s HTTP/1.1\r\nHost: x\r\n%s"+
		"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n", path, c.login, len(form))
	c.out = append(c.out, form...)
	if _, err := c.conn.Write(c.out); err != nil {
		return err
	}
	status, _, err := c.answer()
	if err == nil && status != 200 && status != 201 {
		err = fmt.Errorf("PUT %s: status %d", path, status)
	}
	return err
}

// get reads a path and returns the size of the body.
func (c *client) get(path string) (int64, error) {
	c.out = fmt.Appendf(c.out[:0], "GET /v2/keys%s HTTP/1.1\r\nHost: x\r\n\r\n", path)
	if _, err := c.conn.Write(c.out); err != nil {
		return 0, err
	}
	status, size, err := c.answer()
	if err == nil && status != 200 {
		err = fmt.Errorf("GET %s: status %d", path, status)
	}
	return size, err
}

var (
	lengthHeader  = []byte("Content-Length: ")
	chunkedHeader = []byte("Transfer-Encoding: chunked")
)

// answer reads one response and throws its body away.
func (c *client) answer() (status int, size int64, err error) {
	line, err := c.line()
	if err != nil {
		return 0, 0, err
	}
	if len(line) < 12 {
		return 0, 0, fmt.Errorf("no status line: %q", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, 0, err
	}
	chunked := false
	for {
		if line, err = c.line(); err != nil || len(line) == 0 {
			break
		}
		if rest, ok := bytes.CutPrefix(line, lengthHeader); ok {
			if size, err = strconv.ParseInt(string(rest), 10, 64); err != nil {
				return 0, 0, err
			}
		}
		chunked = chunked || bytes.Equal(line, chunkedHeader)
	}
	if err != nil {
		return 0, 0, err
	}
	if chunked {
		size, err = c.chunks()
		return status, size, err
	}
	_, err = io.CopyN(io.Discard, c.in, size)
	return status, size, err
}

func (c *client) chunks() (total int64, err error) {
	for {
		line, err := c.line()
		if err != nil {
			return total, err
		}
		n, err := strconv.ParseInt(string(line), 16, 64)
		if err != nil {
			return total, err
		}
		if _, err := io.CopyN(io.Discard, c.in, n+2); err != nil || n == 0 {
			return total, err
		}
		total += n
	}
}

func (c *client) line() ([]byte, error) {
	line, err := c.in.ReadSlice('\n')
	return bytes.TrimRight(line, "\r\n"), err
}
