package store

import (
	"pando/eventhistory"
	"pando/tree"
)

// restored is what a snapshot holds, read into a tree of its own.
type restored struct {
	// root is a directory: made with tree.NewDraft, Draft.Add and Draft.Finish; files with tree.NewFile.
	root *tree.Node
	// index is the etcd index of the snapshot.
	index uint64
	// events are the kept history, oldest first, without the unused slots.
	events []*eventhistory.Event
	stats  Stats
}

// install replaces the whole state by a restored one and publishes nothing: Publish and Notify, which the caller calls
// next, show it and tell the watchers. Only the apply goroutine calls it, between batches.
func (s *Store) install(r restored) {
	s.tree = tree.FromRoot(r.root)
	s.index = r.index
	s.pending = nil
	s.stats.restore(r.stats)
	s.due = dueBelow(r.root)
	s.hub.Restore(r.events, r.index)
}
