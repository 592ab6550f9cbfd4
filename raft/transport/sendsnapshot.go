package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"go.etcd.io/etcd/server/v3/etcdserver/api/rafthttp"
	"go.etcd.io/raft/v3/raftpb"
)

const (
	// expectTimeout is how long a sender waits for the receiver's word that it wants the snapshot.
	expectTimeout = 5 * time.Second
	// installTimeout is how long a receiver may take after the last byte: it syncs, verifies, and decodes the whole tree.
	installTimeout = 10 * time.Minute
)

// ErrNotPando refuses to stream a snapshot to a member that is not a peer or not known to be Pando: it goes with Send, as
// one message.
var ErrNotPando = errors.New("transport: the peer is not known to be Pando")

var errStalled = errors.New("transport: the peer has stopped taking the snapshot")

// SendSnapshot streams a snapshot to a peer that is Pando and returns when that has installed it. m is a MsgSnap without
// data; open gives the bytes of the .snap file and their number, once for each of the peer's URLs that is tried. How it ended is
// reported to the Handler, as it is for a MsgSnap that went with Send, but for ErrNotPando, when nothing was sent. The error says
// why it failed.
func (t *Transport) SendSnapshot(ctx context.Context, to uint64, m *raftpb.Message, open func() (io.ReadCloser, int64, error)) error {
	if !t.enter() {
		return errStopped
	}
	defer t.leave()
	ctx, cancel := t.whileRunning(ctx)
	defer cancel()
	err := t.sendSnapshot(ctx, to, m, open)
	if t.ctx.Err() == nil && !errors.Is(err, ErrNotPando) {
		t.cfg.Handler.ReportSnapshot(to, err == nil)
	}
	if err != nil {
		return fmt.Errorf("snapshot to member %x: %w", to, err)
	}
	return nil
}

func (t *Transport) sendSnapshot(ctx context.Context, to uint64, m *raftpb.Message, open func() (io.ReadCloser, int64, error)) error {
	head, err := envelope(m)
	if err != nil {
		return err
	}
	urls := t.urlsOfPando(to)
	if len(urls) == 0 {
		return ErrNotPando
	}
	for _, url := range urls {
		var answered bool
		if answered, err = t.postSnapshot(ctx, to, url, head, open); err == nil || answered || ctx.Err() != nil {
			break
		}
	}
	return err
}

func (t *Transport) urlsOfPando(id uint64) []string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if p := t.peers[id]; p != nil && p.kind != Etcd && p.mayGet() {
		return slices.Clone(p.urls)
	}
	return nil
}

// postSnapshot tries one URL. If the peer answered, another URL would bring the same answer.
func (t *Transport) postSnapshot(ctx context.Context, to uint64, url string, head []byte,
	open func() (io.ReadCloser, int64, error)) (answered bool, err error) {
	file, size, err := open()
	if err != nil {
		return true, err
	}
	defer file.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	out := &progress{r: io.MultiReader(bytes.NewReader(head), file)}
	out.stalled = time.AfterFunc(stallTimeout, func() { cancel(errStalled) })
	defer out.Close()
	request, err := t.newRequest(ctx, http.MethodPost, url+rafthttp.RaftSnapshotPrefix, out, to)
	if err != nil {
		return true, err
	}
	request.ContentLength = int64(len(head)) + size
	request.Header.Set("Content-Type", "application/octet-stream")
	request.Header.Set("Expect", "100-continue") // a refusal comes before anything was sent
	answer, err := t.client.RoundTrip(request)
	if err != nil {
		return false, errors.Join(err, context.Cause(ctx))
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusNoContent {
		return true, nil
	}
	text, _ := io.ReadAll(io.LimitReader(answer.Body, 1024)) // a part of the reason is better than none
	return true, fmt.Errorf("status %d: %s", answer.StatusCode, strings.TrimSpace(string(text)))
}

// progress is the body of a snapshot on its way. The connection asks for more whenever the receiver has taken something. It
// may ask once more when the answer is there already: nothing is read after Close.
type progress struct {
	stalled *time.Timer

	mu     sync.Mutex
	r      io.Reader
	closed bool
}

func (p *progress) Read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return 0, http.ErrBodyReadAfterClose
	}
	p.stalled.Reset(stallTimeout)
	n, err := p.r.Read(b)
	if err == io.EOF {
		p.stalled.Reset(installTimeout)
	}
	return n, err
}

// Close waits for a Read that is under way, which a file's is not for long.
func (p *progress) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.stalled.Stop()
	return nil
}
