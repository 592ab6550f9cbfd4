package tree

import (
	"math"
	"strings"
	"unsafe"
)

// Node is a file or a directory. It never changes once it has been published; any goroutine may read it. It is used through its
// pointer only, because more lies behind it.
//
// What most nodes are, a permanent file, is one piece of memory without a pointer: the Node, and right behind it its name and
// its value. Who looks for a name finds it there, and the garbage collector, which passes by every key of the tree again
// and again, need not look into it. Every other node is the beginning of a box.
type Node struct {
	created  uint64
	modified uint64
	name     uint32 // length of the name
	length   uint32 // of the name and the value; inBox for a node that is in a box
}

// box is a node that needs more: a directory, a file with a TTL, or one that is too long or too short.
type box struct {
	Node
	content string // the name and behind it the value
	// expiration is in nanoseconds since 1970; 0 means permanent.
	expiration int64
	// children is nil for a file.
	children *directory
}

const (
	inBox  = math.MaxUint32
	header = int(unsafe.Sizeof(Node{}))
	word   = int(unsafe.Sizeof(uint64(0)))
)

// NewFile returns a file that is in no tree yet. It keeps neither string.
func NewFile(name, value string, a Attr) *Node {
	length := len(name) + len(value)
	if !plain(length, a) {
		if value == "" {
			name = strings.Clone(name) // which Go does not do where there is nothing to add
		}
		return newBox(name+value, len(name), a)
	}
	n, text := newPlain(len(name), length, a)
	copy(text[copy(text, name):], value)
	return n
}

// NewFileFrom is NewFile with the name, of that length, and behind it the value in one text. It does not keep that.
func NewFileFrom(text []byte, name int, a Attr) *Node {
	if !plain(len(text), a) {
		return newBox(string(text), name, a)
	}
	n, behind := newPlain(name, len(text), a)
	copy(behind, text)
	return n
}

// plain says whether a file needs no box. An empty one does, because behind its Node there is no memory to point to.
func plain(length int, a Attr) bool {
	return a.Expiration == 0 && 0 < length && uint64(length) < inBox
}

// newPlain returns a node that is in no box, and the memory of its name and value for the caller to fill. Words have the
// alignment that a Node needs.
func newPlain(name, length int, a Attr) (n *Node, text []byte) {
	words := make([]uint64, (header+length+word-1)/word)
	n = (*Node)(unsafe.Pointer(unsafe.SliceData(words)))
	*n = Node{created: a.Created, modified: a.Modified, name: uint32(name), length: uint32(length)}
	return n, unsafe.Slice((*byte)(n.behind()), length)
}

// newBox returns a file that is in a box. It keeps the text.
func newBox(text string, name int, a Attr) *Node {
	b := &box{content: text, expiration: a.Expiration}
	b.Node = Node{created: a.Created, modified: a.Modified, name: uint32(name), length: inBox}
	return &b.Node
}

// dirNode is a directory in one allocation.
type dirNode struct {
	box
	directory
}

// newDir returns an empty directory. It keeps the name.
func newDir(name string, a Attr, generation uint64) *Node {
	d := &dirNode{directory: directory{generation: generation}}
	d.box = box{content: name, expiration: a.Expiration, children: &d.directory}
	d.Node = Node{created: a.Created, modified: a.Modified, name: uint32(len(name)), length: inBox}
	return &d.Node
}

// behind is where a node ends.
func (n *Node) behind() unsafe.Pointer { return unsafe.Add(unsafe.Pointer(n), header) }

// box returns the box that a node is in; nil if it is in none.
func (n *Node) box() *box {
	if n.length != inBox {
		return nil
	}
	return (*box)(unsafe.Pointer(n))
}

// text is the name and behind it the value.
func (n *Node) text() string {
	if n.length != inBox {
		return unsafe.String((*byte)(n.behind()), n.length)
	}
	return n.box().content
}

// dir returns what makes a node a directory; nil for a file.
func (n *Node) dir() *directory {
	if b := n.box(); b != nil {
		return b.children
	}
	return nil
}

// Name is the last element of the node's path; "" for the root.
func (n *Node) Name() string { return n.text()[:n.name] }

// Value is the content of a file; "" for a directory.
func (n *Node) Value() string { return n.text()[n.name:] }
