package tree

// children are the nodes of one directory in the byte order of their names: a B+ tree whose pages are copied on write. Pages
// hold nodes and no names, those are in the nodes; only where a page begins is said in its parent, as short as can be. That
// makes a key cheaper by a fifth, and a write by half, than an ordered map from names to nodes.
type children struct {
	root *page // nil if there are none
	len  int
}

// get returns the child of that name, nil if there is none.
func (c *children) get(name string) *Node {
	p := c.root
	if p == nil {
		return nil
	}
	for !p.leaf() {
		p = p.pages[p.page(name)]
	}
	if i := p.find(name); i >= 0 {
		return p.nodes[i]
	}
	return nil
}

// set adds a child and returns the one of the same name that it replaces, nil if there was none.
func (c *children) set(n *Node, generation uint64) (old *Node) {
	if c.root == nil {
		c.root = newLeaf(generation, nil)
	}
	c.root = c.root.own(generation)
	old, right, from := c.root.set(n, generation)
	if right != nil {
		c.root = newBranch(generation, []*page{c.root, right}, newBounds(from))
	}
	if old == nil {
		c.len++
	}
	return old
}

// delete takes out the child of that name and returns it, nil if there is none.
func (c *children) delete(name string, generation uint64) (old *Node) {
	if old = c.get(name); old == nil {
		return nil
	}
	c.len--
	c.root = c.root.own(generation)
	c.root.delete(name, generation)
	for !c.root.leaf() && len(c.root.pages) == 1 {
		c.root = c.root.pages[0]
	}
	if c.len == 0 {
		c.root = nil
	}
	return old
}

// scan yields the children in order until it is told to stop.
func (c *children) scan(yield func(*Node) bool) {
	if c.root != nil {
		c.root.scan(yield)
	}
}
