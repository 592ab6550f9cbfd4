package store

import (
	"fmt"
	"net/http"
)

// The v2 error codes that Pando answers with (keys-api spec, section 11).
const (
	CodeKeyNotFound      = 100
	CodeCompareFailed    = 101
	CodeNotFile          = 102
	CodeNotDir           = 104
	CodeKeyExists        = 105
	CodeRootReadOnly     = 107
	CodeDirNotEmpty      = 108
	CodeUnauthorized     = 110
	CodePrevValueMissing = 201
	CodeTTLNotNumber     = 202
	CodeIndexNotNumber   = 203
	CodeInvalidField     = 209
	CodeInvalidForm      = 210
	CodeRefreshValue     = 211
	CodeRefreshTTL       = 212
	CodeRaftInternal     = 300
	CodeIndexCleared     = 401
)

// codes is the one table of v2 errors: what each says, and the HTTP status it is answered with.
var codes = map[int]struct {
	status  int
	message string
}{
	CodeKeyNotFound:      {http.StatusNotFound, "Key not found"},
	CodeCompareFailed:    {http.StatusPreconditionFailed, "Compare failed"},
	CodeNotFile:          {http.StatusForbidden, "Not a file"},
	CodeNotDir:           {http.StatusBadRequest, "Not a directory"},
	CodeKeyExists:        {http.StatusPreconditionFailed, "Key already exists"},
	CodeRootReadOnly:     {http.StatusBadRequest, "Root is read only"},
	CodeDirNotEmpty:      {http.StatusForbidden, "Directory not empty"},
	CodeUnauthorized:     {http.StatusUnauthorized, "The request requires user authentication"},
	CodePrevValueMissing: {http.StatusBadRequest, "PrevValue is Required in POST form"},
	CodeTTLNotNumber:     {http.StatusBadRequest, "The given TTL in POST form is not a number"},
	CodeIndexNotNumber:   {http.StatusBadRequest, "The given index in POST form is not a number"},
	CodeInvalidField:     {http.StatusBadRequest, "Invalid field"},
	CodeInvalidForm:      {http.StatusBadRequest, "Invalid POST form"},
	CodeRefreshValue:     {http.StatusBadRequest, "Value provided on refresh"},
	CodeRefreshTTL:       {http.StatusBadRequest, "A TTL must be provided on refresh"},
	CodeRaftInternal:     {http.StatusInternalServerError, "Raft Internal Error"},
	CodeIndexCleared:     {http.StatusBadRequest, "The event in requested index is outdated and cleared"},
}

// Error is a v2 error: what a request is answered with that was refused.
type Error struct {
	// Code is one of the Code constants.
	Code int
	// Message belongs to the code, Cause to this one refusal; the cause may be empty.
	Message, Cause string
	// Index is the etcd index at which the request was refused; 0 if the store was not asked.
	Index uint64
}

// NewError returns the error of that code with the message that belongs to it.
func NewError(code int, cause string, index uint64) *Error {
	return &Error{Code: code, Message: codes[code].message, Cause: cause, Index: index}
}

// Error is the code, the message and the cause in one line, for logs.
func (e *Error) Error() string {
	if e.Cause == "" {
		return fmt.Sprintf("%d: %s", e.Code, e.Message)
	}
	return fmt.Sprintf("%d: %s (%s)", e.Code, e.Message, e.Cause)
}

// Status is the HTTP status that the error is answered with.
func (e *Error) Status() int {
	if c, ok := codes[e.Code]; ok {
		return c.status
	}
	return http.StatusBadRequest
}
