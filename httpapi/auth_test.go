package httpapi

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"pando/auth"
	"pando/store"
)

const unauthorized = `{"errorCode":110,"message":"The request requires user authentication","cause":"Insufficient credentials","index":0}` + "\n"

// as sends one request with credentials, "" for none; a body is JSON on /v2/auth and a form elsewhere.
func (g *rig) as(login, method, target, body string) *recorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if name, password, given := strings.Cut(login, ":"); given {
		r.SetBasicAuth(name, password)
	}
	if body != "" && !strings.HasPrefix(target, "/v2/auth") {
		r.Header.Set("Content-Type", formType)
	}
	w := newRecorder()
	g.handler.ServeHTTP(w, r)
	return w
}

// newAuthRig has authentication enabled, root:rpw, and u:upw, who may read and write what begins with /u. Guests may read
// /open.
func newAuthRig(t testing.TB) *rig {
	g := newRig(t, Options{})
	for _, c := range []struct{ target, body string }{
		{"/v2/auth/users/root", `{"user":"root","password":"rpw"}`},
		{"/v2/auth/roles/r", `{"role":"r","permissions":{"kv":{"read":["/u*"],"write":["/u*"]}}}`},
		{"/v2/auth/roles/guest", `{"role":"guest","permissions":{"kv":{"read":["/open"]}}}`},
		{"/v2/auth/users/u", `{"user":"u","password":"upw","roles":["r"]}`},
		{"/v2/auth/enable", ""},
	} {
		if w := g.as("", "PUT", c.target, c.body); w.Code > 201 {
			t.Fatal(c, w.Code, w.Body)
		}
	}
	return g
}

// Every method, and every way to read, asks for permission; parameters are looked at before.
func TestKeysAskForPermission(t *testing.T) {
	g := newAuthRig(t)
	for _, method := range []string{"GET", "HEAD", "PUT", "POST", "DELETE"} {
		for _, query := range []string{"", "?quorum=true", "?recursive=true", "?wait=true", "?wait=true&recursive=true&stream=true"} {
			if strings.Contains(query, "wait") && method != "GET" {
				continue
			}
			for _, login := range []string{"", "u:upw", "u:wrong", "nobody:upw"} {
				w := g.as(login, method, "/v2/keys/secret"+query, "")
				if w.Code != 401 || w.Header().Get("X-Etcd-Index") != "0" || method != "HEAD" && w.Body.String() != unauthorized {
					t.Errorf("%s %s as %q: %d %v %s", method, query, login, w.Code, w.Header(), w.Body)
				}
			}
		}
	}
	for _, c := range []struct {
		login, method, target string
		status                int
	}{
		{"", "GET", "/v2/keys/secret?ttl=x", 400},
		{"u:upw", "PUT", "/v2/keys/u/k", 201},
		{"u:upw", "GET", "/v2/keys/u/k?quorum=true", 200},
		{"u:upw", "GET", "/v2/keys/u?recursive=true", 200},
		{"u:upw", "GET", "/v2/keys/u%2Fk", 200},
		{"u:upw", "GET", "/v2/keys/open", 401}, // what guests may do is not inherited
		{"", "GET", "/v2/keys/open", 404},
		{"", "GET", "/v2/keys/open/", 401}, // the path as it was sent
		{"", "PUT", "/v2/keys/open", 401},
		{"root:rpw", "PUT", "/v2/keys/secret", 201},
		{"u:upw", "GET", "/v2/auth/users", 401},
		{"root:rpw", "GET", "/v2/auth/users", 200},
		{"", "GET", "/v2/auth/enable", 200},
		{"", "GET", "/v2/members", 200},
		{"u:upw", "POST", "/v2/members", 401},
		{"", "DELETE", "/v2/members/c1", 401},
		{"", "PUT", "/v2/members/", 401},
		{"root:rpw", "PUT", "/v2/members/", 405},
		{"", "PATCH", "/v2/members/", 405},
	} {
		if w := g.as(c.login, c.method, c.target, ""); w.Code != c.status {
			t.Errorf("%s %s as %q: %d %s", c.method, c.target, c.login, w.Code, w.Body)
		} else if has := w.Header().Get("X-Etcd-Cluster-Id") != ""; has == (c.status == 401 && !strings.HasPrefix(c.target, "/v2/keys") || c.method == "PATCH") {
			t.Errorf("%s %s as %q: %v", c.method, c.target, c.login, w.Header())
		}
	}
	if len(g.changes) != 0 {
		t.Error("members were changed:", g.changes)
	}
}

// A quorum read shows what is there when it is answered, so it is allowed by what holds then.
func TestQuorumReadAfterARevocation(t *testing.T) {
	g := newAuthRig(t)
	if w := g.as("u:upw", "PUT", "/v2/keys/u/k", "value=old"); w.Code != 201 {
		t.Fatal(w.Code)
	}
	g.barrier = func() {
		if w := g.as("root:rpw", "DELETE", "/v2/auth/roles/r", ""); w.Code != 200 {
			t.Error(w.Code)
		}
	}
	if w := g.as("u:upw", "GET", "/v2/keys/u/k?quorum=true", ""); w.Code != 401 {
		t.Error(w.Code, w.Body)
	}
}

// Before the log has been replayed nobody knows whether authentication is enabled: nothing may be changed.
func TestNothingIsChangedBeforeTheReplay(t *testing.T) {
	g := newRig(t, Options{})
	g.ready = &Failure{Status: http.StatusInternalServerError, Cause: "not yet"}
	for _, c := range []struct{ method, target string }{
		{"POST", "/v2/members"}, {"DELETE", "/v2/members/c1"}, {"PUT", "/v2/auth/enable"}, {"GET", "/v2/auth/enable"},
		{"DELETE", "/v2/auth/users/u"}, {"GET", "/v2/auth/roles"}, {"PUT", "/v2/keys/k"},
	} {
		if w := g.as("", c.method, c.target, ""); w.Code != 500 {
			t.Errorf("%s %s: %d %s", c.method, c.target, w.Code, w.Body)
		}
	}
	if len(g.changes) != 0 {
		t.Error(g.changes)
	}
}

// As soon as the cluster has agreed on a version, users and roles can be asked for; not before.
func TestAuthNeedsAVersion(t *testing.T) {
	g := newRig(t, Options{})
	if _, err := g.Do(t.Context(), store.Command{Method: "DELETE", Path: "/0/version"}); err != nil {
		t.Fatal(err)
	}
	want := `{"message":"Not capable of accessing auth feature during rolling upgrades."}`
	for _, target := range []string{"/v2/auth/enable", "/v2/auth/users", "/v2/auth/roles/r/x"} {
		if w := g.as("", "PATCH", target, ""); w.Code != 500 || w.Body.String() != want {
			t.Error(target, w.Code, w.Body)
		}
	}
	if _, err := g.Do(t.Context(), store.Command{Method: "PUT", Path: "/0/version", Val: "2.3.0"}); err != nil {
		t.Fatal(err)
	}
	if w := g.as("", "GET", "/v2/auth/enable", ""); w.Code != 200 {
		t.Error(w.Code, w.Body)
	}
}

// A user with a role that does not exist can be shown and changed all the same.
func TestUserWhoseRoleIsGone(t *testing.T) {
	g := newRig(t, Options{})
	for _, c := range []struct {
		method, target, body string
		status               int
		answer               string
	}{
		{"PUT", "/v2/auth/users/u", `{"user":"u","password":"p","roles":["gone","r"]}`, 200, `{"user":"u","roles":["gone","r"]}` + "\n"},
		{"PUT", "/v2/auth/roles/r", `{"role":"r"} trailing`, 201, `{"role":"r","permissions":{"kv":{"read":null,"write":null}}}` + "\n"},
		{"GET", "/v2/auth/users/u", "", 404, `{"message":"auth: Role gone does not exist."}`},
		{"GET", "/v2/auth/users/u?roles=names", "", 200, `{"user":"u","roles":["gone","r"]}` + "\n"},
		{"PUT", "/v2/auth/users/u", `{"user":"u","revoke":["gone"]}`, 200, `{"user":"u","roles":["r"]}` + "\n"},
		{"GET", "/v2/auth/users/u/", "", 200, `{"user":"u","roles":[{"role":"r","permissions":{"kv":{"read":null,"write":null}}}]}` + "\n"},
		{"PUT", "/v2/auth/users/u", `{"user":"u","revoke":["r"]` + strings.Repeat(" ", chunkSize) + "}", 413, `{"message":"http: POST too large"}`},
	} {
		if w := g.as("", c.method, c.target, c.body); w.Code != c.status || w.Body.String() != c.answer {
			t.Errorf("%s %s: %d %s", c.method, c.target, w.Code, w.Body)
		}
	}
}

// What the server could not do says so in the form of its part of the API.
func TestAuthFailures(t *testing.T) {
	g := newRig(t, Options{})
	h := g.handler.(*handler)
	for _, c := range []struct {
		err           error
		status        int
		keys, message string
	}{
		{auth.ErrDenied, 401, unauthorized, `{"message":"Insufficient credentials"}`},
		{auth.ErrBusy, 503, `{"errorCode":300,"message":"Raft Internal Error","cause":"etcdserver: too many requests","index":0}` + "\n", `{"message":"etcdserver: too many requests"}`},
		{&Failure{503, "disk full"}, 503, `{"errorCode":300,"message":"Raft Internal Error","cause":"disk full","index":0}` + "\n", `{"message":"disk full"}`},
		{&Failure{500, "timeout"}, 500, `{"errorCode":300,"message":"Raft Internal Error","cause":"timeout","index":0}` + "\n", `{"message":"Internal Server Error"}`},
		{errors.New("a bug"), 500, `{"errorCode":300,"message":"Raft Internal Error","cause":"a bug","index":0}` + "\n", `{"message":"Internal Server Error"}`},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		for want, fail := range map[string]func(http.ResponseWriter, *http.Request, error){
			c.keys: func(w http.ResponseWriter, r *http.Request, err error) { h.fail(w, r, err) }, c.message: h.failMessage,
		} {
			w := newRecorder()
			if fail(w, r, c.err); w.Code != c.status || w.Body.String() != want {
				t.Errorf("%v: %d %s, want %s", c.err, w.Code, w.Body, want)
			}
		}
	}
	defer func() {
		if recover() != http.ErrAbortHandler {
			t.Error("a client that has gone was answered")
		}
	}()
	h.failMessage(newRecorder(), httptest.NewRequest("GET", "/", nil), context.Canceled)
}

// FuzzCredentials: a header is either none, or malformed, or says what its base64 says.
func FuzzCredentials(f *testing.F) {
	for _, header := range []string{"", "Basic", "basic dTpw", "BASIC dTpwOnA=", "Basic !", "Bearer x", "Basic  dTpw", "Basic dQ==", "Basic Og==", "Basic /w=="} {
		f.Add(header)
	}
	f.Fuzz(func(t *testing.T, header string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["Authorization"] = []string{header}
		c := credentialsOf(r)
		text, err := base64.StdEncoding.DecodeString(header[min(len(header), len("Basic ")):])
		good := strings.HasPrefix(strings.ToLower(header), "basic ") && err == nil && strings.Contains(string(text), ":")
		switch {
		case c.From == "" || c.Anonymous != (header == "") || c.Malformed != (header != "" && !good):
			t.Errorf("%q: %+v", header, c)
		case good && c.User+":"+c.Password != string(text), !good && c.User+c.Password != "":
			t.Errorf("%q: %+v", header, c)
		}
	})
}

// FuzzRoleBody: any body gets an answer in the API's form.
func FuzzRoleBody(f *testing.F) {
	for _, body := range []string{"", "{", `{"role":"r"}`, `{"role":"r","grant":{"kv":{"read":["/a","/a"]}}}`, `{"ROLE":"r","revoke":{"kv":null}}`, `[]`, `null`, `"r"`} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		g := newRig(t, Options{})
		for _, login := range []string{"", "u:p"} { // authentication is off
			switch w := g.as(login, "PUT", "/v2/auth/roles/r", body); w.Code {
			case 200, 201:
			case 400, 404, 409, 413:
				if !strings.HasPrefix(w.Body.String(), `{"message":"`) {
					t.Errorf("%q: %s", body, w.Body)
				}
			default:
				t.Errorf("%q: %d %s", body, w.Code, w.Body)
			}
		}
	})
}
