package tree

import (
	"iter"
	"strings"
)

// directory holds the children of a node.
type directory struct {
	// generation of the tree that made this directory and may change it in place.
	generation uint64
	// below is everything in it, at whatever depth.
	below    Size
	children children
}

// Size is how much there is of something.
type Size struct {
	Nodes int64 // files and directories
	Bytes int64 // of their names and values, without what it takes to hold them in memory
}

func (s *Size) add(o Size) { s.Nodes += o.Nodes; s.Bytes += o.Bytes }

func (s Size) minus(o Size) Size { return Size{s.Nodes - o.Nodes, s.Bytes - o.Bytes} }

// Attr are the properties that files and directories share.
type Attr struct {
	// Created and Modified are the etcd indexes of the writes that made the node and that last changed it.
	Created, Modified uint64
	// Expiration is in nanoseconds since 1970; 0 means permanent.
	Expiration int64
}

// Dir says whether the node is a directory.
func (n *Node) Dir() bool { return n.dir() != nil }

// Created is the etcd index of the write that made the node.
func (n *Node) Created() uint64 { return n.created }

// Modified is the etcd index of the write that last changed the node's own value or TTL.
func (n *Node) Modified() uint64 { return n.modified }

// Expiration is when the node is due, in nanoseconds since 1970; 0 means never.
func (n *Node) Expiration() int64 {
	if b := n.box(); b != nil {
		return b.expiration
	}
	return 0
}

// Attr returns the properties that files and directories share.
func (n *Node) Attr() Attr {
	return Attr{Created: n.created, Modified: n.modified, Expiration: n.Expiration()}
}

// Hidden says whether listings and recursive watches leave the node out: its name starts with '_' (keys-api spec,
// section 16).
func (n *Node) Hidden() bool { return strings.HasPrefix(n.Name(), "_") }

// Len is the number of children, hidden ones included; 0 for a file.
func (n *Node) Len() int {
	if d := n.dir(); d != nil {
		return d.children.len
	}
	return 0
}

// Below is the size of everything below a directory, hidden nodes included; nothing for a file. It is kept up to date, not
// counted.
func (n *Node) Below() Size {
	if n == nil || !n.Dir() {
		return Size{}
	}
	return n.dir().below
}

// size is that of the node with everything below it; nothing for nil.
func (n *Node) size() Size {
	if n == nil {
		return Size{}
	}
	s := n.Below()
	s.add(Size{1, int64(len(n.text()))})
	return s
}

// Child returns the child of that name; nil if there is none, or n is a file.
func (n *Node) Child(name string) *Node {
	if d := n.dir(); d != nil {
		return d.children.get(name)
	}
	return nil
}

// Children lists the children, hidden ones included, in the byte order of their names.
func (n *Node) Children() iter.Seq[*Node] {
	return func(yield func(*Node) bool) {
		if d := n.dir(); d != nil {
			d.children.scan(yield)
		}
	}
}

// Lookup walks from n, which path counts from, to the node at path. If it gets there, reached is len(path). Otherwise it
// returns the last node on the way, whose path is path[:reached]: a directory without the next element, or a file.
func (n *Node) Lookup(path string) (last *Node, reached int) {
	if path == "/" {
		return n, len(path)
	}
	for reached < len(path) {
		end := elementEnd(path, reached)
		child := n.Child(path[reached+1 : end])
		if child == nil {
			return n, reached
		}
		n, reached = child, end
	}
	return n, reached
}

// elementEnd returns where the element that starts with the slash at from ends.
func elementEnd(path string, from int) int {
	if i := strings.IndexByte(path[from+1:], '/'); i >= 0 {
		return from + 1 + i
	}
	return len(path)
}
