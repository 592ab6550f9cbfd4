package httpapi

import (
	"net/http"
	"slices"
	"strings"
)

var (
	corsMethods = []string{"POST, GET, OPTIONS, PUT, DELETE"}
	corsHeaders = []string{"accept, content-type, authorization"}
	corsAny     = []string{"*"}
)

// cors says which origins get the CORS headers (keys-api spec, section 17). The zero value gives them to nobody.
type cors struct {
	any     bool
	origins []string
}

func newCORS(list []string) cors {
	var c cors
	for _, o := range list {
		if o = strings.TrimSpace(o); o != "" {
			c.any = c.any || o == "*"
			c.origins = append(c.origins, o)
		}
	}
	return c
}

func (c *cors) set(h http.Header, r *http.Request) {
	switch {
	case len(c.origins) == 0:
		return
	case c.any:
		h["Access-Control-Allow-Origin"] = corsAny
	default:
		origin := r.Header["Origin"]
		if len(origin) == 0 || !slices.Contains(c.origins, origin[0]) {
			return
		}
		h["Access-Control-Allow-Origin"] = []string{origin[0]}
	}
	h["Access-Control-Allow-Methods"] = corsMethods
	h["Access-Control-Allow-Headers"] = corsHeaders
}

// WithCORS adds the CORS headers of a client port to what h answers, and answers OPTIONS itself, as the client port does. For
// h that is none: a proxy.
func WithCORS(origins []string, h http.Handler) http.Handler {
	c := newCORS(origins)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.set(w.Header(), r)
		if r.Method != http.MethodOptions {
			h.ServeHTTP(w, r)
		}
	})
}
