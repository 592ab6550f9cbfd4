package tree

import (
	"bytes"
	"hash/maphash"
	"slices"
	"strings"
)

// A write copies one page of each level, so pages are small: up to this many nodes in a leaf and edges in a branch. With one
// more, which is there for a moment before a page is split, their arrays fill one of the allocator's size classes.
const (
	maxNodes = 31
	maxEdges = 15
)

// children are the nodes of one directory in the byte order of their names: a B+ tree whose pages are copied on write. Pages
// hold nodes and no names, those are in the nodes; only where a page begins is said in its parent, as short as can be. That
// makes a key cheaper by a fifth, and a write by half, than an ordered map from names to nodes.
type children struct {
	root *page // nil if there are none
	len  int
}

// page is a leaf, which has nodes, or a branch, which has edges. The tree of its generation may change it.
type page struct {
	generation uint64
	nodes      []*Node
	edges      []edge
	// marks are a byte of hash for each node: who looks for a name need not go to nodes with another, which are all over
	// the memory.
	marks [maxNodes + 1]byte
}

// edge leads to the page with the names from here on, up to where the next edge begins. The first edge of a page has no
// such bound, whatever its from says.
type edge struct {
	from string
	page *page
}

// get returns the child of that name, nil if there is none.
func (c *children) get(name string) *Node {
	p := c.root
	if p == nil {
		return nil
	}
	for !p.leaf() {
		p = p.edges[p.edge(name)].page
	}
	if i := p.find(name); i >= 0 {
		return p.nodes[i]
	}
	return nil
}

// set adds a child and returns the one of the same name that it replaces, nil if there was none.
func (c *children) set(n *Node, generation uint64) (old *Node) {
	if c.root == nil {
		c.root = &page{generation: generation}
	}
	c.root = c.root.own(generation)
	old, right := c.root.set(n, generation)
	if right.page != nil {
		c.root = &page{generation: generation, edges: []edge{{page: c.root}, right}}
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
	for len(c.root.edges) == 1 {
		c.root = c.root.edges[0].page
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

func (p *page) scan(yield func(*Node) bool) bool {
	for _, n := range p.nodes {
		if !yield(n) {
			return false
		}
	}
	for _, e := range p.edges {
		if !e.page.scan(yield) {
			return false
		}
	}
	return true
}

func (p *page) leaf() bool { return len(p.edges) == 0 }

// own returns the page if it belongs to the generation, else a copy that does, with room for one more.
func (p *page) own(generation uint64) *page {
	if p.generation == generation {
		return p
	}
	if p.leaf() {
		return &page{generation: generation, nodes: append(make([]*Node, 0, len(p.nodes)+1), p.nodes...), marks: p.marks}
	}
	return &page{generation: generation, edges: append(make([]edge, 0, len(p.edges)+1), p.edges...)}
}

// ownChild is own for the page behind an edge of an own page.
func (p *page) ownChild(i int, generation uint64) *page {
	p.edges[i].page = p.edges[i].page.own(generation)
	return p.edges[i].page
}

// edge returns which edge leads to a name.
func (p *page) edge(name string) int {
	low, high := 0, len(p.edges)
	for high-low > 1 {
		if mid := int(uint(low+high) / 2); p.edges[mid].from <= name {
			low = mid
		} else {
			high = mid
		}
	}
	return low
}

// seed makes it impossible to find many names with the same mark.
var seed = maphash.MakeSeed()

func mark(name string) byte { return byte(maphash.String(seed, name)) }

// find returns where a name is in a leaf, -1 if it is not there.
func (p *page) find(name string) int {
	m := mark(name)
	for i := 0; i < len(p.nodes); i++ {
		next := bytes.IndexByte(p.marks[i:len(p.nodes)], m)
		if next < 0 {
			break
		}
		if i += next; p.nodes[i].Name() == name {
			return i
		}
	}
	return -1
}

// place returns where a new name belongs in a leaf. The end is looked at first, for names that come in order.
func (p *page) place(name string) int {
	low, high := 0, len(p.nodes)
	if high == 0 || p.nodes[high-1].Name() < name {
		return high
	}
	for low < high {
		if mid := int(uint(low+high) / 2); p.nodes[mid].Name() < name {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}

// set is children.set below an own page. If the page was too full it keeps the left part, and right leads to the rest.
func (p *page) set(n *Node, generation uint64) (old *Node, right edge) {
	if !p.leaf() {
		i := p.edge(n.Name())
		old, right = p.ownChild(i, generation).set(n, generation)
		if right.page == nil {
			return old, edge{}
		}
		p.edges = insert(p.edges, i+1, right, maxEdges+1)
		if len(p.edges) <= maxEdges {
			return old, edge{}
		}
		left, rest := cut(p.edges, i+1)
		p.edges = left
		return old, edge{rest[0].from, &page{generation: generation, edges: rest}}
	}
	if i := p.find(n.Name()); i >= 0 {
		old, p.nodes[i] = p.nodes[i], n
		return old, edge{}
	}
	i := p.place(n.Name())
	copy(p.marks[i+1:], p.marks[i:])
	p.marks[i] = mark(n.Name())
	p.nodes = insert(p.nodes, i, n, maxNodes+1)
	if len(p.nodes) <= maxNodes {
		return nil, edge{}
	}
	left, rest := cut(p.nodes, i)
	p.nodes = left
	right = edge{between(left[len(left)-1].Name(), rest[0].Name()), &page{generation: generation, nodes: rest}}
	copy(right.page.marks[:], p.marks[len(left):])
	return nil, right
}

// insert is slices.Insert with less room for more, never above most.
func insert[T any](s []T, i int, v T, most int) []T {
	if len(s) == cap(s) {
		s = append(make([]T, 0, min(2*len(s)+1, most)), s...)
	}
	return slices.Insert(s, i, v)
}

// cut divides what is too much for one page, to which the element at i was added: in the middle, unless they come in order,
// as those of a snapshot do, and pages can be left full.
func cut[T any](s []T, i int) (left, right []T) {
	at := len(s) / 2
	if i == len(s)-1 {
		at = i
	}
	return slices.Clone(s[:at]), slices.Clone(s[at:])
}

// between returns the shortest name that is above left and not above right, in memory of its own.
func between(left, right string) string {
	n := 0
	for n < len(left) && left[n] == right[n] {
		n++
	}
	return strings.Clone(right[:n+1])
}

// delete takes a name out that is somewhere below an own page.
func (p *page) delete(name string, generation uint64) {
	if p.leaf() {
		i := p.find(name)
		copy(p.marks[i:], p.marks[i+1:])
		p.nodes = slices.Delete(p.nodes, i, i+1)
		return
	}
	i := p.edge(name)
	child := p.ownChild(i, generation)
	child.delete(name, generation)
	switch {
	case len(child.nodes)+len(child.edges) == 0:
		p.edges = slices.Delete(p.edges, i, i+1)
	case len(child.nodes) <= maxNodes/4 && len(child.edges) <= maxEdges/4:
		p.merge(max(i-1, 0), generation)
	}
}

// merge makes one page of the one behind an edge of an own page and the next, if there is one and they fit.
func (p *page) merge(i int, generation uint64) {
	if i+1 == len(p.edges) {
		return
	}
	left, right := p.edges[i].page, p.edges[i+1]
	if len(left.nodes)+len(right.page.nodes) > maxNodes || len(left.edges)+len(right.page.edges) > maxEdges {
		return
	}
	both := &page{generation: generation, nodes: slices.Concat(left.nodes, right.page.nodes), edges: slices.Concat(left.edges, right.page.edges)}
	if left.leaf() {
		copy(both.marks[copy(both.marks[:], left.marks[:len(left.nodes)]):], right.page.marks[:])
	} else {
		both.edges[len(left.edges)].from = right.from
	}
	p.edges[i].page = both
	p.edges = slices.Delete(p.edges, i+1, i+2)
}
