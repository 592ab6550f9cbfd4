package auth

import (
	"context"
	"sync"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
	"golang.org/x/crypto/bcrypt"

	"pando/store"
)

// lone is a Member without replication.
type lone struct {
	store *store.Store
	mu    sync.Mutex
	index uint64
	// before is called before each command, without the lock.
	before func(store.Command)
}

func (m *lone) View() *store.View { return m.store.View() }

func (m *lone) Do(_ context.Context, c store.Command) (store.Result, error) {
	if m.before != nil {
		m.before(c)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.index++
	r := m.store.Apply(m.index, 1, c)
	m.store.Publish(m.index, 1)
	return r, nil
}

// service returns a service over an empty store, and what it logs at warn and above.
func service(t testing.TB) (*Service, *lone, *observer.ObservedLogs) {
	core, logs := observer.New(zapcore.WarnLevel)
	m := &lone{store: store.New(store.Options{})}
	s := NewService(m, zap.New(core))
	s.Cheapen()
	return s, m, logs
}

// weak writes a user over whatever is there.
func weak(t testing.TB, s *Service, m *lone, name, password string, roles ...string) {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	c, err := put(usersPath+name, User{User: name, Password: string(hash), Roles: roles}, 0)
	if err == nil {
		c.PrevExist = nil
		err = s.change(t.Context(), c)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// role makes a role.
func role(t testing.TB, s *Service, name string, read, write []string) {
	t.Helper()
	if _, _, err := s.PutRole(t.Context(), "", Role{Role: name, Permissions: Permissions{KV: Patterns{read, write}}}); err != nil {
		t.Fatal(err)
	}
}

// value returns what is stored at a path.
func value(t testing.TB, m *lone, path string) string {
	t.Helper()
	n, err := m.View().Lookup(path)
	if err != nil {
		t.Fatal(err)
	}
	return n.Value()
}
