package store

import (
	"slices"

	"pando/tree"
)

// Node is a node of the tree. It never changes; any goroutine may read it.
type Node = tree.Node

// View is the state at one moment. It never changes; any goroutine may read it, and hold it as long as it likes.
type View struct {
	// Index is the etcd index, X-Etcd-Index.
	Index uint64
	// RaftIndex and RaftTerm are those of the last log entry that is contained.
	RaftIndex, RaftTerm uint64

	root           *Node
	stats          *counters
	cluster        *cluster
	auth           *Node // the directory /2
	authEnabled    bool
	authKnown      bool // there is a record of whether it is
	nextExpiration int64
	expires        bool
}

// newView makes the View of everything applied. What depends on parts of the tree that did not change is taken over.
func (s *Store) newView(raftIndex, raftTerm uint64) *View {
	v := &View{Index: s.index, RaftIndex: raftIndex, RaftTerm: raftTerm, root: s.tree.Root(), stats: &s.stats}
	_, v.nextExpiration, v.expires = s.due.Next()
	records := v.root.Child(clusterPrefix[1:])
	if old := s.View(); old != nil && old.cluster.records == records {
		v.cluster = old.cluster
	} else {
		v.cluster = readCluster(records)
	}
	v.auth = v.root.Child(authPrefix[1:])
	if v.auth != nil {
		enabled := v.auth.Child(enabledName)
		v.authKnown = enabled != nil
		v.authEnabled = v.authKnown && enabled.Value() == "true"
	}
	return v
}

// Root is the root of the whole tree, with etcd's own records in it.
func (v *View) Root() *Node { return v.root }

// Lookup returns the node at path. The error is 100 or 104 with the cause that etcd gives (keys-api spec, section 6).
func (v *View) Lookup(path string) (*Node, *Error) {
	path = cleanPath(path)
	n, reached := v.root.Lookup(path)
	if reached < len(path) {
		return nil, missing(path, n, reached, v.Index)
	}
	return n, nil
}

// CountGet counts a read of a client that was answered from a View; success is false if it was answered with an error.
// Reads through the log are counted as they are applied.
func (v *View) CountGet(recursive, success bool) {
	op := opGet
	if recursive {
		op = opGetRecursive
	}
	v.stats.count(op, success)
}

// CountAuthLookup counts the read by which etcd finds out whether a request needs credentials: it goes through the store there,
// and shows in the counters (cluster-api spec, section 4).
func (v *View) CountAuthLookup() { v.stats.count(opGet, v.authKnown) }

// KeySpace is the size of what is below the root of the keys: files, directories, hidden ones too.
func (v *View) KeySpace() tree.Size { return v.root.Child(keysPrefix[1:]).Below() }

// Members lists the members in the order of their IDs. The caller may change the slice, but not what is in it.
func (v *View) Members() []Member { return slices.Clone(v.cluster.members) }

// Removed says whether a member of that ID was removed. Its ID cannot be used again.
func (v *View) Removed(id uint64) bool { return v.cluster.removed[id] }

// ClusterVersion is the version that the cluster agreed on, "2.3.0"; "" until it has.
func (v *View) ClusterVersion() string { return v.cluster.version }

// AuthRecords is the directory with the users and roles, nil if there is none. As long as nobody changes anything below it,
// it is the same node in each View.
func (v *View) AuthRecords() *Node { return v.auth }

// AuthEnabled says whether requests have to carry credentials.
func (v *View) AuthEnabled() bool { return v.authEnabled }
