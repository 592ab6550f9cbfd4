package httpapi

import (
	"context"
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
	p := progress{began: h.now()}
	f := form{budget: &h.bodies}
	defer f.release()
	c, err := h.understand(w, r, key, &f, &p)
	if err == nil {
		err = h.dispatch(w, r, &c, &p)
	}
	if err != nil {
		p.status = h.fail(w, r, err)
	}
	h.finish(r, &p, c.Quorum)
}

// understand reads a request: its body, and what it asks for.
func (h *handler) understand(w http.ResponseWriter, r *http.Request, key string, f *form, p *progress) (store.Command, error) {
	now := p.began
	if err := h.readForm(w, r, f); err != nil {
		return store.Command{}, err
	}
	if r.ContentLength != 0 {
		now = h.now() // a TTL begins when the request has come
		p.read = now.Sub(p.began)
	}
	c, refused := parse(r.Method, key, r.URL.RawQuery, f.text, now)
	if refused != nil {
		return c, refused
	}
	return c, nil
}

// dispatch carries out what was asked for. An error means that nothing has been answered.
func (h *handler) dispatch(w http.ResponseWriter, r *http.Request, c *store.Command, p *progress) error {
	if err := h.server.WaitReady(lasting(r)); err != nil {
		return err
	}
	h.server.View().CountAuthLookup()
	v, err := h.permitKey(r, c)
	if err != nil {
		return err
	}
	switch {
	case c.Method == http.MethodGet && c.Quorum:
		if err := h.server.ReadBarrier(lasting(r)); err != nil {
			return err
		}
		if v, err = h.permitKey(r, c); err != nil { // by what is known now
			return err
		}
		p.carried = h.now().Sub(p.began)
		return h.read(w, c, v, p)
	case c.Wait:
		return h.watch(w, r, c)
	case c.Method == http.MethodGet, c.Method == http.MethodHead:
		return h.read(w, c, v, p)
	}
	return h.write(w, r, c, p)
}

// lasting is the context of what is carried out and answered even if its client sends no more: who has closed its side may still listen,
// and gets its answer from the reference. All that waits for it has a limit of its own. A watch has none, and ends with its client.
func lasting(r *http.Request) context.Context {
	if ctx := r.Context(); ctx.Done() != nil {
		return context.WithoutCancel(ctx)
	}
	return r.Context()
}

func notAllowed(w http.ResponseWriter, methods []string) {
	if methods != nil {
		w.Header()["Allow"] = methods
	}
	http.Error(w, "Method Not Allowed", http.StatusMethodNotAllowed)
}
