package auth

import (
	"context"
	"encoding/json"
	"net/http"

	"go.uber.org/zap"

	"pando/store"
)

var yes, no = true, false

// The commands that make room for the records, in the order of the reference. Each of them takes an index once in the
// life of a cluster.
var preparation = []store.Command{
	{Method: store.MethodPut, Path: prefix, Dir: true, PrevExist: &no},
	{Method: store.MethodPut, Path: usersPath, Dir: true, PrevExist: &no},
	{Method: store.MethodPut, Path: rolesPath, Dir: true, PrevExist: &no},
	{Method: store.MethodPut, Path: enabledPath, Val: "false", PrevExist: &no},
}

// change sends a change of the records through the log. As in the reference the first one of a cluster prepares for it,
// even if it is then refused. The error is what the store refused it with, or that of Do.
func (s *Service) change(ctx context.Context, c store.Command) error {
	for _, p := range preparation {
		if _, missing := s.member.View().Lookup(p.Path); missing == nil {
			continue
		}
		if err := s.do(ctx, p); err != nil && !isCode(err, store.CodeKeyExists) {
			return err
		}
	}
	return s.do(ctx, c)
}

func (s *Service) do(ctx context.Context, c store.Command) error {
	r, err := s.member.Do(ctx, c)
	if err == nil && r.Err != nil {
		err = r.Err
	}
	return err
}

// put returns the command that writes a record: a new one if index is 0, otherwise in place of what that index wrote. The
// reference does not compare, so that of two changes at the same time one is lost; either takes one index.
func put(path string, record any, index uint64) (store.Command, error) {
	text, err := json.Marshal(record)
	c := store.Command{Method: store.MethodPut, Path: path, Val: string(text), PrevExist: &no}
	if index != 0 {
		c.PrevExist, c.PrevIndex = &yes, index
	}
	return c, err
}

// PutUser does what a PUT of a user asks for, and returns the user as it is answered: cluster-api spec, section 9.1. The
// name in it is that of the path. The errors are an *Error, ErrBusy, or those of Member.
func (s *Service) PutUser(ctx context.Context, from string, in User) (out User, created bool, err error) {
	switch changes := len(in.Grant)+len(in.Revoke) > 0; {
	case changes && len(in.Roles) > 0:
		return User{}, false, &Error{http.StatusBadRequest, "User JSON contains both roles and grant/revoke"}
	case changes:
		out, err = s.updateUser(ctx, from, in)
	case len(in.Roles) > 0:
		out, err = s.createUser(ctx, from, in)
	case s.table(s.member.View()).users[in.User] != nil:
		out, err = s.updateUser(ctx, from, in)
	default:
		created = true
		out, err = s.createUser(ctx, from, in)
	}
	out.Password = ""
	return out, created, err
}

func (s *Service) createUser(ctx context.Context, from string, in User) (User, error) {
	in = in.withRoot()
	if in.Password == "" {
		return User{}, refused(http.StatusBadRequest, "Cannot create user %s with an empty password", in.User)
	}
	var err error
	if in.Password, err = s.hash(ctx, from, in.Password); err != nil {
		return User{}, err
	}
	c, err := put(usersPath+in.User, in, 0)
	if err == nil {
		err = s.change(ctx, c)
	}
	if isCode(err, store.CodeKeyExists) {
		return User{}, refused(http.StatusConflict, "User %s already exists.", in.User)
	}
	if err == nil {
		s.log.Info("created a user", zap.String("user", in.User), zap.Strings("roles", in.Roles), zap.String("from", from))
	}
	return in, err
}

// updateUser changes a user; again if somebody else did meanwhile.
func (s *Service) updateUser(ctx context.Context, from string, in User) (User, error) {
	hash := ""
	for {
		a := s.table(s.member.View()).users[in.User]
		if a == nil {
			return User{}, noSuchUser(in.User)
		}
		var err error
		if hash == "" && in.Password != "" {
			if hash, err = s.hash(ctx, from, in.Password); err != nil {
				return User{}, err
			}
			continue
		}
		out, err := a.merge(in, hash)
		if err != nil {
			return User{}, err
		}
		c, err := put(usersPath+in.User, out, a.node.Modified())
		if err == nil {
			err = s.change(ctx, c)
		}
		if isCode(err, store.CodeCompareFailed, store.CodeKeyNotFound) {
			continue
		}
		if err == nil {
			s.log.Info("changed a user", zap.String("user", in.User), zap.Strings("roles", out.Roles),
				zap.Bool("password", hash != ""), zap.String("from", from))
		}
		return out, err
	}
}

// DeleteUser removes a user. The errors are an *Error or those of Member.
func (s *Service) DeleteUser(ctx context.Context, from, name string) error {
	if name == RootName && s.member.View().AuthEnabled() {
		return refused(http.StatusForbidden, "Cannot delete root user while auth is enabled.")
	}
	err := s.change(ctx, store.Command{Method: store.MethodDelete, Path: usersPath + name, PrevExist: &yes})
	if isCode(err, store.CodeKeyNotFound) {
		return refused(http.StatusNotFound, "User %s does not exist", name)
	}
	if err == nil {
		s.log.Info("deleted a user", zap.String("user", name), zap.String("from", from))
	}
	return err
}

// PutRole does what a PUT of a role asks for, and returns the role as it is answered. The name in it is that of the path. The
// errors are an *Error or those of Member.
func (s *Service) PutRole(ctx context.Context, from string, in Role) (out Role, created bool, err error) {
	created = in.Grant.Empty() && in.Revoke.Empty()
	switch {
	case !created && !in.Permissions.Empty():
		err = &Error{http.StatusBadRequest, "Role JSON contains both permissions and grant/revoke"}
	case in.Role == RootName:
		err = rootRoleIsFixed()
	case created:
		out, err = in, s.createRole(ctx, from, in)
	default:
		out, err = s.updateRole(ctx, from, in)
	}
	return out, created, err
}

func (s *Service) createRole(ctx context.Context, from string, in Role) error {
	c, err := put(rolesPath+in.Role, in, 0)
	if err == nil {
		err = s.change(ctx, c)
	}
	if isCode(err, store.CodeKeyExists) {
		return refused(http.StatusConflict, "Role %s already exists.", in.Role)
	}
	if err == nil {
		s.log.Info("created a role", zap.String("role", in.Role), zap.String("from", from))
	}
	return err
}

// updateRole changes a role; again if somebody else did meanwhile.
func (s *Service) updateRole(ctx context.Context, from string, in Role) (Role, error) {
	for {
		e := s.table(s.member.View()).roles[in.Role]
		if e == nil {
			return Role{}, NoSuchRole(in.Role)
		}
		out, err := e.merge(in)
		if err != nil {
			return Role{}, err
		}
		c, err := put(rolesPath+in.Role, out, e.node.Modified())
		if err == nil {
			err = s.change(ctx, c)
		}
		if isCode(err, store.CodeCompareFailed, store.CodeKeyNotFound) {
			continue
		}
		if err == nil {
			s.log.Info("changed a role", zap.String("role", in.Role), zap.String("from", from))
		}
		return out, err
	}
}

// DeleteRole removes a role; users keep its name. The errors are an *Error or those of Member.
func (s *Service) DeleteRole(ctx context.Context, from, name string) error {
	if name == RootName {
		return rootRoleIsFixed()
	}
	err := s.change(ctx, store.Command{Method: store.MethodDelete, Path: rolesPath + name, PrevExist: &yes})
	if isCode(err, store.CodeKeyNotFound) {
		return refused(http.StatusNotFound, "Role %s doesn't exist.", name)
	}
	if err == nil {
		s.log.Info("deleted a role", zap.String("role", name), zap.String("from", from))
	}
	return err
}
