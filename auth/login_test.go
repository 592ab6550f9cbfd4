package auth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"golang.org/x/crypto/bcrypt"
)

// allowed asks whether a login may read /k.
func allowed(t testing.TB, s *Service, m *lone, user, password string) bool {
	t.Helper()
	err := s.AllowKey(t.Context(), m.View(), Credentials{User: user, Password: password, From: "here"}, Want{Key: "/k"})
	if err != nil && !errors.Is(err, ErrDenied) {
		t.Fatal(err)
	}
	return err == nil
}

// A password is remembered until another one is set, whatever else changes.
func TestVerifiedLoginsAreRemembered(t *testing.T) {
	s, m, _ := service(t)
	role(t, s, "r", []string{"/*"}, nil)
	weak(t, s, m, "u", "p", "r")
	remembered := func() bool { return s.table(m.View()).users["u"].verified.Load() != nil }
	if allowed(t, s, m, "u", "wrong") || remembered() {
		t.Error("a wrong password was let in, or remembered")
	}
	if !allowed(t, s, m, "u", "p") || !remembered() {
		t.Error("the right password was refused, or forgotten")
	}
	if allowed(t, s, m, "u", "wrong") || !remembered() {
		t.Error("a wrong password behind the right one")
	}
	if _, _, err := s.PutUser(t.Context(), "", User{User: "u", Grant: []string{"x"}}); err != nil || !remembered() {
		t.Error("another role changes no password:", err)
	}
	weak(t, s, m, "u", "q", "r")
	if remembered() || allowed(t, s, m, "u", "p") || !allowed(t, s, m, "u", "q") {
		t.Error("another password was set")
	}
	if err := s.DeleteUser(t.Context(), "", "u"); err != nil || allowed(t, s, m, "u", "q") {
		t.Error("the user is gone:", err)
	}
	weak(t, s, m, "u", "q")
	if remembered() {
		t.Error("another user of that name")
	}
}

// A name is a name and no path: one with dots led etcd to a record that anybody had put among the keys.
func TestNamesAreNoPaths(t *testing.T) {
	s, m, _ := service(t)
	weak(t, s, m, "root", "p")
	weak(t, s, m, "../../1/fake", "x", "root") // the store cleans the path: it is the key /fake
	if n, err := m.View().Lookup("/1/fake"); err != nil || n.Value() == "" {
		t.Fatal(err)
	}
	for _, name := range []string{"../../1/fake", "../users/root", "./root", "", "/", "users"} {
		if s.AllowRoot(t.Context(), m.View(), Credentials{User: name, Password: "x"}) == nil || s.AllowRoot(t.Context(), m.View(), Credentials{User: name, Password: "p"}) == nil {
			t.Errorf("%q is root", name)
		}
	}
}

// bcrypt looks at 72 bytes, and so do users of etcd who have longer passwords.
func TestLongPasswords(t *testing.T) {
	s, m, _ := service(t)
	long := fmt.Sprintf("%0100d", 7)
	if _, _, err := s.PutUser(t.Context(), "", User{User: "root", Password: long}); err != nil {
		t.Fatal(err)
	}
	if s.AllowRoot(t.Context(), m.View(), Credentials{User: "root", Password: long}) != nil {
		t.Error("refused")
	}
}

// An unknown user waits for a check as a wrong password does, and both are of the cost that etcd has.
func TestUnknownUsersCostTheSame(t *testing.T) {
	s, m, _ := service(t)
	weak(t, s, m, "u", "p")
	for len(s.lanes.slots) < cap(s.lanes.slots) {
		s.lanes.slots <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, user := range []string{"u", "nobody", ""} {
		if err := s.AllowKey(ctx, m.View(), Credentials{User: user, Password: "wrong"}, Want{}); !errors.Is(err, context.Canceled) {
			t.Errorf("%q: %v", user, err)
		}
	}
	if err := s.AllowKey(ctx, m.View(), Credentials{Malformed: true}, Want{}); !errors.Is(err, ErrDenied) {
		t.Error("nothing to check:", err)
	}

	s = NewService(m, zap.NewNop())
	hash, err := s.hash(t.Context(), "", "p")
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range []string{hash, s.decoy} {
		if cost, err := bcrypt.Cost([]byte(h)); err != nil || cost != 10 {
			t.Errorf("%s: %d, %v", h, cost, err)
		}
	}
}

// So many checks run at the same time, who comes from elsewhere does not wait behind all of those from one address, and
// nobody waits for ever.
func TestLanes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLanes()
		other := "elsewhere"
		for l.of(other) == l.of("attacker") {
			other += "."
		}
		const check = 100 * time.Millisecond
		var order []string // of checks as they end
		var mu sync.Mutex
		var all sync.WaitGroup
		running, most, busy := 0, 0, 0
		start := func(ctx context.Context, from string) {
			err := l.run(ctx, from, func() bool {
				mu.Lock()
				running++
				most = max(most, running)
				mu.Unlock()
				<-time.After(check)
				mu.Lock()
				running--
				order = append(order, from)
				mu.Unlock()
				return from != "attacker"
			})
			if errors.Is(err, ErrBusy) {
				mu.Lock()
				busy++
				mu.Unlock()
			} else if err != nil && ctx.Err() == nil {
				t.Error(err)
			}
		}
		const flood = 1000
		for range flood {
			all.Go(func() { start(t.Context(), "attacker") })
		}
		synctest.Wait()
		all.Go(func() { start(t.Context(), other) })
		gone, cancel := context.WithCancel(t.Context())
		all.Go(func() { start(gone, other) })
		synctest.Wait()
		cancel()
		all.Wait()
		slots := cap(l.slots)
		if place := slices.Index(order, other); place < 0 || place > 2*slots || slices.Contains(order[place+1:], other) {
			t.Errorf("%d at a time, and who came from elsewhere was number %d; once more: %v", slots, place, order)
		}
		rounds := int(patience / check / (1 + restFactor)) // and one that began in time
		if most != slots || busy+len(order) != flood+1 || len(order) < slots*rounds || len(order) > slots*(rounds+2) {
			t.Errorf("%d at the same time instead of %d; %d were checked, %d had no patience", most, slots, len(order), busy)
		}
	})
}

func BenchmarkRememberedLogin(b *testing.B) {
	s, m, _ := service(b)
	role(b, s, "r", []string{"/*"}, []string{"/*"})
	weak(b, s, m, "u", "p", "r")
	login := func() {
		if err := s.AllowKey(b.Context(), m.View(), Credentials{User: "u", Password: "p"}, Want{Key: "/k", Write: true}); err != nil {
			b.Fatal(err)
		}
	}
	login() // which is remembered from now on
	b.ReportAllocs()
	for b.Loop() {
		login()
	}
}

// FuzzRecords: whatever stands below /2, nobody gets in by it, and nothing breaks.
func FuzzRecords(f *testing.F) {
	f.Add(`{"user":"root","password":"","roles":["root"]}`, `{"role":"r","permissions":{"kv":{"read":[""],"write":["*"]}}}`)
	f.Add(`{"user":"root","password":"$2a$","roles":null}`, `null`)
	f.Add(`[]`, `{"role":`)
	f.Fuzz(func(t *testing.T, user, roleText string) {
		s, m, _ := service(t)
		for path, text := range map[string]string{usersPath + "root": user, usersPath + "u": user, rolesPath + "r": roleText, rolesPath + "guest": roleText} {
			c, _ := put(path, nil, 0)
			c.Val = text
			if err := s.change(t.Context(), c); err != nil {
				t.Fatal(err)
			}
		}
		if s.AllowRoot(t.Context(), m.View(), Credentials{User: "root", Password: "guess"}) == nil {
			t.Error("root got in")
		}
		_ = s.AllowKey(t.Context(), m.View(), Credentials{Anonymous: true}, Want{Key: "/k", Recursive: true})
		s.Users(m.View())
		s.Roles(m.View())
	})
}

// Who has a whole IPv6 network, as everybody with one address has, does not get all the lanes.
func TestLaneOfANetwork(t *testing.T) {
	l := newLanes()
	v6, v4, networks := map[uint64]bool{}, map[uint64]bool{}, map[uint64]bool{}
	for i := range 100 {
		v6[l.of(fmt.Sprintf("2001:db8::%x:1", i))] = true
		v6[l.of(fmt.Sprintf("2001:db8::%x%%eth0", i))] = true
		v4[l.of(fmt.Sprintf("10.0.0.%d", i))] = true
		v4[l.of(fmt.Sprintf("::ffff:10.0.1.%d", i))] = true
		networks[l.of(fmt.Sprintf("2001:db8:0:%x::1", i))] = true
	}
	if len(v6) != 1 || len(v4) < 10 || len(networks) < 10 {
		t.Errorf("%d lanes of a network of IPv6, %d of addresses of IPv4, %d of networks", len(v6), len(v4), len(networks))
	}
}
