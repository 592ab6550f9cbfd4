package takeover

import (
	"net/http"
	"strings"
	"testing"

	"pando/test/fault/keys"
	"pando/test/fixtures"
	"pando/test/server"
)

// as returns a server to which do logs in.
func as(s *server.Server, user string) *server.Server {
	loggedIn := *s
	loggedIn.Endpoint = strings.Replace(s.Endpoint, "http://", "http://"+user+"@", 1)
	return &loggedIn
}

// Users, roles and passwords go on as the etcd knew them: guests read everything, alice writes below /dir, root everything.
func TestAuthGoesOn(t *testing.T) {
	t.Parallel()
	auth := func(name string) bool { return strings.HasPrefix(name, "auth") }
	each(t, auth, func(t *testing.T, v fixtures.Variant, from origin) {
		index := v.Index(t).Etcd + from.starting
		for round := range uint64(2) {
			s := start(t, v)
			root := as(s, "root:rootpw")
			if round == 0 {
				checkTree(t, s, v, index)
				checkHidden(t, s, v)
				checkHistory(t, s, v)
			}
			checkMember(t, s, v)
			for target, what := range map[string]string{"/v2/auth/users": fixtures.AuthUsers, "/v2/auth/roles": fixtures.AuthRoles, "/v2/auth/enable": fixtures.AuthEnable} {
				if got, want := string(do(t, root, http.MethodGet, target).Body), string(v.Answer(t, what)); got != want {
					t.Errorf("%s: %s, recorded was %s", target, got, want)
				}
			}
			for _, c := range []struct {
				s      *server.Server
				key    string
				status int
			}{
				{s, "/dir/new", http.StatusUnauthorized},
				{as(s, "alice:bobpw2"), "/dir/new", http.StatusUnauthorized},
				{as(s, "bob:bobpw2"), "/dir/new", http.StatusUnauthorized},
				{as(s, "alice:alicepw"), "/new", http.StatusUnauthorized},
				{as(s, "alice:alicepw"), "/dir/new", http.StatusCreated},
				{root, "/new", http.StatusCreated},
			} {
				if a := do(t, c.s, http.MethodPut, keys.Path(c.key), "prevExist", "false"); a.Status != c.status {
					t.Errorf("PUT %s at %s: %d %s", c.key, c.s.Endpoint, a.Status, a.Body)
				}
			}
			for _, key := range []string{"/new", "/dir/new"} {
				if a := do(t, root, http.MethodDelete, keys.Path(key)); !a.OK() {
					t.Error(a)
				}
			}
			if !strings.Contains(s.Log(), "the role guest allows something to whoever sends no credentials") {
				t.Error("the log says nothing about guests")
			}
			if err := s.Stop(); err != nil {
				t.Error(err)
			}
		}
	})
}
