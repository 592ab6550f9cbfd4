package history

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"pando/test/fault/keys"
)

// Event is what a watcher was told of one change.
type Event struct {
	Index  uint64
	Action string
	Key    string
	Value  string
	Prev   uint64 // modifiedIndex of what was there before; 0 if nothing was
	Ended  bool   // the key is gone: delete or expire
}

// Watcher follows everything below a directory from one index on, whatever happens to the servers: when one falls silent or
// breaks the connection it goes on with the next. It asks for what it missed by waitIndex, as clients do.
type Watcher struct {
	dir       string
	endpoints []string
	stream    bool
	silence   time.Duration

	mu     sync.Mutex
	events []Event
	last   uint64 // index of the latest event, or where the watch began
	err    error
}

// Watch starts no goroutine: the caller runs Follow. The watcher begins after the index from. With stream it reads a
// stream=true watch as long as that lasts, else it polls event by event. A server that is silent for so long is left for
// the next one; a server may have nothing to tell.
func Watch(endpoints []string, dir string, from uint64, stream bool, silence time.Duration) *Watcher {
	return &Watcher{dir: dir, endpoints: endpoints, stream: stream, silence: silence, last: from}
}

// Follow watches until ctx ends or the events that are needed next have left the history, which Events reports.
func (w *Watcher) Follow(ctx context.Context) {
	for n := 0; ctx.Err() == nil && w.failed() == nil; n++ {
		endpoint := w.endpoints[n%len(w.endpoints)]
		if w.stream {
			w.followStream(ctx, endpoint)
		} else {
			w.poll(ctx, endpoint, 0)
		}
		// A server that is down answers at once: the next one is asked, but not a thousand times a second.
		breath := time.NewTimer(10 * time.Millisecond)
		select {
		case <-ctx.Done():
		case <-breath.C:
		}
		breath.Stop()
	}
}

// Events are those that the watcher was told so far, in the order in which it was. The error is why it could not go on.
func (w *Watcher) Events() ([]Event, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]Event(nil), w.events...), w.err
}

// Last is the index of the latest event.
func (w *Watcher) Last() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last
}

func (w *Watcher) failed() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// followStream opens a stream, then polls for what lies between the last event and the index at which the stream began,
// and then reads the stream. (etcd's answer to stream=true with an old waitIndex leaves events out.)
func (w *Watcher) followStream(ctx context.Context, endpoint string) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	quiet := time.AfterFunc(w.silence, cancel)
	defer quiet.Stop()
	resp, err := w.open(ctx, endpoint, keys.Path(w.dir, "wait", "true", "recursive", "true", "stream", "true"))
	if err != nil {
		return
	}
	defer resp.Body.Close()
	began, err := strconv.ParseUint(resp.Header.Get("X-Etcd-Index"), 10, 64)
	if err != nil {
		w.fail(fmt.Errorf("a stream without an index: %w", err))
		return
	}
	if w.Last() < began && !w.poll(ctx, endpoint, began) {
		return
	}
	var before uint64
	for dec := json.NewDecoder(resp.Body); ; {
		e := new(keys.Event)
		if err := dec.Decode(e); err != nil {
			return
		}
		quiet.Reset(w.silence)
		if e.Node == nil || e.Node.ModifiedIndex <= before {
			w.fail(fmt.Errorf("%s: a stream at index %d goes on with %+v", endpoint, before, e))
			return
		}
		before = e.Node.ModifiedIndex
		if before > w.Last() { // a server that lagged behind tells what others have told already
			w.take(e)
		}
	}
}

// poll asks event by event until the server is silent, breaks off, or has told everything up to the index until (if that
// is not 0), which it reports.
func (w *Watcher) poll(ctx context.Context, endpoint string, until uint64) bool {
	for ctx.Err() == nil {
		ctx, cancel := context.WithTimeout(ctx, w.silence)
		e, err := w.next(ctx, endpoint)
		cancel()
		switch {
		case err != nil:
			return false
		case e.ErrorCode != 0:
			if e.ErrorCode == 401 {
				w.fail(fmt.Errorf("the history does not reach back to %d: %s", w.Last()+1, e.Cause))
			}
			return false
		case e.Node == nil:
			return false // an answer that was cut
		case e.Node.ModifiedIndex <= w.Last():
			w.fail(fmt.Errorf("%s was asked for %d and told %d", endpoint, w.Last()+1, e.Node.ModifiedIndex))
			return false
		case until > 0 && e.Node.ModifiedIndex > until:
			return true // the stream has it too
		}
		w.take(e)
		if until > 0 && e.Node.ModifiedIndex == until {
			return true
		}
	}
	return false
}

func (w *Watcher) next(ctx context.Context, endpoint string) (*keys.Event, error) {
	from := strconv.FormatUint(w.Last()+1, 10)
	resp, err := w.open(ctx, endpoint, keys.Path(w.dir, "wait", "true", "recursive", "true", "waitIndex", from))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	e := new(keys.Event)
	return e, json.NewDecoder(resp.Body).Decode(e)
}

var errStatus = errors.New("the server refuses to watch")

func (w *Watcher) open(ctx context.Context, endpoint, target string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint+target, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err == nil && resp.StatusCode >= http.StatusInternalServerError {
		resp.Body.Close()
		return nil, errStatus
	}
	return resp, err
}

func (w *Watcher) take(e *keys.Event) {
	event := Event{Index: e.Node.ModifiedIndex, Action: e.Action, Key: e.Node.Key, Value: e.Node.Value,
		Ended: e.Action == "delete" || e.Action == "expire" || e.Action == "compareAndDelete"}
	if e.PrevNode != nil {
		event.Prev = e.PrevNode.ModifiedIndex
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, event)
	w.last = event.Index
}

func (w *Watcher) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = errors.Join(w.err, err)
}
