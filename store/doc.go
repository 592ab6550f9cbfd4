// Package store is the state machine.
package store

// The parts of the tree: etcd keeps its own records beside the keys of its users.
const (
	clusterPrefix = "/0" // members and version
	keysPrefix    = "/1"
	authPrefix    = "/2" // users and roles
)
