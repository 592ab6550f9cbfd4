package bench

import (
	"bufio"
	"bytes"
	"errors"
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
	status, err := c.answer()
	if err == nil && status != 200 && status != 201 {
		err = fmt.Errorf("PUT %s: status %d", path, status)
	}
	return err
}

var lengthHeader = []byte("Content-Length: ")

// answer reads one response and throws its body away. Pando tells the length of the answer to a write.
func (c *client) answer() (status int, err error) {
	line, err := c.line()
	if err != nil {
		return 0, err
	}
	if len(line) < 12 {
		return 0, fmt.Errorf("no status line: %q", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, err
	}
	size := int64(-1)
	for {
		if line, err = c.line(); err != nil {
			return 0, err
		}
		if len(line) == 0 {
			break
		}
		if rest, ok := bytes.CutPrefix(line, lengthHeader); ok {
			if size, err = strconv.ParseInt(string(rest), 10, 64); err != nil {
				return 0, err
			}
		}
	}
	if size < 0 {
		return 0, errors.New("an answer without a length")
	}
	_, err = io.CopyN(io.Discard, c.in, size)
	return status, err
}

func (c *client) line() ([]byte, error) {
	line, err := c.in.ReadSlice('\n')
	return bytes.TrimRight(line, "\r\n"), err
}
