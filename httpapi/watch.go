package httpapi

import (
	"net/http"

	"pando/eventhistory"
	"pando/store"
)

// watch answers with the next event, or with one after the other: keys-api spec, section 15. The headers go out at once:
// they tell the client that no event from now on is missed. Nothing but the watcher and the path of the request is kept while
// it waits: with HTTP/2 a few bytes of a compressed head can be a megabyte here.
func (h *handler) watch(w http.ResponseWriter, r *http.Request, c *store.Command) error {
	if err := passOver(w, r); err != nil {
		return err
	}
	if !h.watchers.take(1) {
		return &Failure{Status: http.StatusServiceUnavailable, Cause: causeTooManyWatchers}
	}
	defer h.watchers.give(1)
	watcher, err := h.server.Watch(c.Path, c.Recursive, c.Stream, c.Since)
	if err != nil {
		return err
	}
	defer watcher.Close()
	v := h.server.View()
	h.setHeaders(w, newPosition(watcher.StartIndex(), v.RaftIndex, v.RaftTerm))
	w.WriteHeader(http.StatusOK)
	flush := http.NewResponseController(w).Flush
	if flush() != nil {
		return nil // the client has gone
	}
	clear(r.Header)
	for {
		e, err := watcher.Next(r.Context())
		if err != nil {
			endWatch(r, c.Stream)
			return nil
		}
		err = sendEvent(w, e)
		if err == nil && c.Stream && toldTwice(e, c.Path, watcher.StartIndex()) {
			err = sendEvent(w, e)
		}
		if err != nil || !c.Stream {
			return nil
		}
		if flush() != nil {
			return nil
		}
	}
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
