package tree

import (
	"bytes"
	"hash/maphash"
	"slices"
)

// A write copies one page of each level, so pages are small: up to this many nodes in a leaf and pages in a branch, with which
// either fills one of the allocator's size classes (176 and 208 bytes).
const (
	maxNodes = 15
	maxPages = 14
)

// page is a leaf, which has nodes, or a branch, which has pages. The tree of its generation may change it.
type page struct {
	generation uint64
	nodes      []*Node
	*branch    // nil for a leaf
	// marks are a byte of hash for each node: who looks for a name need not go to nodes with another, which are all over
	// the memory.
	marks [maxNodes]byte
}

// branch is what makes a page one.
type branch struct {
	pages  []*page
	bounds bounds
}

// page returns which page a name belongs to.
func (b *branch) page(name string) int { return b.bounds.page(name, len(b.pages)) }

// roomyLeaf and roomyBranch are full-grown pages in one allocation.
type (
	roomyLeaf struct {
		page
		room [maxNodes]*Node
	}
	roomyBranch struct {
		page
		branch branch
		room   [maxPages]*page
	}
)

// newLeaf returns a leaf with nodes and room for one more at least. The caller sets the marks.
func newLeaf(generation uint64, nodes []*Node) *page {
	if len(nodes) < maxNodes/2 {
		return &page{generation: generation, nodes: append(make([]*Node, 0, len(nodes)+1), nodes...)}
	}
	return newRoomyLeaf(generation, nodes)
}

// newRoomyLeaf is newLeaf with room for as many as a leaf may have.
func newRoomyLeaf(generation uint64, nodes []*Node) *page {
	l := &roomyLeaf{page: page{generation: generation}}
	l.nodes = append(l.room[:0], nodes...)
	return &l.page
}

func newBranch(generation uint64, pages []*page, b bounds) *page {
	r := &roomyBranch{page: page{generation: generation}}
	r.branch = branch{pages: append(r.room[:0], pages...), bounds: b}
	r.page.branch = &r.branch
	return &r.page
}

func (p *page) leaf() bool { return p.branch == nil }

// size is the number of nodes or pages, and how many there may be.
func (p *page) size() (n, most int) {
	if p.leaf() {
		return len(p.nodes), maxNodes
	}
	return len(p.pages), maxPages
}

func (p *page) scan(yield func(*Node) bool) bool {
	if p.leaf() {
		for _, n := range p.nodes {
			if !yield(n) {
				return false
			}
		}
		return true
	}
	for _, below := range p.pages {
		if !below.scan(yield) {
			return false
		}
	}
	return true
}

// own returns the page if it belongs to the generation, else a copy that does.
func (p *page) own(generation uint64) *page {
	switch {
	case p.generation == generation:
		return p
	case !p.leaf():
		return newBranch(generation, p.pages, p.bounds)
	}
	c := newLeaf(generation, p.nodes)
	c.marks = p.marks
	return c
}

// ownPage is own for a page of an own branch.
func (p *page) ownPage(i int, generation uint64) *page {
	p.pages[i] = p.pages[i].own(generation)
	return p.pages[i]
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

// set is children.set below an own page. If the page was full it keeps the left part, and right has the names from there on.
func (p *page) set(n *Node, generation uint64) (old *Node, right *page, from string) {
	if !p.leaf() {
		i := p.page(n.Name())
		old, right, from = p.ownPage(i, generation).set(n, generation)
		if right != nil {
			right, from = p.addPage(i+1, right, from)
		}
		return old, right, from
	}
	if i := p.find(n.Name()); i >= 0 {
		old, p.nodes[i] = p.nodes[i], n
		return old, nil, ""
	}
	i := p.place(n.Name())
	if len(p.nodes) < maxNodes {
		p.insert(i, n)
		return nil, nil, ""
	}
	at := half(maxNodes, i)
	right = newRoomyLeaf(generation, p.nodes[at:])
	copy(right.marks[:], p.marks[at:])
	p.nodes = slices.Delete(p.nodes, at, maxNodes)
	if i < at {
		p.insert(i, n)
	} else {
		right.insert(i-at, n)
	}
	return nil, right, between(p.nodes[len(p.nodes)-1].Name(), right.nodes[0].Name())
}

// insert puts a node into an own leaf that is not full.
func (p *page) insert(i int, n *Node) {
	copy(p.marks[i+1:], p.marks[i:])
	p.marks[i] = mark(n.Name())
	if len(p.nodes) == cap(p.nodes) {
		p.nodes = append(make([]*Node, 0, min(2*len(p.nodes)+1, maxNodes)), p.nodes...)
	}
	p.nodes = slices.Insert(p.nodes, i, n)
}

// addPage puts a page into an own branch. If that was full it keeps the left part, and right has the names from there on.
func (p *page) addPage(i int, added *page, begin string) (right *page, from string) {
	pages, names := slices.Insert(slices.Clone(p.pages), i, added), slices.Insert(p.bounds.list(len(p.pages)), i-1, begin)
	if len(pages) <= maxPages {
		p.setPages(pages, names)
		return nil, ""
	}
	at := half(maxPages, i)
	right = newBranch(p.generation, pages[at:], newBounds(names[at:]...))
	p.setPages(pages[:at], names[:at-1])
	return right, names[at-1]
}

// setPages has an own branch lead to other pages.
func (p *page) setPages(pages []*page, names []string) {
	clear(p.pages)
	p.pages = append(p.pages[:0], pages...)
	p.bounds = newBounds(names...)
}

// half says where a full page is divided to which something is added at i: in the middle, unless they come in order, as those of
// a snapshot do, and pages can be left full.
func half(full, i int) int {
	if i == full {
		return full
	}
	return full / 2
}

// between returns the shortest name that is above left and not above right.
func between(left, right string) string {
	n := 0
	for n < len(left) && left[n] == right[n] {
		n++
	}
	return right[:n+1]
}

// delete takes a name out that is somewhere below an own page.
func (p *page) delete(name string, generation uint64) {
	if p.leaf() {
		i := p.find(name)
		copy(p.marks[i:], p.marks[i+1:])
		p.nodes = slices.Delete(p.nodes, i, i+1)
		return
	}
	i := p.page(name)
	below := p.ownPage(i, generation)
	below.delete(name, generation)
	switch n, most := below.size(); {
	case n == 0:
		p.removePage(i)
	case n <= most/4:
		p.merge(max(i-1, 0), generation)
	}
}

func (p *page) removePage(i int) {
	names := p.bounds.list(len(p.pages))
	if len(names) > 0 {
		names = slices.Delete(names, max(i-1, 0), max(i, 1))
	}
	p.setPages(slices.Delete(slices.Clone(p.pages), i, i+1), names)
}

// merge makes one page of one of an own branch and the next, if there is one and they fit.
func (p *page) merge(i int, generation uint64) {
	if i+1 == len(p.pages) {
		return
	}
	left, right := p.pages[i], p.pages[i+1]
	n, most := left.size()
	if more, _ := right.size(); n+more > most {
		return
	}
	if left.leaf() {
		p.pages[i] = newLeaf(generation, slices.Concat(left.nodes, right.nodes))
		copy(p.pages[i].marks[copy(p.pages[i].marks[:], left.marks[:len(left.nodes)]):], right.marks[:])
	} else {
		names := slices.Concat(left.bounds.list(len(left.pages)), []string{p.bounds.from(i+1, len(p.pages))}, right.bounds.list(len(right.pages)))
		p.pages[i] = newBranch(generation, slices.Concat(left.pages, right.pages), newBounds(names...))
	}
	p.removePage(i + 1)
}
