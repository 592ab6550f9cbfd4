package proxy

import (
	"io"
	"net/http"
	"time"
)

const (
	// paceTimeout is how long a client may take for each paceBytes of a body, and for each piece of an answer, as on a
	// member's port.
	paceTimeout = 30 * time.Second
	paceBytes   = 32 << 10
)

// pacedBody gives a client a deadline for each piece of its body. After the last the connection may be silent for as
// long as it likes: a watch's body must not end the watch.
type pacedBody struct {
	io.ReadCloser
	c    *http.ResponseController
	pace time.Duration // for each piece
	left int           // of the piece
}

func newPacedBody(w http.ResponseWriter, body io.ReadCloser, pace time.Duration) *pacedBody {
	b := &pacedBody{ReadCloser: body, c: http.NewResponseController(w), pace: pace, left: paceBytes}
	b.deadline(time.Now().Add(pace))
	return b
}

func (b *pacedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.left -= n
	switch {
	case err == io.EOF:
		b.deadline(time.Time{})
	case err == nil && b.left <= 0:
		b.left = paceBytes
		b.deadline(time.Now().Add(b.pace))
	}
	return n, err
}

// deadline does nothing on what is no connection.
func (b *pacedBody) deadline(t time.Time) { _ = b.c.SetReadDeadline(t) }

// pacedWriter cuts a client that does not take what there is for it: otherwise it would hold two connections for ever.
// Between pieces nothing is timed.
type pacedWriter struct {
	http.ResponseWriter
	c    *http.ResponseController
	pace time.Duration // for each piece
}

func newPacedWriter(w http.ResponseWriter, pace time.Duration) *pacedWriter {
	return &pacedWriter{w, http.NewResponseController(w), pace}
}

func (w *pacedWriter) Write(b []byte) (int, error) {
	defer w.timed()()
	return w.ResponseWriter.Write(b)
}

// FlushError is what http.ResponseController calls.
func (w *pacedWriter) FlushError() error {
	defer w.timed()()
	return w.c.Flush()
}

// Unwrap lets http.ResponseController find the rest.
func (w *pacedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// timed begins the time of one piece, and returns what ends it.
func (w *pacedWriter) timed() func() {
	_ = w.c.SetWriteDeadline(time.Now().Add(w.pace)) // what cannot keep deadlines is no connection
	return func() { _ = w.c.SetWriteDeadline(time.Time{}) }
}
