package store

import (
	"pando/eventhistory"
	"pando/tree"
	"pando/ttl"
)

// restored is what a snapshot holds, read into a tree of its own.
type restored struct {
	// root is a directory: made with tree.NewDraft, Draft.Add and Draft.Finish; files with tree.NewFile.
	root *tree.Node
	// index is the etcd index of the snapshot.
	index uint64
	// expiring says that a node has a TTL.
	expiring bool
	// events are the kept history, oldest first, without the unused slots.
	events []*eventhistory.Event
	stats  Stats

	tree *tree.Tree // from root
	due  *ttl.Index // every node that has a TTL
}

// prepare makes what does not need the store.
func (r *restored) prepare() {
	r.tree, r.due = tree.FromRoot(r.root), ttl.New()
	if r.expiring {
		trackBelow(r.due, r.root, "")
	}
}

// install replaces the whole state by a prepared one and publishes it, still as of the log index of the View before: the
// caller calls Publish with the right one and then Notify, which tells the watchers. Only the apply goroutine calls it,
// between batches.
func (s *Store) install(r restored) {
	s.tree, s.due = r.tree, r.due
	s.index = r.index
	s.pending, s.records = nil, nil
	s.stats.restore(r.stats)
	old := s.View()
	v := s.newView(old.RaftIndex, old.RaftTerm)
	s.hub.Restore(r.events, r.index, func() { s.view.Store(v) })
}

// trackBelow puts every node with a TTL below dir, whose path is given without a trailing slash, into due.
func trackBelow(due *ttl.Index, dir *tree.Node, path string) {
	for n := range dir.Children() {
		switch {
		case n.Dir():
			below := path + "/" + n.Name()
			if n.Expiration() != 0 {
				due.Set(below, n.Expiration())
			}
			trackBelow(due, n, below)
		case n.Expiration() != 0:
			due.Set(path+"/"+n.Name(), n.Expiration())
		}
	}
}
