package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"pando/auth"
	"pando/store"
)

const (
	usersRoute  = "/v2/auth/users"
	rolesRoute  = "/v2/auth/roles"
	enableRoute = "/v2/auth/enable"
)

// notCapable is told until the cluster has agreed on a version: only then it is known that all members check credentials.
const notCapable = "Not capable of accessing auth feature during rolling upgrades."

var (
	listMethods   = []string{"GET"}
	recordMethods = []string{"GET,PUT,DELETE"}
)

// capable serves what is below /v2/auth: cluster-api spec, section 9.1.
func (h *handler) capable(serve func(w http.ResponseWriter, r *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if h.server.View().ClusterVersion() == "" {
			writeMessage(w, http.StatusInternalServerError, notCapable)
			return
		}
		if err := serve(w, r); err != nil {
			h.failMessage(w, r, err)
		}
	}
}

// serveEnable says whether requests need credentials, which anybody may ask, and changes it.
func (h *handler) serveEnable(w http.ResponseWriter, r *http.Request) error {
	if !isRecordMethod(r.Method) {
		notAllowed(w, recordMethods)
		return nil
	}
	err := h.server.WaitReady(lasting(r))
	if err == nil && r.Method != http.MethodGet {
		err = h.permitRoot(r)
	}
	if err != nil {
		return err
	}
	h.setAuthHeaders(w)
	switch r.Method {
	case http.MethodPut:
		return h.auth.Enable(lasting(r), clientOf(r))
	case http.MethodDelete:
		return h.auth.Disable(lasting(r), clientOf(r))
	}
	v := h.server.View()
	v.CountAuthLookup()
	writeJSON(w, http.StatusOK, struct {
		Enabled bool `json:"enabled"`
	}{v.AuthEnabled()})
	return nil
}

// serveUsers serves the list of users and each of them.
func (h *handler) serveUsers(w http.ResponseWriter, r *http.Request) error {
	name, err := h.enterRecords(w, r, usersRoute)
	switch {
	case err != nil:
		return orAnswered(err)
	case name == "":
		h.listUsers(w)
		return nil
	case r.Method == http.MethodPut:
		return h.putUser(w, r, name)
	case r.Method == http.MethodDelete:
		return h.auth.DeleteUser(lasting(r), clientOf(r), name)
	}
	return h.getUser(w, r, name)
}

// serveRoles serves the list of roles and each of them.
func (h *handler) serveRoles(w http.ResponseWriter, r *http.Request) error {
	name, err := h.enterRecords(w, r, rolesRoute)
	switch {
	case err != nil:
		return orAnswered(err)
	case name == "":
		writeJSON(w, http.StatusOK, struct {
			Roles []auth.Role `json:"roles"`
		}{h.auth.Roles(h.server.View())})
		return nil
	case r.Method == http.MethodPut:
		return h.putRole(w, r, name)
	case r.Method == http.MethodDelete:
		return h.auth.DeleteRole(lasting(r), clientOf(r), name)
	}
	role, err := h.auth.Role(h.server.View(), name)
	if err == nil {
		writeJSON(w, http.StatusOK, role)
	}
	return err
}

// enterRecords checks path, method and credentials of a request for the list below route, whose name is "", or for one of
// its elements. The path is clean and decoded.
func (h *handler) enterRecords(w http.ResponseWriter, r *http.Request, route string) (name string, err error) {
	name = strings.Trim(strings.TrimPrefix(r.URL.Path, route), "/")
	switch {
	case strings.Contains(name, "/"):
		return "", &auth.Error{Status: http.StatusBadRequest, Message: "Invalid path"}
	case name == "" && r.Method != http.MethodGet:
		notAllowed(w, listMethods)
		return "", errAnswered
	case !isRecordMethod(r.Method):
		notAllowed(w, recordMethods)
		return "", errAnswered
	}
	if err := h.permitRoot(r); err != nil {
		return "", err
	}
	h.setAuthHeaders(w)
	return name, nil
}

// errAnswered says that a request needs nothing any more.
var errAnswered = errors.New("answered")

func orAnswered(err error) error {
	if err == errAnswered {
		return nil
	}
	return err
}

func isRecordMethod(method string) bool {
	return method == http.MethodGet || method == http.MethodPut || method == http.MethodDelete
}

func (h *handler) setAuthHeaders(w http.ResponseWriter) {
	w.Header()["X-Etcd-Cluster-Id"] = h.clusterID
	w.Header()["Content-Type"] = typeJSON
}

// userDocument is a user as it is shown.
type userDocument struct {
	User  string      `json:"user"`
	Roles []auth.Role `json:"roles,omitempty"`
}

// userDocument shows a user with the roles that exist. The error tells of the first one that does not.
func (h *handler) userDocument(v *store.View, u auth.User) (shown userDocument, missing error) {
	shown.User = u.User
	for _, name := range u.Roles {
		role, err := h.auth.Role(v, name)
		if err == nil {
			shown.Roles = append(shown.Roles, role)
		} else if missing == nil {
			missing = err
		}
	}
	return shown, missing
}

// listUsers leaves out roles that do not exist.
func (h *handler) listUsers(w http.ResponseWriter) {
	v := h.server.View()
	var list []userDocument // null if there is none
	for _, u := range h.auth.Users(v) {
		shown, _ := h.userDocument(v, u)
		list = append(list, shown)
	}
	writeJSON(w, http.StatusOK, struct {
		Users []userDocument `json:"users"`
	}{list})
}

// getUser shows one user. With ?roles=names, which the reference does not know, these are the names of the roles, whether they
// exist or not; without it, a user with a role that does not exist is not shown.
func (h *handler) getUser(w http.ResponseWriter, r *http.Request, name string) error {
	v := h.server.View()
	u, err := h.auth.User(v, name)
	if err != nil {
		return err
	}
	if r.URL.Query().Get("roles") == "names" {
		writeJSON(w, http.StatusOK, auth.User{User: u.User, Roles: u.Roles})
		return nil
	}
	shown, err := h.userDocument(v, u)
	if err == nil {
		writeJSON(w, http.StatusOK, shown)
	}
	return err
}

func (h *handler) putUser(w http.ResponseWriter, r *http.Request, name string) error {
	var in auth.User
	if err := readDocument(w, r, &in); err != nil {
		return err
	}
	if in.User != name {
		return &auth.Error{Status: http.StatusBadRequest, Message: "User JSON name does not match the name in the URL"}
	}
	out, created, err := h.auth.PutUser(lasting(r), clientOf(r), in)
	if err == nil {
		writeJSON(w, statusIf(created), out)
	}
	return err
}

func (h *handler) putRole(w http.ResponseWriter, r *http.Request, name string) error {
	var in auth.Role
	if err := readDocument(w, r, &in); err != nil {
		return err
	}
	if in.Role != name {
		return &auth.Error{Status: http.StatusBadRequest, Message: "Role JSON name does not match the name in the URL"}
	}
	out, created, err := h.auth.PutRole(lasting(r), clientOf(r), in)
	if err == nil {
		writeJSON(w, statusIf(created), out)
	}
	return err
}

// readDocument reads a body, of whatever content type. What follows the first document in it does not count.
func readDocument(w http.ResponseWriter, r *http.Request, into any) error {
	text, err := smallBody(w, r)
	if err == errTooLong {
		return &auth.Error{Status: http.StatusRequestEntityTooLarge, Message: causeTooLarge}
	}
	if err == nil {
		err = json.NewDecoder(bytes.NewReader(text)).Decode(into)
	}
	if err != nil {
		return &auth.Error{Status: http.StatusBadRequest, Message: "Invalid JSON in request body."}
	}
	return nil
}

func statusIf(created bool) int {
	if created {
		return http.StatusCreated
	}
	return http.StatusOK
}
