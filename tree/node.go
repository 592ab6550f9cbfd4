package tree

import (
	"iter"
	"strings"
)

// Node is a file or a directory. It never changes once it has been published; any goroutine may read it.
type Node struct {
	// text is the name and behind it the value, in one piece of memory.
	text     string
	name     uint32 // length of the name
	created  uint64
	modified uint64
	// more is nil for what most nodes are: a file that is permanent.
	more *more
}

// more is what directories have, and files with a TTL.
type more struct {
	// expiration is in nanoseconds since 1970; 0 means permanent.
	expiration int64
	// dir is nil for a file.
	dir *directory
}

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

// expiringFile and dirNode are such nodes in one allocation.
type (
	expiringFile struct {
		Node
		more more
	}
	dirNode struct {
		Node
		more more
		directory
	}
)

// Attr are the properties that files and directories share.
type Attr struct {
	// Created and Modified are the etcd indexes of the writes that made the node and that last changed it.
	Created, Modified uint64
	// Expiration is in nanoseconds since 1970; 0 means permanent.
	Expiration int64
}

// NewFile returns a file that is in no tree yet. It keeps neither string.
func NewFile(name, value string, a Attr) *Node {
	if value == "" {
		name = strings.Clone(name) // which Go does not do where there is nothing to add
	}
	return newFile(name+value, len(name), a)
}

// NewFileFrom is NewFile with the name, of that length, and behind it the value in one text. It does not keep that.
func NewFileFrom(text []byte, name int, a Attr) *Node { return newFile(string(text), name, a) }

// newFile is NewFile with the name and the value in one.
func newFile(text string, name int, a Attr) *Node {
	n := Node{text: text, name: uint32(name), created: a.Created, modified: a.Modified}
	if a.Expiration == 0 {
		return &n
	}
	f := &expiringFile{Node: n, more: more{expiration: a.Expiration}}
	f.Node.more = &f.more
	return &f.Node
}

// newDir returns an empty directory. It keeps the name.
func newDir(name string, a Attr, generation uint64) *Node {
	d := &dirNode{Node: Node{text: name, name: uint32(len(name)), created: a.Created, modified: a.Modified}}
	d.more = more{expiration: a.Expiration, dir: &d.directory}
	d.Node.more = &d.more
	d.generation = generation
	return &d.Node
}

// dir returns what makes a node a directory; nil for a file.
func (n *Node) dir() *directory {
	if n.more == nil {
		return nil
	}
	return n.more.dir
}

// Name is the last element of the node's path; "" for the root.
func (n *Node) Name() string { return n.text[:n.name] }

// Value is the content of a file; "" for a directory.
func (n *Node) Value() string { return n.text[n.name:] }

// Dir says whether the node is a directory.
func (n *Node) Dir() bool { return n.dir() != nil }

// Created is the etcd index of the write that made the node.
func (n *Node) Created() uint64 { return n.created }

// Modified is the etcd index of the write that last changed the node's own value or TTL.
func (n *Node) Modified() uint64 { return n.modified }

// Expiration is when the node is due, in nanoseconds since 1970; 0 means never.
func (n *Node) Expiration() int64 {
	if n.more == nil {
		return 0
	}
	return n.more.expiration
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
	s.add(Size{1, int64(len(n.text))})
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
