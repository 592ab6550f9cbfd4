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
	if h.server.View().AuthEnabled() {
		return store.NewError(store.CodeUnauthorized, causeCredentials, 0)
	}
	switch {
	case c.Method == http.MethodGet && c.Quorum:
		if err := h.server.ReadBarrier(r.Context()); err != nil {
			return err
		}
		return h.read(w, c)
	case c.Wait:
		return h.watch(w, r, c)
	case c.Method == http.MethodGet, c.Method == http.MethodHead:
		return h.read(w, c)
	}
	return h.write(w, r, c)
}

// causeCredentials refuses everybody. Without users and roles nobody can prove anything, and what was protected must not
// lie open.
const causeCredentials = "Insufficient credentials"

func notAllowed(w http.ResponseWriter, methods []string) {
	if methods != nil {
		w.Header()["Allow"] = methods
	}
	http.Error(w, "Method Not Allowed", http.StatusMethodNotAllowed)
}
