package front

import (
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// lengthKnown is up to how many bytes an answer is kept until it is complete, so that its length stands in its head: as many as
// net/http keeps.
const lengthKnown = 2048

// sniffed is how many bytes a type is told from.
const sniffed = 512

// sendSize is how much of an answer is sent at once.
const sendSize = 32 << 10

// asItIs is from which length on a piece is sent without being copied: a client that does not read keeps no second one in memory.
const asItIs = 8 << 10

// response is the http.ResponseWriter of one exchange, and a piece of an answer that was parked and goes on.
type response struct {
	conn   *conn
	header http.Header // of the answer
	status int         // 0 until WriteHeader
	out    []byte      // to be sent: the head once it is known, and what follows it
	held   []byte      // of the body, while its length may still become known
	err    error       // of the connection

	isHead  bool // the request is one for the head alone
	begun   bool // the head is in out or has been sent
	chunked bool
	last    bool // the connection ends with this answer
	waits   *parkedAnswer
	timed   bool    // it has a write deadline
	member  *member // who of the crew sends this piece of a parked answer
}

// Header implements http.ResponseWriter. It must not be changed after WriteHeader.
func (w *response) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter.
func (w *response) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

// Write implements io.Writer. What is longer than lengthKnown begins to go out.
func (w *response) Write(p []byte) (int, error) {
	if holdBack(w, p) {
		return len(p), nil
	}
	if !hasBody(w.status) {
		return 0, http.ErrBodyNotAllowed
	}
	if !w.begun {
		w.begin(p, false)
	}
	if len(p) >= asItIs && w.member == nil && !w.isHead {
		w.sendWith(p)
	} else if w.piece(p); len(w.out) >= sendSize {
		w.send()
	}
	if w.err != nil {
		return 0, w.err
	}
	return len(p), nil
}

// WriteString implements io.StringWriter.
func (w *response) WriteString(s string) (int, error) {
	if holdBack(w, s) {
		return len(s), nil
	}
	return w.Write([]byte(s))
}

// holdBack keeps a piece of the body while the length may still become known, and returns false when it cannot.
func holdBack[T string | []byte](w *response, p T) bool {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	if w.begun || !hasBody(w.status) || len(w.held)+len(p) > lengthKnown {
		return false
	}
	w.held = append(w.held, p...)
	return true
}

// piece appends a piece of the body.
func (w *response) piece(p []byte) {
	switch {
	case w.isHead || len(p) == 0:
	case w.chunked:
		w.chunkSize(p)
		w.out = append(w.out, p...)
		w.out = append(w.out, lineEnd...)
	default:
		w.out = append(w.out, p...)
	}
}

// chunkSize appends what stands before a chunk.
func (w *response) chunkSize(p []byte) {
	w.out = strconv.AppendInt(w.out, int64(len(p)), 16)
	w.out = append(w.out, lineEnd...)
}

var lineEnd = []byte("\r\n")

// begin appends the head, and what was held back of the body. Next is what follows that; complete says that it is all there is.
func (w *response) begin(next []byte, complete bool) {
	w.begun = true
	stopping := w.conn.server.stopping.Load()
	options := w.header["Connection"]
	said := !stopping && len(options) > 0 && options[0] == "close"
	if w.last = w.last || said || stopping; w.last && !said {
		delete(w.header, "Connection")
	}
	if !hasBody(w.status) {
		delete(w.header, "Content-Length")
	}
	if w.status == http.StatusNotModified {
		delete(w.header, "Content-Type")
	}
	w.out = statusLine(w.out, w.status)
	w.out = appendFields(w.out, w.header)
	if _, dated := w.header["Date"]; !dated {
		w.out = appendDate(w.out)
	}
	_, hasLength := w.header["Content-Length"]
	if complete && !hasLength && hasBody(w.status) && !(w.isHead && len(w.held) == 0) {
		w.out = append(w.out, "Content-Length: "...)
		w.out = strconv.AppendInt(w.out, int64(len(w.held)), 10)
		w.out = append(w.out, "\r\n"...)
		hasLength = true
	}
	if w.untyped() && len(w.held)+len(next) > 0 {
		start := append(w.held, next[:min(len(next), sniffed)]...)
		w.out = appendField(w.out, "Content-Type", http.DetectContentType(start))
	}
	if w.last && !said {
		w.out = append(w.out, "Connection: close\r\n"...)
	}
	if w.chunked = !hasLength && !w.isHead && hasBody(w.status); w.chunked {
		w.out = append(w.out, "Transfer-Encoding: chunked\r\n"...)
	}
	w.out = append(w.out, "\r\n"...)
	w.piece(w.held)
	w.held = w.held[:0]
}

// untyped: the answer's type is what its first bytes look like.
func (w *response) untyped() bool {
	_, typed := w.header["Content-Type"]
	return !typed && hasBody(w.status) && w.header.Get("Content-Encoding") == ""
}

// hasBody: RFC 9110, section 6.4.1.
func hasBody(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}

// end completes the answer and sends it.
func (w *response) end() {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	if !w.begun {
		w.begin(nil, true)
	}
	if w.chunked {
		w.out = append(w.out, "0\r\n\r\n"...)
	}
	w.send()
	if w.timed {
		_ = w.SetWriteDeadline(time.Time{}) // the next answer has a deadline of its own
	}
}

// FlushError is what http.ResponseController calls.
func (w *response) FlushError() error {
	w.commit()
	w.send()
	return w.err
}

// commit appends the head of an answer that goes on.
func (w *response) commit() {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	if !w.begun {
		w.begin(nil, false)
	}
}

// Flush implements http.Flusher.
func (w *response) Flush() { _ = w.FlushError() }

// send sends what there is.
func (w *response) send() {
	if len(w.out) == 0 {
		return
	}
	switch {
	case w.err != nil:
	case w.member != nil:
		w.err = w.member.write(w.conn, w.out)
	default:
		_, w.err = w.conn.tcp.Write(w.out)
	}
	w.out = w.out[:0]
}

// sendWith sends what there is, and a piece of the body behind it.
func (w *response) sendWith(p []byte) {
	end := []byte(nil)
	if w.chunked {
		w.chunkSize(p)
		end = lineEnd
	}
	if w.err == nil {
		pieces := net.Buffers{w.out, p, end} // one system call
		_, w.err = pieces.WriteTo(w.conn.tcp)
	}
	w.out = w.out[:0]
}

// SetReadDeadline is for the body, and that has been read.
func (w *response) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline is what http.ResponseController calls.
func (w *response) SetWriteDeadline(t time.Time) error {
	w.timed = !t.IsZero()
	return w.conn.tcp.SetWriteDeadline(t)
}

// reset is for the next answer of whatever connection. Buffers that have grown are given up.
func (w *response) reset() {
	clear(w.header)
	out, held := w.out[:0], w.held[:0]
	if cap(out) > 2*sendSize {
		out = nil
	}
	*w = response{header: w.header, out: out, held: held}
}

// body is what came with a request, whole.
type body struct{ rest string }

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if b.rest == "" {
		return 0, io.EOF
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

// Close implements io.Closer.
func (b *body) Close() error { return nil }

// Whole returns all of the body at once: for a reader that knows of it.
func (b *body) Whole() string {
	all := b.rest
	b.rest = ""
	return all
}
