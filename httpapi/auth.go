package httpapi

import (
	"net"
	"net/http"
	"strings"

	"pando/auth"
	"pando/store"
)

const causeCredentials = "Insufficient credentials"

// credentialsOf reads who a request says that it is from: cluster-api spec, section 9.2. An empty header is none.
func credentialsOf(r *http.Request) auth.Credentials {
	c := auth.Credentials{From: clientOf(r)}
	if r.Header.Get("Authorization") == "" {
		c.Anonymous = true
		return c
	}
	var ok bool
	c.User, c.Password, ok = r.BasicAuth()
	c.Malformed = !ok
	return c
}

// clientOf is the address of the client, without its port.
func clientOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// permitKey returns the View by which a request on the keys API is allowed, so that the answer shows nothing of a state in which
// it would not be. The path counts as it was sent.
func (h *handler) permitKey(r *http.Request, c *store.Command) (*store.View, error) {
	return h.permit(func(v *store.View) error {
		return h.auth.AllowKey(lasting(r), v, credentialsOf(r), auth.Want{
			Key:       strings.TrimPrefix(r.URL.Path, keysRoute),
			Write:     r.Method != http.MethodGet && r.Method != http.MethodHead,
			Recursive: c.Recursive,
		})
	})
}

// permitRoot allows a request that administers, once the log has been replayed: before, nobody knows whether authentication is
// enabled.
func (h *handler) permitRoot(r *http.Request) error {
	if err := h.server.WaitReady(lasting(r)); err != nil {
		return err
	}
	_, err := h.permit(func(v *store.View) error { return h.auth.AllowRoot(lasting(r), v, credentialsOf(r)) })
	return err
}

// permit returns the View by which a request is allowed. With authentication off that is any request. Checking a password
// takes long; if users or roles changed meanwhile, it is decided again.
func (h *handler) permit(allow func(*store.View) error) (*store.View, error) {
	v := h.server.View()
	for v.AuthEnabled() {
		if err := allow(v); err != nil {
			return nil, err
		}
		now := h.server.View()
		if now.AuthRecords() == v.AuthRecords() {
			break
		}
		v = now
	}
	return v, nil
}
