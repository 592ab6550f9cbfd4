package eventhistory

import "sync/atomic"

// Event is one state change of the tree, as watchers are told of it. It is shared by everybody who reads it and never
// changes once it has been published; it holds copies of what it tells, never a node of the tree.
type Event struct {
	// Action is create, set, update, delete, compareAndSwap, compareAndDelete or expire.
	Action string
	// Node is the node after the change.
	Node Node
	// PrevNode is the node before the change; nil where the keys API shows none.
	PrevNode *Node
	// Refresh marks a change of TTL that no watcher is told of (keys-api spec, section 14).
	Refresh bool

	encoded atomic.Pointer[[]byte]
}

// Node is a node of the tree as an event shows it.
type Node struct {
	// Key is the whole path inside the store, prefix included: "/1/foo".
	Key string
	// Value is nil where the event carries none: for directories, and in the node of a removal.
	Value *string
	Dir   bool
	// Expiration is in nanoseconds since 1970; 0 means none.
	Expiration int64
	// TTL is in seconds, as it was when the event happened; 0 means that none is shown.
	TTL                         int64
	ModifiedIndex, CreatedIndex uint64
}

// Index is the etcd index of the change.
func (e *Event) Index() uint64 { return e.Node.ModifiedIndex }

// Size is how many bytes of keys and values the event carries.
func (e *Event) Size() int {
	size := e.Node.size()
	if e.PrevNode != nil {
		size += e.PrevNode.size()
	}
	return size
}

func (n *Node) size() int {
	if n.Value == nil {
		return len(n.Key)
	}
	return len(n.Key) + len(*n.Value)
}

// Encoded returns the event as encode writes it, and keeps the answer for whoever asks next: ten thousand watchers of
// one key share one encoding. Every caller has to pass the same encode; two who ask at the same moment may both run it.
// The bytes are not to be changed.
func (e *Event) Encoded(encode func(*Event) []byte) []byte {
	if b := e.encoded.Load(); b != nil {
		return *b
	}
	b := encode(e)
	if !e.encoded.CompareAndSwap(nil, &b) {
		return *e.encoded.Load()
	}
	return b
}

// removesDirectory says whether the event may have taken nodes below its key with it. compareAndDelete takes files only.
func (e *Event) removesDirectory() bool {
	return (e.Action == "delete" || e.Action == "expire") && e.PrevNode != nil && e.PrevNode.Dir
}
