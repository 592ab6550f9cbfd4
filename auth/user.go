package auth

import (
	"net/http"
	"slices"
)

// The names with a meaning of their own: root is both a user and a role.
const (
	RootName  = "root"
	GuestName = "guest"
)

// User is a user as it is stored, as a request sends it and as a change is answered. The order of the fields is etcd's.
type User struct {
	// User is the name.
	User string `json:"user"`
	// Password is a bcrypt hash where it is stored, plain text in a request, empty in an answer.
	Password string `json:"password,omitempty"`
	// Roles may name roles that do not exist. nil, which is null in JSON, and an empty list are told apart.
	Roles []string `json:"roles"`
	// Grant and Revoke are the changes that a request asks for.
	Grant  []string `json:"grant,omitempty"`
	Revoke []string `json:"revoke,omitempty"`
}

// withRoot returns the user with the role that the user root always has.
func (u User) withRoot() User {
	if u.User == RootName && !slices.Contains(u.Roles, RootName) {
		u.Roles = append(slices.Clip(u.Roles), RootName)
	}
	return u
}

// merge returns the user with the changes of a request. The hash is that of a new password, or empty. The answer for what
// changes nothing is the reference's, which takes null for a list that is not empty.
func (u User) merge(in User, hash string) (User, error) {
	out := User{User: u.User, Password: u.Password, Roles: unique(u.Roles)}
	if hash != "" {
		out.Password = hash
	}
	for _, role := range in.Grant {
		i, found := slices.BinarySearch(out.Roles, role)
		if found {
			return User{}, refused(http.StatusConflict, "Granting duplicate role %s for user %s", role, u.User)
		}
		out.Roles = slices.Insert(out.Roles, i, role)
	}
	for _, role := range in.Revoke {
		i, found := slices.BinarySearch(out.Roles, role)
		if !found {
			return User{}, refused(http.StatusConflict, "Revoking ungranted role %s for user %s", role, u.User)
		}
		out.Roles = slices.Delete(out.Roles, i, i+1)
	}
	if hash == "" && same(u.Roles, out.Roles) {
		return User{}, refused(http.StatusBadRequest, "User not updated. Use grant/revoke/password to update the user.")
	}
	return out, nil
}

// unique returns the different strings of a list, sorted, in a slice of its own that is never nil.
func unique(list []string) []string {
	out := append([]string{}, list...)
	slices.Sort(out)
	return slices.Compact(out)
}

// same reports whether two lists are equal where nil is not an empty list.
func same(a, b []string) bool { return slices.Equal(a, b) && (a == nil) == (b == nil) }
