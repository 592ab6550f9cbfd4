package discovery

import (
	"errors"
	"fmt"
)

// What stops a member for good. The texts are those of etcd, but for ErrLost, on which etcd crashes.
var (
	// ErrBadEndpoint: what answers under the URL is not etcd's v2 keys.
	ErrBadEndpoint = errors.New("discovery: bad discovery endpoint")
	// ErrBadSize: _config/size is not the size of a cluster.
	ErrBadSize = errors.New("discovery: size key is bad")
	// ErrFull: as many members as the token is for have registered, and this one is not among them.
	ErrFull = errors.New("discovery: cluster is full")
	// ErrDuplicateID: this member has registered before, and has lost its data since.
	ErrDuplicateID = errors.New("discovery: found duplicate id")
	// ErrLost: this member has registered, but is not among the members that the service names in the end, or not as it registered.
	ErrLost = errors.New("discovery: this member's registration was removed or changed")
	// ErrDuplicateName: two of the members have one name.
	ErrDuplicateName = errors.New("discovery: found duplicate name")
	// ErrInvalidURL: somebody has registered something that is no list of NAME=URL.
	ErrInvalidURL = errors.New("discovery: invalid URL")
)

// serviceError is an error of the v2 API, as the service reports it.
type serviceError struct {
	Code    int    `json:"errorCode"`
	Message string `json:"message"`
	Cause   string `json:"cause"`
	Index   uint64 `json:"index"`
}

func (e *serviceError) Error() string {
	return fmt.Sprintf("%d: %s (%s) [%d]", e.Code, e.Message, e.Cause, e.Index)
}

// The codes that the protocol knows.
const (
	codeNodeExists   = 105
	codeIndexCleared = 401
)

func isCode(err error, code int) bool {
	var e *serviceError
	return errors.As(err, &e) && e.Code == code
}

// errUnreachable marks what another attempt may cure.
var errUnreachable = errors.New("the discovery service cannot be reached")

// JoinError says that a member could not join. It wraps one of this package's errors, one that the service reports, or a
// context's.
type JoinError struct{ err error }

func (e *JoinError) Error() string { return "failed to join discovery cluster (" + e.err.Error() + ")" }
func (e *JoinError) Unwrap() error { return e.err }
