package httpapi

import (
	"io"
	"net/http"
	"slices"
	"strings"

	jsoniter "github.com/json-iterator/go"

	"pando/store"
)

const membersRoute = "/v2/members"

// The list of allowed methods of /v2/members is the reference's, with GET first and PUT last.
var membersMethods = []string{"GET,POST,DELETE,PUT"}

// clientMember is a member as the client port shows it: cluster-api spec, section 2.
type clientMember struct {
	ID         string   `json:"id"`
	Name       string   `json:"name"`
	PeerURLs   []string `json:"peerURLs"`
	ClientURLs []string `json:"clientURLs"`
}

func newClientMember(m store.Member) clientMember {
	return clientMember{ID: hexID(m.ID), Name: m.Name, PeerURLs: listed(m.PeerURLs), ClientURLs: listed(m.ClientURLs)}
}

// listed makes no URLs an empty list instead of null.
func listed(urls []string) []string {
	if urls == nil {
		return []string{}
	}
	return urls
}

// serveMembers tells who the members are, at any time. Membership does not change in this version: what would change it
// is refused, in the form that the reference's errors have.
func (h *handler) serveMembers(w http.ResponseWriter, r *http.Request) {
	rest := strings.TrimPrefix(r.URL.Path, membersRoute)
	switch r.Method {
	case http.MethodGet:
		w.Header()["X-Etcd-Cluster-Id"] = h.clusterID
		h.getMembers(w, rest)
	case http.MethodPut, http.MethodDelete:
		w.Header()["X-Etcd-Cluster-Id"] = h.clusterID
		if rest == "" || rest == "/" {
			notAllowed(w, nil)
			return
		}
		writeMessage(w, http.StatusNotImplemented, "membership changes are not supported")
	case http.MethodPost:
		w.Header()["X-Etcd-Cluster-Id"] = h.clusterID
		writeMessage(w, http.StatusNotImplemented, "membership changes are not supported")
	default:
		notAllowed(w, membersMethods)
	}
}

func (h *handler) getMembers(w http.ResponseWriter, rest string) {
	members := h.server.View().Members()
	switch rest {
	case "", "/":
		list := make([]clientMember, 0, len(members))
		for _, m := range members {
			list = append(list, newClientMember(m))
		}
		writeJSON(w, http.StatusOK, struct {
			Members []clientMember `json:"members"`
		}{list})
	case "/leader":
		leader := h.server.Leader()
		i := slices.IndexFunc(members, func(m store.Member) bool { return m.ID == leader })
		if leader == 0 || i < 0 {
			writeMessage(w, http.StatusServiceUnavailable, "During election")
			return
		}
		writeJSON(w, http.StatusOK, newClientMember(members[i]))
	default:
		writeMessage(w, http.StatusNotFound, "Not found")
	}
}

// writeMessage sends the error form of everything but the keys API: no newline at the end (cluster-api spec, section 1).
func writeMessage(w http.ResponseWriter, status int, message string) {
	w.Header()["Content-Type"] = typeJSON
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `{"message":"`+string(appendEscaped(nil, message))+`"}`)
}

// writeJSON sends a small document and a newline.
func writeJSON(w http.ResponseWriter, status int, document any) {
	w.Header()["Content-Type"] = typeJSON
	w.WriteHeader(status)
	// Nothing here can fail to be encoded; a client that has gone needs nothing.
	_ = jsoniter.ConfigCompatibleWithStandardLibrary.NewEncoder(w).Encode(document)
}
