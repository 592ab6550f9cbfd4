package httpapi

import (
	"io"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
)

// peerMember is a member as the peer port shows it; those who join, and proxies, read it: cluster-api spec, section 11.
type peerMember struct {
	ID         uint64   `json:"id"`
	PeerURLs   []string `json:"peerURLs"`
	Name       string   `json:"name,omitempty"`
	ClientURLs []string `json:"clientURLs,omitempty"`
}

// NewPeer returns the handler of the peer port, raft's own messages excepted: the member list, the version and the probe by
// which members compare their clocks, for which now is the clock. There are no CORS headers, and nothing of the client port is
// served.
func NewPeer(s Server, now func() time.Time) http.Handler {
	mux := chi.NewMux()
	clusterID := []string{hexID(s.ClusterID())}
	mux.HandleFunc("/members", allow(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["X-Etcd-Cluster-Id"] = clusterID
		list := []peerMember{}
		for _, m := range s.View().Members() {
			list = append(list, peerMember{m.ID, listed(m.PeerURLs), m.Name, m.ClientURLs})
		}
		writeJSON(w, http.StatusOK, list)
	}, http.MethodGet))
	mux.HandleFunc("/version", allow(serveVersion(s), http.MethodGet))
	mux.HandleFunc("/raft/probing", func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Content-Type"] = typeText
		_, _ = io.WriteString(w, `{"OK":true,"Now":"`+now().Format(time.RFC3339Nano)+"\"}\n")
	})
	mux.NotFound(http.NotFound)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			hurry(w)
		}
		if isUnclean(r.URL.Path) {
			redirectToClean(w, r)
			return
		}
		mux.ServeHTTP(w, routable(r))
	})
}
