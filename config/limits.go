package config

import (
	"math"
	"syscall"
)

// reservedFiles are the file descriptors that a member keeps for its own files and its peers (server spec, section 2).
const reservedFiles = 150

// CheckFDLimit reads the process's limit of open files and returns how many client connections that leaves room for. A limit
// that leaves none is an *ExitError. Call it before listening.
func CheckFDLimit() (connections int, err error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, refuse("cannot read the file descriptor limit: %v", err)
	}
	return connectionsWithin(limit.Cur)
}

func connectionsWithin(limit uint64) (int, error) {
	if limit <= reservedFiles {
		return 0, refuse("file descriptor limit[%d] of etcd process is too low, and should be set higher than %d to run properly", limit, reservedFiles)
	}
	return int(min(limit, math.MaxInt32)) - reservedFiles, nil
}
