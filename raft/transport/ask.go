package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

// maxAsked bounds the body of a question between members, and of its answer, in bytes.
const maxAsked = 64 << 10

// bodyTimeout is how long the body of a question may take.
const bodyTimeout = 5 * time.Second

// ErrNoPeer says that a member is not known here, so that it cannot be asked.
var ErrNoPeer = errors.New("transport: the member is not a peer")

// Answer answers a question that a member asked with Ask: a status and a body.
type Answer func(ctx context.Context, body []byte) (status int, answer []byte)

// Questions returns the handler for a path of its own on the peer port, where members of this cluster ask with Ask. The
// context ends when the asker leaves or the transport stops.
func (t *Transport) Questions(answer Answer) http.Handler {
	return t.guarded(senderOf, errRemoved, func(w http.ResponseWriter, r *http.Request, _ uint64) *refusal {
		if r.Method != http.MethodPost {
			return &refusal{status: http.StatusMethodNotAllowed, body: "Method Not Allowed"}
		}
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxAsked))
		if err != nil {
			return badRequest("the body cannot be read: %v", err)
		}
		_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
		ctx, cancel := t.whileRunning(r.Context())
		defer cancel()
		status, text := answer(ctx, body)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write(text)
		return nil
	})
}

// Ask sends a question to a peer, to its URLs one after the other, and returns its answer. After an error the peer may have
// got it or not. It does not end by itself because the transport stops: the asker may be among those that the answer concerns.
func (t *Transport) Ask(ctx context.Context, to uint64, path string, body []byte) (status int, answer []byte, err error) {
	urls := t.urlsOf(to)
	if len(urls) == 0 {
		return 0, nil, ErrNoPeer
	}
	for _, url := range urls {
		if status, answer, err = t.ask(ctx, to, url+path, body); err == nil || ctx.Err() != nil {
			break
		}
	}
	return status, answer, err
}

func (t *Transport) ask(ctx context.Context, to uint64, url string, body []byte) (int, []byte, error) {
	request, err := t.newRequest(ctx, http.MethodPost, url, bytes.NewReader(body), to)
	if err != nil {
		return 0, nil, err
	}
	resp, err := t.client.RoundTrip(request)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAsked))
	if err != nil {
		return 0, nil, fmt.Errorf("the answer of %s broke off: %w", url, err)
	}
	return resp.StatusCode, text, nil
}

func (t *Transport) urlsOf(id uint64) []string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if p := t.peers[id]; p != nil {
		return slices.Clone(p.urls)
	}
	return nil
}
