package transport

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"
)

const (
	presencePath = "/raft/presence"

	// Attempts to reach a peer that is not there are that far apart; the pause doubles up to the last.
	firstPresenceRetry = 100 * time.Millisecond
	lastPresenceRetry  = time.Second
	newcomerRetry      = 200 * time.Millisecond // it is expected, and gets nothing before it has answered
	presenceAnswer     = 5 * time.Second        // how long a peer may take to answer the request
)

// A presence is a connection whose end says that the other process has ended, because the kernel closes what a dead process
// leaves behind. rafthttp does not tell when its streams end: it logs, and dials again. Messages go along it (stream.go).

// presences are those that are held open here for others, one for each at most: a newer one ends the older.
type presences struct {
	mu  sync.RWMutex
	own map[uint64]*presence
}

type presence struct {
	end    context.CancelFunc
	stream *stream
}

func (p *presences) replace(id uint64, mine *presence) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if older := p.own[id]; older != nil {
		older.end()
	}
	p.own[id] = mine
}

func (p *presences) forget(id uint64, mine *presence) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.own[id] == mine {
		delete(p.own, id)
	}
}

// cut ends the one of a peer that is no member any more.
func (p *presences) cut(id uint64) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if mine := p.own[id]; mine != nil {
		mine.end()
	}
}

// send sends a message along the connection that a peer has here, if there is one.
func (p *presences) send(m *raftpb.Message) bool {
	p.mu.RLock()
	mine := p.own[m.GetTo()]
	p.mu.RUnlock()
	return mine != nil && mine.stream.send(m)
}

// holdPresence serves GET /raft/presence: a head at once, and a body that ends with this transport.
func (t *Transport) holdPresence(w http.ResponseWriter, r *http.Request, from uint64) *refusal {
	if r.Header.Get("X-Raft-To") != hex(t.cfg.MemberID) {
		return errReceiver
	}
	ctx, cancel := t.whileRunning(r.Context())
	defer cancel()
	c, head, err := hijack(w)
	if err != nil {
		return badRequest("a presence needs a connection of its own: %v", err)
	}
	mine := &presence{end: cancel, stream: newStream(c, head)}
	t.held.replace(from, mine) // before the peer knows that it has an answer
	if t.cfg.Handler.Removed(from) {
		cancel() // meanwhile: cut may have come too early
	}
	mine.stream.serve(ctx)
	t.held.forget(from, mine)
	(&receiver{t}).ReportUnreachable(from) // what was on the way may be lost
	return nil
}

// attend begins, renews or ends the presence connection to a peer, after its URLs or what it is have changed. It wants the
// lock held.
func (t *Transport) attend(id uint64, p *peer) {
	if p.cancel != nil {
		p.cancel()
		p.cancel = nil
	}
	if p.kind == Etcd {
		return
	}
	ctx, cancel := context.WithCancel(t.ctx)
	p.cancel = cancel
	t.running.Add(1) // not stopped: the caller has looked
	go t.watch(ctx, id, p.urls, p.knock)
}

// watch holds a presence connection to a peer for as long as ctx lasts.
func (t *Transport) watch(ctx context.Context, id uint64, urls []string, knock <-chan struct{}) {
	defer t.running.Done()
	pause := firstPresenceRetry
	for i := 0; ; i++ {
		held, err := t.present(ctx, id, urls[i%len(urls)])
		switch {
		case ctx.Err() != nil:
			return
		case held:
			t.log.Info("the connection to a peer broke", zap.String("peer", hex(id)), zap.Error(err))
			t.lostSight(id)
			t.cfg.Broken(id)
			pause = firstPresenceRetry
		default:
			t.log.Debug("no connection to a peer", zap.String("peer", hex(id)), zap.Error(err))
			pause = min(2*pause, t.longestPause(id))
		}
		select {
		case <-time.After(pause):
		case <-knock:
		case <-ctx.Done():
			return
		}
	}
}

func (t *Transport) longestPause(id uint64) time.Duration {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if p := t.peers[id]; p != nil && p.kind == Newcomer {
		return newcomerRetry
	}
	return lastPresenceRetry
}

// present returns when the connection has ended, or could not be made: then held is false.
func (t *Transport) present(ctx context.Context, id uint64, base string) (held bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	request, err := t.newRequest(ctx, http.MethodGet, base+presencePath, nil, id)
	if err != nil {
		return false, err
	}
	late := time.AfterFunc(presenceAnswer, cancel)
	answer, err := t.client.RoundTrip(request)
	if !late.Stop() || err != nil {
		if err == nil {
			_ = answer.Body.Close() // nothing was read from it
		}
		return false, fmt.Errorf("no answer: %w", err)
	}
	defer answer.Body.Close()
	t.answeredAs(id, answer.Header.Get("X-Server-Version") != "", base) // that header is not on a page that etcd does not have
	if answer.StatusCode != http.StatusOK {
		return false, fmt.Errorf("status %d", answer.StatusCode)
	}
	if of := answer.Header.Get("X-Etcd-Cluster-ID"); of != hex(t.cfg.ClusterID) {
		return false, fmt.Errorf("an answer of cluster %q", of)
	}
	t.log.Debug("connected to a peer", zap.String("peer", hex(id)))
	return true, t.listenTo(ctx, id, answer.Body)
}
