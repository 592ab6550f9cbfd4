package proxy

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
)

// ServeHTTP answers what is about the proxy itself and passes on everything else.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/v2/config/local/proxy":
		p.serveConfig(w, r)
		return
	case r.URL.Path == "/metrics":
		p.metrics.handler.ServeHTTP(w, r)
		return
	case r.Method == http.MethodConnect: // a tunnel is no request that a member knows
		notAllowed(w, "GET, HEAD, POST, PUT, DELETE")
		return
	}
	p.metrics.come(r)
	delete(r.Header, "Cookie") // no member reads them; with HTTP/2 a watch would keep much more of them than the client has sent
	if r.ContentLength != 0 {
		r.Body = newPacedBody(w, r.Body, p.pace)
	}
	if isWatch(r) {
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(p.watches, cancel)()
		r = r.WithContext(ctx)
	}
	select {
	case <-p.looked:
	case <-r.Context().Done():
		panic(http.ErrAbortHandler)
	}
	p.forward.ServeHTTP(newPacedWriter(w, p.pace), r)
}

// isWatch: it may be answered at any time, or never.
func isWatch(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.Contains(r.URL.RawQuery, "wait")
}

// ReadOnly lets nothing through but GET: everything else, HEAD and OPTIONS included, is an empty 501.
func ReadOnly(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			w.WriteHeader(http.StatusNotImplemented)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// serveConfig says which members requests go to now.
func (p *Proxy) serveConfig(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		notAllowed(w, "GET")
		return
	}
	list := struct {
		Endpoints []string `json:"endpoints"`
	}{[]string{}}
	for _, e := range p.endpoints.available() {
		list.Endpoints = append(list.Endpoints, e.text)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_ = json.NewEncoder(w).Encode(list) // the client has gone
}

func notAllowed(w http.ResponseWriter, allowed string) {
	w.Header().Set("Allow", allowed)
	http.Error(w, "Method Not Allowed", http.StatusMethodNotAllowed)
}

// writeMessage is the JSON error of the v2 API outside of keys (cluster-api spec, section 1).
func writeMessage(w http.ResponseWriter, status int, err error) {
	text, _ := json.Marshal(struct { // a string encodes
		Message string `json:"message"`
	}{err.Error()})
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text)
}
