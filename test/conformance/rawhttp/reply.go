package rawhttp

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Reply is an answer as far as it has come.
type Reply struct {
	Interim  []int // statuses of the 1xx answers before it
	Status   int   // 0: no status line yet
	Header   []Header
	Body     []byte // without chunk framing; never written to again, though a later Reply may share its array
	Complete bool   // the framing says that nothing is missing

	// Err is what ended an answer that is not Complete: io.EOF and the like if the connection went, something else
	// if what came was not HTTP. Nil while the answer is under way.
	Err error

	HeadAt, DoneAt time.Time // when the headers were complete, when nothing more was to come
	Closes         bool      // the connection ends with this answer
}

// Header is one header line. In a Reply, Name is in lower case.
type Header struct{ Name, Value string }

// Get returns the value of a header, the values of repeated ones joined by ", ". The name is in lower case.
func (r Reply) Get(name string) (value string, present bool) {
	var values []string
	for _, h := range r.Header {
		if h.Name == name {
			values = append(values, h.Value)
		}
	}
	return strings.Join(values, ", "), values != nil
}

// Cut says that the connection ended before the status line was complete.
func (r Reply) Cut() bool {
	var netErr net.Error
	return r.Status == 0 && (errors.Is(r.Err, io.EOF) || errors.Is(r.Err, io.ErrUnexpectedEOF) || errors.As(r.Err, &netErr))
}

// reader reads lines and bodies. A line longer than its buffer is an error.
type reader struct{ *bufio.Reader }

func newReader(r io.Reader) *reader { return &reader{bufio.NewReaderSize(r, 64<<10)} }

func (in *reader) line() (string, error) {
	b, err := in.ReadSlice('\n')
	if err != nil {
		return "", err
	}
	return strings.TrimRight(string(b), "\r\n"), nil
}

// readReply reads one answer, telling of each step through update. It waits for resume, if there is one, before the body.
func readReply(in *reader, head bool, update func(func(*Reply)), resume <-chan struct{}) {
	err := readHead(in, update)
	if err == nil {
		if resume != nil {
			<-resume
		}
		err = readBody(in, head, update)
	}
	update(func(r *Reply) {
		r.Err, r.Complete, r.DoneAt = err, err == nil, time.Now()
	})
}

// readHead reads up to the empty line after the headers, passing over 1xx answers.
func readHead(in *reader, update func(func(*Reply))) error {
	for {
		line, err := in.line()
		if err != nil {
			return err
		}
		proto, rest, _ := strings.Cut(line, " ")
		code, _, _ := strings.Cut(rest, " ")
		status, err := strconv.Atoi(code)
		if err != nil || len(code) != 3 || !strings.HasPrefix(proto, "HTTP/1.") {
			return fmt.Errorf("bad status line %q", line)
		}
		var header []Header
		for {
			line, err := in.line()
			if err != nil {
				return err
			}
			if line == "" {
				break
			}
			name, value, _ := strings.Cut(line, ":")
			header = append(header, Header{strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)})
		}
		if status >= 200 {
			update(func(r *Reply) { r.Status, r.Header, r.HeadAt = status, header, time.Now() })
			return nil
		}
		update(func(r *Reply) { r.Interim = append(r.Interim, status) })
	}
}

// readBody reads the body as the headers frame it.
func readBody(in *reader, head bool, update func(func(*Reply))) error {
	var reply Reply
	update(func(r *Reply) { reply = *r })
	connection, _ := reply.Get("connection")
	encoding, _ := reply.Get("transfer-encoding")
	length, hasLength := reply.Get("content-length")
	closes := strings.EqualFold(connection, "close")
	defer func() { update(func(r *Reply) { r.Closes = closes }) }()
	switch {
	case head || reply.Status == 204 || reply.Status == 304:
		return nil
	case strings.Contains(strings.ToLower(encoding), "chunked"):
		return readChunks(in, update)
	case hasLength:
		n, err := strconv.ParseInt(length, 10, 63)
		if err != nil {
			return fmt.Errorf("bad content-length %q", length)
		}
		return readExactly(in, n, update)
	default:
		closes = true
		err := readExactly(in, 1<<62, update)
		// A server that closes before it has read the whole request resets the connection behind its answer.
		if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) {
			return nil
		}
		return err
	}
}

// readExactly reads n bytes of body, handing over each piece as it comes.
func readExactly(in *reader, n int64, update func(func(*Reply))) error {
	for buf := make([]byte, 32<<10); n > 0; {
		got, err := in.Read(buf[:min(n, int64(len(buf)))])
		if got > 0 {
			update(func(r *Reply) { r.Body = append(r.Body, buf[:got]...) })
			n -= int64(got)
		}
		if errors.Is(err, io.EOF) {
			return io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func readChunks(in *reader, update func(func(*Reply))) error {
	for {
		line, err := in.line()
		if err != nil {
			return err
		}
		size, _, _ := strings.Cut(line, ";")
		n, err := strconv.ParseUint(strings.TrimSpace(size), 16, 62)
		if err != nil {
			return fmt.Errorf("bad chunk size %q", line)
		}
		if n == 0 {
			break
		}
		if err := readExactly(in, int64(n), update); err != nil {
			return err
		}
		if line, err := in.line(); err != nil || line != "" {
			return errors.Join(err, fmt.Errorf("chunk of %d bytes followed by %q", n, line))
		}
	}
	for { // trailers
		if line, err := in.line(); err != nil || line == "" {
			return err
		}
	}
}
