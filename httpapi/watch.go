package httpapi

import (
	"net/http"
	"strings"

	"pando/eventhistory"
	"pando/store"
)

// parker is a http.ResponseWriter whose answer can wait without a goroutine: package front has them.
type parker interface {
	http.ResponseWriter
	// Waker returns what makes the answer go on, from any goroutine.
	Waker() (wake func())
	// Park is called with the answer's header set. goOn is called at once and whenever wake was called; when it returns true the
	// answer is complete. end is called once, when the answer is complete or the client has gone.
	Park(goOn func(http.ResponseWriter) (done bool), end func())
}

// watch answers with the next event, or with one after the other: keys-api spec, section 15. The headers go out at once:
// they tell the client that no event from now on is missed.
func (h *handler) watch(w http.ResponseWriter, r *http.Request, c *store.Command) error {
	if err := passOver(w, r); err != nil {
		return err
	}
	cost := watchCost(&h.watchers, c.Path)
	if !h.watchers.take(cost) {
		return &Failure{Status: http.StatusServiceUnavailable, Cause: causeTooManyWatchers}
	}
	p, parks := w.(parker)
	var wake func()
	if parks {
		wake = p.Waker()
	}
	watcher, err := h.server.Watch(c.Path, c.Recursive, c.Stream, c.Since, wake)
	if err != nil {
		h.watchers.give(cost)
		return err
	}
	answer := &watching{budget: &h.watchers, watcher: watcher, path: c.Path, stream: c.Stream}
	v := h.server.View()
	h.setHeaders(w, newPosition(watcher.StartIndex(), v.RaftIndex, v.RaftTerm))
	w.WriteHeader(http.StatusOK)
	if parks {
		p.Park(answer.goOn, answer.end)
		return nil
	}
	defer answer.end()
	answer.wait(w, r)
	return nil
}

// watching is an answer to a watch. Nothing else is kept while it waits: with HTTP/2 a few bytes of a compressed head can be a
// megabyte here.
type watching struct {
	budget  *budget // that it was taken from
	watcher *eventhistory.Watcher
	path    string
	stream  bool
}

func (a *watching) end() {
	a.watcher.Close()
	a.budget.give(watchCost(a.budget, a.path))
}

// What a waiting watch takes, and what package eventhistory takes besides for each element of its path if nobody shares it, in bytes.
const (
	watchMemory = 2 << 10
	pointMemory = 80
)

// watchCost is what a watch of path takes of the budget: 1, or as many times as much as its path takes memory. All of the budget
// suffices for any.
func watchCost(watchers *budget, path string) int64 {
	memory := len(path) + pointMemory*strings.Count(path, "/")
	return min(int64(1+memory/watchMemory), watchers.limit)
}

// goOn sends the events that there are, and returns true after the last one.
func (a *watching) goOn(w http.ResponseWriter) (done bool) {
	for {
		e, err := a.watcher.Poll()
		switch {
		case err != nil && a.stream:
			return true
		case err != nil:
			panic(http.ErrAbortHandler) // as in wait
		case e == nil:
			return false
		}
		if a.send(w, e) != nil || !a.stream {
			return true // to a client that has gone nothing is complete
		}
	}
}

// wait sends the events as they come, until the last one or until the client has gone.
func (a *watching) wait(w http.ResponseWriter, r *http.Request) {
	flush := http.NewResponseController(w).Flush
	clear(r.Header)
	for flush() == nil {
		e, err := a.watcher.Next(r.Context())
		if err != nil {
			endWatch(r, a.stream)
			return
		}
		if a.send(w, e) != nil || !a.stream {
			return
		}
	}
}

// send sends an event, and a second time to whom the reference tells it twice.
func (a *watching) send(w http.ResponseWriter, e *eventhistory.Event) error {
	err := sendEvent(w, e)
	if err == nil && a.stream && toldTwice(e, a.path, a.watcher.StartIndex()) {
		err = sendEvent(w, e)
	}
	return err
}

// sendEvent sends one line. All who are told of an event share its encoding; that of a long one would take memory as long as
// the event is in the history, so it is written piece by piece for each of them.
func sendEvent(w http.ResponseWriter, e *eventhistory.Event) error {
	if e.Size() <= chunkSize {
		_, err := w.Write(e.Encoded(encodeEvent))
		return err
	}
	enc := newEncoder(w)
	defer enc.free()
	enc.line = true
	enc.event(e)
	enc.send()
	return enc.err
}

// toldTwice reports whether a stream gets an event two times, as the reference's do of the removal of the very node that they
// watch: its rules for the key and for what was removed with it both hold (keys-api spec, section 15.4). A replay finds it once.
func toldTwice(e *eventhistory.Event, path string, accepted uint64) bool {
	switch e.Action {
	case "delete", "compareAndDelete", "expire":
		return e.Node.Key == path && e.Index() > accepted
	}
	return false
}

// endWatch ends an answer that has no further event. A stream ends after a whole line, and its client asks again. A poll
// without its event must not look like an answer: it is cut off, as by a server that stops. A client that has closed its side
// and still listens gets the end, as the reference gives it.
func endWatch(r *http.Request, stream bool) {
	if !stream && r.Context().Err() == nil {
		panic(http.ErrAbortHandler)
	}
}
