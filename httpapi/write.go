package httpapi

import (
	"net/http"

	"pando/eventhistory"
	"pando/store"
)

// write sends a command through the log and answers with its event.
func (h *handler) write(w http.ResponseWriter, r *http.Request, c *store.Command, p *progress) error {
	t := &timed{Context: lasting(r)}
	result, err := h.server.Do(t, *c)
	p.timing = t.timing
	p.carried = h.now().Sub(p.began)
	if err != nil {
		return err
	}
	if result.Err != nil {
		return result.Err
	}
	v := h.server.View()
	h.setHeaders(w, newPosition(result.Event.Index(), v.RaftIndex, v.RaftTerm))
	enc := newEncoder(w)
	defer enc.free()
	enc.status = statusOf(result.Event)
	enc.event(result.Event)
	enc.end()
	p.status = enc.status
	return nil
}

// statusOf says whether the write made a node.
func statusOf(e *eventhistory.Event) int {
	if e.Action == "create" || e.Action == "set" && e.PrevNode == nil {
		return http.StatusCreated
	}
	return http.StatusOK
}
