package raft

import (
	"io"

	"go.etcd.io/raft/v3/raftpb"

	"pando/snapshot"
)

// StateMachine is what committed entries are applied to. Its methods but Light and Prepare
// are called one at a time, by whoever applies: the apply goroutine or, when there is little
// to do, another. Start installs a snapshot before anything is applied.
type StateMachine interface {
	// Apply carries out one normal entry with data. It returns the ID that the
	// proposer gave the entry (0 if it has none) and the result for the proposer.
	// An error stops the node: it is for entries that must not be skipped.
	Apply(index, term uint64, data []byte) (id uint64, result any, err error)
	// Replay is Apply for an entry of which nobody waits for the result, and whose data
	// never changes. Before it is published nobody sees anything of the state.
	Replay(index, term uint64, data []byte) error
	// Light reports whether applying data takes no longer than a write of one key. Any
	// goroutine may call it.
	Light(data []byte) bool
	// ApplyConfChange carries out a membership change on the tree and reports
	// whether it is valid there; raft ignores an invalid one.
	ApplyConfChange(cc *raftpb.ConfChange) (valid bool)
	// Levels are those that members have published, as of what was applied. Start calls
	// it before anything is applied.
	Levels() Levels
	// Publish makes everything applied so far visible to readers. It is called at
	// the end of each batch, with the index and term of its last entry, before any
	// proposer of the batch is woken.
	Publish(index, term uint64)
	// Notify wakes watchers of what was published, after the proposers.
	Notify()
	// Image is an immutable picture of the published state, to be written as a
	// snapshot from another goroutine while applying goes on.
	Image() snapshot.Payload
	// Prepare decodes a snapshot. Any goroutine may call it, and nothing changes.
	// install, called by whoever applies, replaces the state by what was
	// decoded; Publish and Notify follow.
	Prepare(r io.Reader) (install func(), err error)
}
