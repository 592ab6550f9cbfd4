package tree

// Draft is a directory that is being built, child by child, for a tree that nobody has seen yet: the way a snapshot is
// read. Children that come in the byte order of their names are cheapest. A Draft belongs to one goroutine.
type Draft struct{ node *Node }

// NewDraft starts a directory. What it is called and its attributes are said at the end, by Finish, because the
// snapshot may tell them behind the children.
func NewDraft() Draft { return Draft{node: newDir("", Attr{}, 0)} }

// Add puts a child, a file or a finished directory, into the directory. A child of the same name is replaced.
func (d Draft) Add(child *Node) {
	dir := d.node.dir()
	old := dir.children.set(child, dir.generation)
	dir.below.add(child.size().minus(old.size()))
}

// Finish returns the directory, which must not be added to any more. The root's name is "".
func (d Draft) Finish(name string, a Attr) *Node {
	n := d.node
	n.created, n.modified, n.name = a.Created, a.Modified, uint32(len(name))
	b := n.box()
	b.content, b.expiration = name, a.Expiration
	return n
}
