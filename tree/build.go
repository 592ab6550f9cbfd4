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
	d.last = dir.children.root.lastLeaf()
}

// Finish returns the directory, which must not be added to any more. The root's name is "".
func (d *Draft) Finish(name string, a Attr) *Node {
	n := d.node
	n.created, n.modified, n.name = a.Created, a.Modified, uint32(len(name))
	b := n.box()
	b.content, b.expiration = name, a.Expiration
	return n
}

// push adds a node to a leaf that has one, if its name is above all others and there is room.
func (p *page) push(n *Node) bool {
	at := len(p.nodes)
	if at == maxNodes || p.nodes[at-1].Name() >= n.Name() {
		return false
	}
	p.insert(at, n)
	return true
}

func (p *page) lastLeaf() *page {
	for !p.leaf() {
		p = p.pages[len(p.pages)-1]
	}
	return p
}
