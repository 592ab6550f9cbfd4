package auth

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/crypto/bcrypt"
	"golang.org/x/time/rate"

	"pando/store"
)

// Member is what the package needs of the member that answers. Any goroutine.
type Member interface {
	// Do sends a command through the log and returns what applying it gave; View shows it then.
	Do(ctx context.Context, c store.Command) (store.Result, error)
	// View is the state as last published.
	View() *store.View
}

// Service answers what requests may do, and changes users and roles. Its methods may be called from any goroutine.
type Service struct {
	member Member
	log    *zap.Logger
	lanes  *lanes
	keyed  *keyed
	cost   int    // of bcrypt; the tests' is lower
	decoy  string // a hash of that cost
	// current is the table that was read last.
	current atomic.Pointer[table]
	reading sync.Mutex // held while a table is read
	// wrong keeps a flood of wrong passwords from flooding the log.
	wrong rate.Sometimes
}

// NewService returns the service of a member. Nothing has to be closed.
func NewService(m Member, log *zap.Logger) *Service {
	s := &Service{member: m, log: log, lanes: newLanes(), keyed: newKeyed(), cost: bcryptCost, decoy: bcryptDecoy,
		wrong: rate.Sometimes{First: 3, Interval: 10 * time.Second}}
	s.current.Store(&table{})
	return s
}

// Cheapen lets passwords cost next to nothing to set, and the unknown user's to check. It is for tests that are not about that
// cost, and comes before anything else.
func (s *Service) Cheapen() {
	s.cost, s.decoy = bcrypt.MinCost, "$2a$04$bpnQxAjlgH4lUVTm6QWrOOROUAgF3cGdpk7fD1ztP42sj0CQ8uIs6"
}

// Credentials are what a request says about who sent it.
type Credentials struct {
	// Anonymous: it says nothing. Malformed: what it says cannot be understood.
	Anonymous, Malformed bool
	User, Password       string
	// From is the address of the client, without its port.
	From string
}

// AllowKey says whether a request may do what it wants with a key, by the state of a View in which authentication is enabled:
// cluster-api spec, section 9.2. The error is ErrDenied, ErrBusy or that of ctx.
func (s *Service) AllowKey(ctx context.Context, v *store.View, c Credentials, w Want) error {
	t := s.table(v)
	if c.Anonymous {
		w.Recursive = false // for a guest the reference does not look at it, and clients rely on that
		if guest := t.role(GuestName); guest != nil && guest.allows(w) {
			return nil
		}
		return ErrDenied
	}
	a, err := s.login(ctx, t, c)
	if err != nil {
		return err
	}
	for _, name := range a.Roles {
		if role := t.role(name); role != nil && role.allows(w) {
			return nil
		}
	}
	return ErrDenied
}

// AllowRoot says whether a request comes from a user with the role root, by the state of a View in which authentication is
// enabled. The error is ErrDenied, ErrBusy or that of ctx.
func (s *Service) AllowRoot(ctx context.Context, v *store.View, c Credentials) error {
	if c.Anonymous {
		return ErrDenied
	}
	a, err := s.login(ctx, s.table(v), c)
	if err == nil && !slices.Contains(a.Roles, RootName) {
		err = ErrDenied
	}
	return err
}

// reportWrong tells the log of some of the logins that fail.
func (s *Service) reportWrong(c Credentials) {
	s.wrong.Do(func() {
		name := c.User[:min(len(c.User), 64)]
		s.log.Warn("wrong user name or password; not each is logged", zap.String("user", name), zap.String("from", c.From))
	})
}

// Users returns the users, in the order of their names. Hidden ones, whose name begins with an underscore, are left out.
func (s *Service) Users(v *store.View) []User {
	t := s.table(v)
	var list []User
	if t.records != nil {
		for n := range children(t.records, usersName) {
			if a := t.users[n.Name()]; a != nil && !n.Hidden() {
				list = append(list, a.User)
			}
		}
	}
	return list
}

// User returns a user, with the hash of the password.
func (s *Service) User(v *store.View, name string) (User, error) {
	if a := s.table(v).users[name]; a != nil {
		return a.User, nil
	}
	return User{}, noSuchUser(name)
}

// Roles returns all roles, root among them, in the order of their names. Hidden ones are left out.
func (s *Service) Roles(v *store.View) []Role {
	t := s.table(v)
	list := []Role{*rootRole}
	if t.records != nil {
		for n := range children(t.records, rolesName) {
			if e := t.roles[n.Name()]; e != nil && !n.Hidden() {
				list = append(list, e.Role)
			}
		}
	}
	slices.SortStableFunc(list, func(a, b Role) int { return strings.Compare(a.Role, b.Role) })
	return list
}

// Role returns a role.
func (s *Service) Role(v *store.View, name string) (Role, error) {
	if r := s.table(v).role(name); r != nil {
		return *r, nil
	}
	return Role{}, NoSuchRole(name)
}
