package httpapi

import (
	"net/http"
	"runtime"
	"strconv"
	"sync"
	"time"
)

// encoder writes a JSON answer. What is longer than its buffer goes out on the way, so that a listing of a million keys
// takes no more memory than a short one; what is shorter leaves in one piece. One goroutine uses it. The first error of the
// connection stays, and what is written afterwards is dropped.
type encoder struct {
	buf  []byte
	out  http.ResponseWriter
	pace *http.ResponseController // nil until something went out on the way
	// path is the escaped key of the directory that is being listed.
	path []byte
	now  time.Time
	// head is set for HEAD: nothing goes out but the length.
	head bool
	// line is set for an event of a watch: the answer has begun long ago, and nothing is timed.
	line   bool
	status int
	sent   int64
	rested int64 // sent when it slept last
	err    error
}

// keptMemory is the most that an encoder holds between two answers: long names can make it grow.
const keptMemory = 4 * chunkSize

var encoders = sync.Pool{New: func() any { return &encoder{buf: make([]byte, 0, 1<<10)} }}

// newEncoder returns an encoder whose answer goes to w. It has to be freed, after end.
func newEncoder(w http.ResponseWriter) *encoder {
	e := encoders.Get().(*encoder)
	e.out, e.status = w, http.StatusOK
	return e
}

func (e *encoder) free() {
	buf, path := e.buf[:0], e.path[:0]
	if cap(buf)+cap(path) > keptMemory {
		buf, path = nil, nil
	}
	*e = encoder{buf: buf, path: path}
	encoders.Put(e)
}

// spill sends what there is, if it is worth it. Without a client everything stays in the buffer.
func (e *encoder) spill() {
	if len(e.buf) >= chunkSize && e.out != nil {
		e.flush()
	}
}

// flush sends the buffer before the answer is complete. A client has paceTimeout to take it: a listing keeps an old state of
// the whole tree in memory until its last byte is out.
func (e *encoder) flush() {
	if e.pace == nil && !e.head && !e.line {
		e.pace = http.NewResponseController(e.out)
		e.out.WriteHeader(e.status)
	}
	e.send()
	if e.sent-e.rested >= stretch {
		e.rested = e.sent
		time.Sleep(rest)
	} else {
		runtime.Gosched()
	}
}

// A long answer lets the short ones of others go first. After each piece it yields, and after each stretch, in bytes, it sleeps, for as
// short as the runtime can, about a millisecond. To yield alone is not enough: the processor takes the long answer up again
// before it looks for what waits on another one, and there it may wait for tens of milliseconds, behind the garbage collector.
const (
	stretch = 256 << 10
	rest    = 50 * time.Microsecond
)

func (e *encoder) send() {
	e.sent += int64(len(e.buf))
	if e.err == nil && !e.head {
		if e.pace != nil {
			// What cannot keep deadlines is no connection.
			_ = e.pace.SetWriteDeadline(time.Now().Add(paceTimeout))
		}
		_, e.err = e.out.Write(e.buf)
	}
	e.buf = e.buf[:0]
}

// end sends what is left. An answer that did not get through is cut off: it must not look like a complete one.
func (e *encoder) end() {
	switch {
	case e.head:
		e.send()
		e.out.Header()["Content-Length"] = []string{strconv.FormatInt(e.sent, 10)}
		e.out.WriteHeader(e.status)
	case e.pace == nil:
		e.out.WriteHeader(e.status)
		e.send()
	default:
		e.send()
		_ = e.pace.SetWriteDeadline(time.Time{})
	}
	if e.err != nil {
		panic(http.ErrAbortHandler)
	}
}

func (e *encoder) raw(s string) { e.buf = append(e.buf, s...) }

// string appends the inside of a JSON string of any length.
func (e *encoder) string(s string) {
	const piece = chunkSize / longEscape
	for len(s) > piece {
		n := cut(s, piece)
		e.buf = appendEscaped(e.buf, s[:n])
		s = s[n:]
		e.spill()
	}
	e.buf = appendEscaped(e.buf, s)
	e.spill()
}

func (e *encoder) uint(n uint64) { e.buf = strconv.AppendUint(e.buf, n, 10) }
