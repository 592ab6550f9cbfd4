package transport

import (
	"context"
	"io"
	"net/http"
	"time"
)

const (
	maxMessage        = 64 << 20  // bytes of a message
	maxMemorySnapshot = 512 << 20 // bytes of a MsgSnap from etcd, which comes as one message
	maxMessages       = 16        // messages whose bodies are being read
	stallTimeout      = 30 * time.Second
)

// slots bounds how much of something goes on at a time.
type slots chan struct{}

func (s slots) acquire(ctx context.Context) bool {
	select {
	case s <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (s slots) tryAcquire() bool {
	select {
	case s <- struct{}{}:
		return true
	default:
		return false
	}
}

func (s slots) release() { <-s }

// body reads a request's body for as long as it makes progress and the transport runs.
type body struct {
	t    *Transport
	r    io.Reader
	conn *http.ResponseController
}

func (t *Transport) newBody(w http.ResponseWriter, r *http.Request) *body {
	return &body{t: t, r: r.Body, conn: http.NewResponseController(w)}
}

func (b *body) Read(p []byte) (int, error) {
	// A writer that has no deadlines is one of a test's; then only the peer's end ends the read.
	_ = b.conn.SetReadDeadline(time.Now().Add(stallTimeout))
	if b.t.ctx.Err() != nil {
		return 0, errStopped
	}
	return b.r.Read(p)
}

// interruptAtStop makes a Read return that waits while the transport stops. The function it returns ends that, and lifts the
// deadline so that the connection can be used again.
func (b *body) interruptAtStop() func() {
	unregister := context.AfterFunc(b.t.ctx, func() { _ = b.conn.SetReadDeadline(time.Unix(1, 0)) })
	return func() {
		if unregister() {
			_ = b.conn.SetReadDeadline(time.Time{})
		}
	}
}
