package tree

// Draft is a directory that is being built, child by child, for a tree that nobody has seen yet: the way a snapshot is
// read. Children that come in the byte order of their names are cheapest. A Draft belongs to one goroutine.
type Draft struct {
	node *Node
	last *page // the leaf with the last names; nil until there is a child
}

// NewDraft starts a directory. What it is called and its attributes are said at the end, by Finish, because the
// snapshot may tell them behind the children.
func NewDraft() *Draft { return &Draft{node: newDir("", Attr{}, 0)} }

// Add puts a child, a file or a finished directory, into the directory. A child of the same name is replaced.
func (d *Draft) Add(child *Node) {
	dir := d.node.dir()
	if d.last != nil && d.last.push(child) {
		dir.children.len++
		dir.below.add(child.size())
		return
	}
	old := dir.children.set(child, dir.generation)
	dir.below.add(child.size().minus(old.size()))
	if d.last = dir.children.root.lastLeaf(); d.last != dir.children.root {
		d.last.makeRoom()
	}
}

// Finish returns the directory, which must not be added to any more. The root's name is "".
func (d *Draft) Finish(name string, a Attr) *Node {
	n := d.node
	n.text, n.name = name, uint32(len(name))
	n.created, n.modified, n.more.expiration = a.Created, a.Modified, a.Expiration
	return n
}

// push adds a node to a leaf that has one, if its name is above all others and there is room.
func (p *page) push(n *Node) bool {
	at := len(p.nodes)
	if at == maxNodes || p.nodes[at-1].Name() >= n.Name() {
		return false
	}
	p.marks[at] = mark(n.Name())
	p.nodes = insert(p.nodes, at, n, maxNodes)
	return true
}

// makeRoom gives a leaf all the room that it may need, for one which will be filled from left to right.
func (p *page) makeRoom() {
	if cap(p.nodes) < maxNodes {
		p.nodes = append(make([]*Node, 0, maxNodes), p.nodes...)
	}
}

func (p *page) lastLeaf() *page {
	for !p.leaf() {
		p = p.edges[len(p.edges)-1].page
	}
	return p
}
