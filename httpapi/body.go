package httpapi

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"pando/store"
)

const formType = "application/x-www-form-urlencoded"

// The causes of error 210 for a body that is too long and of error 300 when bodyBudget is used up.
const (
	causeTooLarge = "http: POST too large"
	causeTooMany  = "etcdserver: too many requests"
)

// chunkSize is how much of a body or an answer is in memory for its own sake.
const chunkSize = 32 << 10

var chunks = sync.Pool{New: func() any { return new([chunkSize]byte) }}

// form is the body of a request as far as it counts. It has to be released when the request has been answered.
type form struct {
	text     string
	reserved int64
	budget   *budget
}

func (f *form) release() {
	if f.reserved > 0 {
		f.budget.give(f.reserved)
		f.reserved = 0
	}
}

// readForm reads the body of a PUT or POST if it is a form; any other is not touched (keys-api spec, section 4.1). Memory
// follows what has arrived, not what was announced. A client that is too slow loses its connection: readForm panics.
func (h *handler) readForm(w http.ResponseWriter, r *http.Request, f *form) error {
	if r.Method != http.MethodPut && r.Method != http.MethodPost {
		return nil
	}
	isForm, err := hasForm(r)
	if err != nil || !isForm || r.ContentLength == 0 {
		return err
	}
	if whole, ok := r.Body.(interface{ Whole() string }); ok && r.ContentLength <= h.limits.BodyBytes {
		f.text = whole.Whole() // it came with the head: package front
		return nil
	}
	chunk := chunks.Get().(*[chunkSize]byte)
	defer chunks.Put(chunk)
	b := bodyReader{w: w, body: r.Body, chunk: chunk[:], max: h.limits.BodyBytes}
	if r.ContentLength > b.max {
		if len(r.Header["Expect"]) == 0 { // who asks first need not send it
			_ = b.discard() // the answer is the same however that ends
		}
		return tooLarge()
	}
	return b.read(f)
}

// hasForm looks at the content type. A malformed one is an error even if it begins well.
func hasForm(r *http.Request) (bool, error) {
	contentType := r.Header["Content-Type"]
	if len(contentType) == 0 || contentType[0] == "" {
		return false, nil
	}
	if contentType[0] == formType {
		return true, nil
	}
	mediaType, _, err := mime.ParseMediaType(contentType[0])
	if err != nil {
		return false, store.NewError(store.CodeInvalidForm, err.Error(), 0)
	}
	return mediaType == formType, nil
}

// hurry gives the client paceTimeout to send what comes next of its body. It is called for every request that has one, read
// or not: net/http drains what the handler leaves, before it answers, and would wait for ever. The deadline stays when a
// body is given up; the next request has its own.
func hurry(w http.ResponseWriter) {
	// What cannot keep deadlines is no connection.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(paceTimeout))
}

// relax lets the client be silent for as long as it likes, once its body has been read.
func relax(w http.ResponseWriter) { _ = http.NewResponseController(w).SetReadDeadline(time.Time{}) }

// bodyReader reads a body chunk by chunk. The client has been hurried for the first.
type bodyReader struct {
	w     http.ResponseWriter
	body  io.Reader
	chunk []byte
	max   int64 // bytes that read accepts
}

// next fills the chunk. The last bytes come with io.EOF.
func (b *bodyReader) next() (chunk []byte, err error) {
	n := 0
	for n < len(b.chunk) && err == nil {
		var m int
		m, err = b.body.Read(b.chunk[n:])
		n += m
	}
	switch err {
	case nil:
		hurry(b.w)
	case io.EOF:
		relax(b.w)
	}
	return b.chunk[:n], err
}

func (b *bodyReader) read(f *form) error {
	chunk, err := b.next()
	if err == io.EOF && int64(len(chunk)) <= b.max {
		f.text = string(chunk)
		return nil
	}
	var text strings.Builder
	for {
		if int64(text.Len()+len(chunk)) > b.max {
			return tooLarge()
		}
		if text.Len()+len(chunk) > text.Cap() {
			grow := int64(text.Cap() + len(chunk)) // as Grow does
			if !f.budget.take(grow) {
				return &Failure{Status: http.StatusServiceUnavailable, Cause: causeTooMany}
			}
			f.reserved += grow
			text.Grow(len(chunk))
		}
		text.Write(chunk)
		if err == io.EOF {
			f.text = text.String()
			return nil
		}
		if err != nil {
			return bodyError(err)
		}
		chunk, err = b.next()
	}
}

// discard takes what a client sends of a body that is refused, so that it gets to read the answer, up to maxDiscard.
// Without an error all of it has been read.
func (b *bodyReader) discard() error {
	for taken := 0; taken <= maxDiscard; {
		chunk, err := b.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return bodyError(err)
		}
		taken += len(chunk)
	}
	return tooLarge()
}

var errTooLong = errors.New(causeTooLarge)

// smallBody reads the body of a request that is no form, of a chunk at most: beyond that the error is errTooLong.
func smallBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	chunk := chunks.Get().(*[chunkSize]byte)
	defer chunks.Put(chunk)
	b := bodyReader{w: w, body: r.Body, chunk: chunk[:]}
	text, err := b.next()
	switch {
	case err == nil:
		_ = b.discard() // the answer is the same however that ends
		return nil, errTooLong
	case err != io.EOF:
		cutIfSlow(err)
		return nil, err
	}
	return bytes.Clone(text), nil
}

// passOver reads the body of a request that is going to wait for long, and that has no use for it: net/http notices that a
// client has gone only once its body has been read.
func passOver(w http.ResponseWriter, r *http.Request) error {
	if r.ContentLength == 0 {
		return nil
	}
	chunk := chunks.Get().(*[chunkSize]byte)
	defer chunks.Put(chunk)
	b := bodyReader{w: w, body: r.Body, chunk: chunk[:]}
	return b.discard()
}

func tooLarge() error { return store.NewError(store.CodeInvalidForm, causeTooLarge, 0) }

// bodyError is what a body is answered with that broke off.
func bodyError(err error) error {
	cutIfSlow(err)
	return store.NewError(store.CodeInvalidForm, err.Error(), 0)
}

// cutIfSlow cuts a client that sent nothing for too long: it would take an answer for that of its next request.
func cutIfSlow(err error) {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		panic(http.ErrAbortHandler)
	}
}
