package auth

import (
	"crypto/sha256"
	"encoding/json"
	"sync/atomic"

	"go.uber.org/zap"

	"pando/store"
)

// Where etcd keeps users and roles (etcd-compat spec, section 4).
const (
	prefix      = "/2"
	usersName   = "users"
	rolesName   = "roles"
	enabledPath = prefix + "/enabled"
	usersPath   = prefix + "/" + usersName + "/"
	rolesPath   = prefix + "/" + rolesName + "/"
)

// table is what the records of one state of the tree say. It never changes, but for what has been verified. Names are
// looked up in it and nowhere else: the reference joins them to a path, and one with dots leads into the key space.
type table struct {
	// records is the directory /2 that was read, nil if there is none.
	records *store.Node
	users   map[string]*account
	roles   map[string]*entry
}

// account is a stored user, with the root role attached.
type account struct {
	User
	node *store.Node
	// verified is the keyed hash of the password that was found right, nil until one was. Any goroutine.
	verified atomic.Pointer[[sha256.Size]byte]
}

// entry is a stored role.
type entry struct {
	Role
	node *store.Node
}

// table returns the records of a View. They are read once for each change of /2, and of them only what changed.
func (s *Service) table(v *store.View) *table {
	records := v.AuthRecords()
	if t := s.current.Load(); t.records == records {
		return t
	}
	s.reading.Lock()
	defer s.reading.Unlock()
	old := s.current.Load()
	if old.records == records {
		return old
	}
	t := &table{records: records, users: map[string]*account{}, roles: map[string]*entry{}}
	if records != nil {
		s.readUsers(t, old)
		s.readRoles(t, old)
	}
	s.current.Store(t)
	return t
}

// readUsers reads the users. A login that was verified is remembered for as long as the hash of the password stays.
func (s *Service) readUsers(t, old *table) {
	for n := range children(t.records, usersName) {
		was := old.users[n.Name()]
		if was != nil && was.node == n {
			t.users[n.Name()] = was
			continue
		}
		a := &account{node: n}
		if err := json.Unmarshal([]byte(n.Value()), &a.User); err != nil {
			s.unreadable("user", n.Name(), err)
			continue
		}
		a.User = a.User.withRoot()
		if was != nil && was.Password == a.Password {
			a.verified.Store(was.verified.Load())
		}
		t.users[n.Name()] = a
	}
}

func (s *Service) readRoles(t, old *table) {
	for n := range children(t.records, rolesName) {
		if was := old.roles[n.Name()]; was != nil && was.node == n {
			t.roles[n.Name()] = was
			continue
		}
		e := &entry{node: n}
		if err := json.Unmarshal([]byte(n.Value()), &e.Role); err != nil {
			s.unreadable("role", n.Name(), err)
			continue
		}
		t.roles[n.Name()] = e
	}
}

// unreadable: a record that cannot be read gives nobody anything. It can be deleted.
func (s *Service) unreadable(kind, name string, err error) {
	s.log.Warn("a record of authentication cannot be read and counts for nothing", zap.String("kind", kind), zap.String("name", name), zap.Error(err))
}

// children yields the files in a directory below /2.
func children(records *store.Node, name string) func(yield func(*store.Node) bool) {
	return func(yield func(*store.Node) bool) {
		dir := records.Child(name)
		if dir == nil {
			return
		}
		for n := range dir.Children() {
			if !n.Dir() && !yield(n) {
				return
			}
		}
	}
}

// role returns a role, or nil if there is none of that name.
func (t *table) role(name string) *Role {
	if name == RootName {
		return rootRole
	}
	if e := t.roles[name]; e != nil {
		return &e.Role
	}
	return nil
}
