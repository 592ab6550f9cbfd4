package raft

import "errors"

// Errors before start: the data directory is refused, and nothing in it was changed.
var (
	// ErrDataDir is the class of errors that name what is wrong with a data
	// directory and what the operator can do.
	ErrDataDir = errors.New("data directory refused")
)

// Errors of a proposal or read that never entered the log: it may be repeated anywhere.
var (
	// ErrTooManyRequests means that the proposal queue is full.
	ErrTooManyRequests = errors.New("too many requests")
	// ErrDiskFull means that no room for further log entries could be prepared.
	ErrDiskFull = errors.New("no space left for the write-ahead log")
	// ErrTooLarge means that one proposal is larger than the log takes.
	ErrTooLarge = errors.New("request is too large")
)

// ErrStopped means that the node was closed or has failed while a request
// waited; a proposal may or may not have been carried out.
var ErrStopped = errors.New("server stopped")
