// Package store is the state machine: commands of the log go in one by one, each gives the same event or the same error
// on every member, as etcd 2.3.8 would give it.
//
// It promises
//   - to be deterministic: no decision depends on a clock, a goroutine, I/O or the order of a map. Time comes in
//     commands; Options.Now only fills the TTL that events show;
//   - that a command which fails changes nothing but the counters, and takes no index;
//   - that readers hold no lock and disturb nobody: a View is one moment, whole, and never changes.
//
// It asks of its caller
//   - that one goroutine, the one that applies, calls Apply, ApplyMember, Publish and Notify, and Restore between
//     batches. The others may be called from anywhere;
//   - the order of a batch: Apply and ApplyMember, Publish, answer the proposers, Notify.
//
// The state is one tree (package tree), the order in which its nodes are due (package ttl), the etcd index, and the
// counters; the history of events is kept by package eventhistory. Everything etcd has is in the tree: the cluster's
// records below /0, the keys below /1, users and roles below /2.
package store

// The parts of the tree.
const (
	clusterPrefix = "/0"
	keysPrefix    = "/1"
	authPrefix    = "/2"
)
