package auth

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
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

// An unknown user costs as much as a wrong password, and passwords cost what they cost in etcd.
func TestUnknownUsersCostTheSame(t *testing.T) {
	_, m, _ := service(t)
	s := NewService(m, zap.NewNop())
	if cost, err := bcrypt.Cost([]byte(s.decoy)); err != nil || cost != 10 {
		t.Error(cost, err)
	}
	if _, _, err := s.PutUser(t.Context(), "", User{User: "u", Password: "p"}); err != nil {
		t.Fatal(err)
	}
	if cost, err := bcrypt.Cost([]byte(s.table(m.View()).users["u"].Password)); err != nil || cost != 10 {
		t.Error(cost, err)
	}
	for _, user := range []string{"u", "nobody"} {
		began := time.Now()
		if allowed(t, s, m, user, "wrong") {
			t.Error("let in")
		}
		// No machine is that fast: it would be one that did not look.
		if took := time.Since(began); took < 5*time.Millisecond {
			t.Errorf("%s took %v", user, took)
		}
	}
}

// So many checks run at the same time, and who comes from elsewhere does not wait behind all of those from one address.
func TestLanes(t *testing.T) {
	l := newLanes()
	var running, most atomic.Int32
	var behind sync.WaitGroup
	hold, held := make(chan struct{}), make(chan struct{}, 1000)
	for range 100 {
		behind.Go(func() {
			err := l.run(context.Background(), "attacker", func() {
				now := running.Add(1)
				for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
				}
				held <- struct{}{}
				<-hold
				running.Add(-1)
			})
			if err != nil && !errors.Is(err, ErrBusy) {
				t.Error(err)
			}
		})
	}
	for range cap(l.slots) {
		<-held
	}
	other := "elsewhere"
	for l.of(other) == l.of("attacker") {
		other += "."
	}
	entered := make(chan struct{})
	behind.Go(func() {
		if err := l.run(context.Background(), other, func() { close(entered) }); err != nil {
			t.Error(err)
		}
	})
	for len(l.lane[l.of(other)]) == 0 { // it waits for a slot
		time.Sleep(time.Millisecond)
	}
	for range 2 * cap(l.slots) { // those that were in front of it
		select {
		case hold <- struct{}{}:
		case <-entered:
		}
	}
	<-entered
	close(hold)
	behind.Wait()
	if n := most.Load(); int(n) > cap(l.slots) {
		t.Errorf("%d at the same time", n)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range cap(l.slots) {
		l.slots <- struct{}{}
	}
	if err := l.run(ctx, "gone", func() { t.Error("it ran") }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func BenchmarkRememberedLogin(b *testing.B) {
	s, m, _ := service(b)
	role(b, s, "r", []string{"/*"}, []string{"/*"})
	weak(b, s, m, "u", "p", "r")
	b.ReportAllocs()
	for b.Loop() {
		if err := s.AllowKey(b.Context(), m.View(), Credentials{User: "u", Password: "p"}, Want{Key: "/k", Write: true}); err != nil {
			b.Fatal(err)
		}
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
