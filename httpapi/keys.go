package httpapi

import (
	"net/http"

	"pando/store"
)

var keysMethods = []string{"HEAD,GET,PUT,POST,DELETE"}

// serveKey answers a request for a key, "" for the root: keys-api spec, section 5.
func (h *handler) serveKey(w http.ResponseWriter, r *http.Request, key string) {
	switch r.Method {
	case http.MethodHead, http.MethodGet, http.MethodPut, http.MethodPost, http.MethodDelete:
	default:
		notAllowed(w, keysMethods)
		return
	}
	f := form{budget: &h.bodies}
	defer f.release()
	if err := h.readForm(w, r, &f); err != nil {
		h.fail(w, r, err)
		return
	}
	c, refused := parse(r.Method, key, r.URL.RawQuery, f.text, h.now())
	if refused != nil {
		h.fail(w, r, refused)
		return
	}
	if err := h.dispatch(w, r, &c); err != nil {
		h.fail(w, r, err)
	}
}

// dispatch carries out what was asked for. An error means that nothing has been answered.
func (h *handler) dispatch(w http.ResponseWriter, r *http.Request, c *store.Command) error {
	if err := h.server.WaitReady(r.Context()); err != nil {
		return err
	}
	v, err := h.permitKey(r, c)
	if err != nil {
		return err
	}
	switch {
	case c.Method == http.MethodGet && c.Quorum:
		if err := h.server.ReadBarrier(r.Context()); err != nil {
			return err
		}
		if v, err = h.permitKey(r, c); err != nil { // by what is known now
			return err
		}
		return h.read(w, c, v)
	case c.Wait:
		return h.watch(w, r, c)
	case c.Method == http.MethodGet, c.Method == http.MethodHead:
		return h.read(w, c, v)
	}
	return h.write(w, r, c)
}

func notAllowed(w http.ResponseWriter, methods []string) {
	if methods != nil {
		w.Header()["Allow"] = methods
	}
	http.Error(w, "Method Not Allowed", http.StatusMethodNotAllowed)
}
