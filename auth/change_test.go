package auth

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"pando/store"
)

var bcryptHash = regexp.MustCompile(`\$2a\$04\$[./0-9A-Za-z]{53}`)

// What is stored is what etcd 2.3.8 stores, to the byte (etcd-compat spec, section 4), and the first change takes five indexes.
func TestRecordsAreThoseOfEtcd(t *testing.T) {
	s, m, _ := service(t)
	ctx := t.Context()
	steps := []struct {
		do   func() error
		path string
		want string
	}{
		{func() error { _, _, err := s.PutUser(ctx, "", User{User: "u", Password: "p"}); return err }, "/2/users/u", `{"user":"u","password":"HASH","roles":null}`},
		{func() error { return nil }, "/2/enabled", `false`},
		{func() error { _, _, err := s.PutUser(ctx, "", User{User: "u", Grant: []string{"b", "a"}}); return err }, "/2/users/u", `{"user":"u","password":"HASH","roles":["a","b"]}`},
		{func() error { _, _, err := s.PutUser(ctx, "", User{User: "u", Revoke: []string{"b", "a"}}); return err }, "/2/users/u", `{"user":"u","password":"HASH","roles":[]}`},
		{func() error {
			_, _, err := s.PutUser(ctx, "", User{User: "o", Password: "p", Roles: []string{"z", "<a>"}})
			return err
		}, "/2/users/o", `{"user":"o","password":"HASH","roles":["z","\u003ca\u003e"]}`},
		{func() error {
			_, _, err := s.PutUser(ctx, "", User{User: "root", Password: "p", Roles: []string{"a"}})
			return err
		}, "/2/users/root", `{"user":"root","password":"HASH","roles":["a","root"]}`},
		{func() error { _, _, err := s.PutRole(ctx, "", Role{Role: "r"}); return err }, "/2/roles/r", `{"role":"r","permissions":{"kv":{"read":null,"write":null}}}`},
		{func() error {
			_, _, err := s.PutRole(ctx, "", Role{Role: "r", Grant: &Permissions{KV: Patterns{Read: []string{"/b", "/a"}}}})
			return err
		}, "/2/roles/r", `{"role":"r","permissions":{"kv":{"read":["/a","/b"],"write":[]}}}`},
		{func() error { _, _, err := s.PutRole(ctx, "", Role{Role: "e", Grant: &Permissions{}}); return err }, "/2/roles/e", `{"role":"e","permissions":{"kv":{"read":null,"write":null}},"grant":{"kv":{"read":null,"write":null}}}`},
		{func() error { return s.Enable(ctx, "") }, "/2/enabled", `true`},
		{func() error { return nil }, "/2/roles/guest", `{"role":"guest","permissions":{"kv":{"read":["/*"],"write":["/*"]}}}`},
	}
	indexes := []uint64{5, 5, 6, 7, 8, 9, 10, 11, 12, 14, 14}
	for i, step := range steps {
		if err := step.do(); err != nil {
			t.Fatal(i, err)
		}
		if got := bcryptHash.ReplaceAllString(value(t, m, step.path), "HASH"); got != step.want || m.View().Index != indexes[i] {
			t.Errorf("%s at index %d: %s, want %s at %d", step.path, m.View().Index, got, step.want, indexes[i])
		}
	}
}

// Of changes of one record at the same time, on any member, none is lost: each gets in or is refused.
func TestRacingChangesAreNotLost(t *testing.T) {
	s, m, _ := service(t)
	other := NewService(m, s.log)
	weak(t, s, m, "u", "p")
	role(t, s, "r", nil, nil)
	var all sync.WaitGroup
	for i := range 16 {
		for _, s := range []*Service{s, other} {
			name := fmt.Sprintf("g%02d", i)
			all.Go(func() {
				var e *Error
				if _, _, err := s.PutUser(t.Context(), "", User{User: "u", Grant: []string{name}}); err != nil && !errors.As(err, &e) {
					t.Error(err)
				}
				if _, _, err := s.PutRole(t.Context(), "", Role{Role: "r", Grant: &Permissions{KV: Patterns{Read: []string{"/" + name}}}}); err != nil && !errors.As(err, &e) {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	u, err := s.User(m.View(), "u")
	if err != nil || len(u.Roles) != 16 || !slices.IsSorted(u.Roles) {
		t.Errorf("%v, roles %v", err, u.Roles)
	}
	r, err := s.Role(m.View(), "r")
	if err != nil || len(r.Permissions.KV.Read) != 16 {
		t.Errorf("%v, %v", err, r.Permissions)
	}
}

// A record that is deleted while it is changed is not made again.
func TestChangeOfADeletedRecord(t *testing.T) {
	s, m, _ := service(t)
	weak(t, s, m, "u", "p")
	m.before = func(c store.Command) {
		m.before = nil
		if err := s.DeleteUser(t.Context(), "", "u"); err != nil {
			t.Error(err)
		}
	}
	var e *Error
	if _, _, err := s.PutUser(t.Context(), "", User{User: "u", Grant: []string{"a"}}); !errors.As(err, &e) || e.Status != 404 {
		t.Error(err)
	}
}

// What cannot be read gives nobody anything, breaks nothing, and can be deleted.
func TestUnreadableRecords(t *testing.T) {
	s, m, logs := service(t)
	weak(t, s, m, "u", "p", "r")
	for _, path := range []string{usersPath + "bad", rolesPath + "bad"} {
		if err := s.change(t.Context(), store.Command{Method: "PUT", Path: path, Val: `{"user":`}); err != nil {
			t.Fatal(err)
		}
	}
	if u, r := s.Users(m.View()), s.Roles(m.View()); len(u) != 1 || len(r) != 1 || r[0].Role != "root" {
		t.Error(u, r)
	}
	if _, err := s.User(m.View(), "bad"); err == nil {
		t.Error("it is a user")
	}
	if logs.FilterMessageSnippet("cannot be read").Len() == 0 {
		t.Error("nothing was logged")
	}
	if err := errors.Join(s.DeleteUser(t.Context(), "", "bad"), s.DeleteRole(t.Context(), "", "bad")); err != nil {
		t.Error(err)
	}
}

func TestGuestIsWarnedOf(t *testing.T) {
	s, m, logs := service(t)
	weak(t, s, m, "root", "p")
	if err := s.Enable(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if logs.FilterMessageSnippet("may still read and write").Len() != 1 {
		t.Error(logs.All())
	}
	if err := s.DeleteRole(t.Context(), "", "guest"); err != nil {
		t.Fatal(err)
	}
	logs.TakeAll()
	if s.WarnOfGuest(); logs.Len() != 0 {
		t.Error(logs.All())
	}
	role(t, s, "guest", []string{"/public/*"}, nil)
	if s.WarnOfGuest(); logs.Len() != 1 || !strings.Contains(fmt.Sprint(logs.All()[0].ContextMap()), "/public/*") {
		t.Error(logs.All())
	}
}
