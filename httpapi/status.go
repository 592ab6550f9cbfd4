package httpapi

import (
	"cmp"
	"io"
	"net/http"
	"slices"
	"strings"
)

const (
	// serverVersion is what tools and joining members take this server for. They parse it.
	serverVersion = "2.3.8"
	// notDecided is the cluster's version before the first election.
	notDecided = "not_decided"
)

var typeText = []string{"text/plain; charset=utf-8"}

// serveVersion answers on both ports, at any time: cluster-api spec, section 5.
func serveVersion(s Server) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		cluster := s.View().ClusterVersion()
		if cluster == "" {
			cluster = notDecided
		}
		w.Header()["Content-Type"] = typeJSON
		_, _ = io.WriteString(w, `{"etcdserver":"`+serverVersion+`","etcdcluster":"`+cluster+`"}`)
	}
}

// serveHealth answers at once: cluster-api spec, section 6. A header says which members are not Pando, if that has
// consequences.
func (h *handler) serveHealth(w http.ResponseWriter, r *http.Request) {
	if others := h.server.NotPando(); others != nil {
		w.Header()["X-Pando-Mixed-With"] = []string{cmp.Or(strings.Join(others, ", "), "nobody any more")}
	}
	if !h.server.Healthy() {
		http.Error(w, `{"health": "false"}`, http.StatusServiceUnavailable)
		return
	}
	w.Header()["Content-Type"] = typeText
	_, _ = io.WriteString(w, `{"health": "true"}`)
}

// serveMachines lists the client URLs of all members: cluster-api spec, section 3.
func (h *handler) serveMachines(w http.ResponseWriter, r *http.Request) {
	var urls []string
	for _, m := range h.server.View().Members() {
		urls = append(urls, m.ClientURLs...)
	}
	slices.Sort(urls)
	w.Header()["Content-Type"] = typeText
	_, _ = io.WriteString(w, strings.Join(urls, ", "))
}

// allow refuses other methods than those given.
func allow(f http.HandlerFunc, methods ...string) http.HandlerFunc {
	list := []string{strings.Join(methods, ",")}
	return func(w http.ResponseWriter, r *http.Request) {
		if !slices.Contains(methods, r.Method) {
			notAllowed(w, list)
			return
		}
		f(w, r)
	}
}
