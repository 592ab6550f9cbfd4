package httpapi

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
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

// MemberError is a refused change of the membership, as the client gets to see it.
type MemberError struct {
	Status  int
	Message string
}

// Error is the message.
func (e *MemberError) Error() string { return e.Message }

// NoSuchMember is the answer about an ID that nobody has.
func NoSuchMember(id string) *MemberError {
	return &MemberError{http.StatusNotFound, "No such member: " + id}
}

// serveMembers tells who the members are, at any time and anybody, and changes them.
func (h *handler) serveMembers(w http.ResponseWriter, r *http.Request) {
	rest := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, membersRoute), "/")
	switch r.Method {
	case http.MethodGet:
	case http.MethodPost, http.MethodPut, http.MethodDelete:
		if r.Method == http.MethodPost || rest != "" {
			h.server.View().CountAuthLookup()
		}
		if err := h.permitRoot(r); err != nil {
			h.failMessage(w, r, err)
			return
		}
	default:
		notAllowed(w, membersMethods)
		return
	}
	w.Header()["X-Etcd-Cluster-Id"] = h.clusterID
	var err error
	switch {
	case r.Method == http.MethodGet:
		h.getMembers(w, rest)
	case r.Method == http.MethodPost:
		err = h.addMember(w, r)
	case rest == "":
		notAllowed(w, nil)
	default:
		err = h.changeMember(w, r, rest)
	}
	if err != nil {
		h.failMessage(w, r, err)
	}
}

func (h *handler) getMembers(w http.ResponseWriter, rest string) {
	members := h.server.View().Members()
	switch rest {
	case "":
		list := make([]clientMember, 0, len(members))
		for _, m := range members {
			list = append(list, newClientMember(m))
		}
		writeJSON(w, http.StatusOK, struct {
			Members []clientMember `json:"members"`
		}{list})
	case "leader":
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

// addMember answers a POST, on whatever path below the collection.
func (h *handler) addMember(w http.ResponseWriter, r *http.Request) error {
	urls, err := peerURLsOf(w, r)
	if err != nil {
		return err
	}
	m, err := h.server.AddMember(lasting(r), urls)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusCreated, newClientMember(m))
	return nil
}

// changeMember answers a PUT or DELETE of one member.
func (h *handler) changeMember(w http.ResponseWriter, r *http.Request, text string) error {
	id, err := strconv.ParseUint(text, 16, 64)
	if err != nil {
		return NoSuchMember(text)
	}
	if r.Method == http.MethodDelete {
		err = h.server.RemoveMember(lasting(r), id)
	} else {
		var urls []string
		if urls, err = peerURLsOf(w, r); err == nil {
			err = h.server.UpdateMember(lasting(r), id, urls)
		}
	}
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
	}
	return err
}

// peerURLsOf reads the body of a change: JSON with a list of peer URLs, in which nothing else counts.
func peerURLsOf(w http.ResponseWriter, r *http.Request) ([]string, error) {
	if t := r.Header.Get("Content-Type"); t != "application/json" {
		return nil, &MemberError{http.StatusUnsupportedMediaType, "Bad Content-Type " + t + ", accept application/json"}
	}
	text, err := smallBody(w, r)
	if err != nil {
		status := http.StatusBadRequest
		if err == errTooLong {
			status = http.StatusRequestEntityTooLarge
		}
		return nil, &MemberError{status, err.Error()}
	}
	var body struct {
		PeerURLs []string `json:"peerURLs"`
	}
	if err := json.Unmarshal(text, &body); err != nil {
		return nil, &MemberError{http.StatusBadRequest, err.Error()}
	}
	urls, err := checkPeerURLs(body.PeerURLs)
	if err != nil {
		return nil, &MemberError{http.StatusBadRequest, err.Error()}
	}
	return urls, nil
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
