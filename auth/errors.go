package auth

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"pando/store"
)

// Error is a refused change or question, as the client gets to see it: cluster-api spec, section 9.1.
type Error struct {
	// Status is that of the answer.
	Status int
	// Message is the reference's, to the byte.
	Message string
}

// Error is the message.
func (e *Error) Error() string { return e.Message }

func refused(status int, format string, args ...any) *Error {
	return &Error{status, "auth: " + fmt.Sprintf(format, args...)}
}

var (
	// ErrDenied says that the credentials do not allow what was asked for.
	ErrDenied = errors.New("insufficient credentials")
	// ErrBusy says that too many passwords wait to be checked. Nothing was decided.
	ErrBusy = errors.New("too many passwords wait to be checked")
)

// The refusals that more than one file knows.
func noSuchUser(name string) *Error {
	return refused(http.StatusNotFound, "User %s does not exist.", name)
}

// NoSuchRole is the answer about a role that is not there.
func NoSuchRole(name string) *Error {
	return refused(http.StatusNotFound, "Role %s does not exist.", name)
}

func rootRoleIsFixed() *Error {
	return refused(http.StatusForbidden, "Cannot modify role %s: is root role.", RootName)
}

// isCode reports whether an error is one of the store's with one of those codes.
func isCode(err error, codes ...int) bool {
	var e *store.Error
	return errors.As(err, &e) && slices.Contains(codes, e.Code)
}
