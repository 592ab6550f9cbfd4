package tree

import "strings"

// Tree is the side of the tree that can be changed. One goroutine uses it; what Root returned belongs to all.
type Tree struct {
	root *Node
	// generation marks the directories that were made since the last Root and that nobody else has seen.
	generation uint64
	// way are the directories from the root to the one that parent returned last.
	way []*directory
}

// New returns a tree that holds nothing but its root.
func New() *Tree { return FromRoot(newDir("", Attr{}, 0)) }

// FromRoot returns a tree that starts from root, a directory, and leaves root as it is. No directory is younger than the
// root above it, so the next generation is nobody's yet.
func FromRoot(root *Node) *Tree { return &Tree{root: root, generation: root.dir().generation + 1} }

// Root publishes the tree: what it returns never changes again.
func (t *Tree) Root() *Node {
	t.generation++
	return t.root
}

// Lookup is Node.Lookup from the root as it is now, published or not. The node it returns is to be read at once: the
// next change may change it too.
func (t *Tree) Lookup(path string) (last *Node, reached int) { return t.root.Lookup(path) }

// PutFile makes the file at path, or replaces whatever is there. Directories that are missing on the way are made,
// permanent and with a.Created for both indexes. It reports false, and changes nothing that can be seen, when path is
// the root or leads through a file.
func (t *Tree) PutFile(path, value string, a Attr) bool {
	parent, name := t.parent(path, a.Created, true)
	if parent == nil {
		return false
	}
	t.put(parent, NewFile(name, value, a))
	return true
}

// PutDir makes an empty directory at path, or replaces whatever is there; otherwise it is like PutFile.
func (t *Tree) PutDir(path string, a Attr) bool {
	parent, name := t.parent(path, a.Created, true)
	if parent == nil {
		return false
	}
	t.put(parent, newDir(strings.Clone(name), a, t.generation))
	return true
}

// put makes a node the child of the directory that parent returned last.
func (t *Tree) put(parent, child *Node) {
	old := parent.dir().children.set(child, t.generation)
	t.grow(child.size().minus(old.size()))
}

// grow adds to the size of all directories on the way.
func (t *Tree) grow(by Size) {
	for _, d := range t.way {
		d.below.add(by)
	}
}

// SetExpiration changes when the directory at path is due, and nothing else. It reports false if there is no directory,
// or if it is the root.
func (t *Tree) SetExpiration(path string, expiration int64) bool {
	parent, name := t.parent(path, 0, false)
	if parent == nil {
		return false
	}
	child := parent.Child(name)
	if child == nil || !child.Dir() {
		return false
	}
	t.own(parent, child).box().expiration = expiration
	return true
}

// Remove takes the node at path out of the tree, with everything below it, and returns it; nil if there is none, or if it
// is the root. What it returns does not change any more.
func (t *Tree) Remove(path string) *Node {
	parent, name := t.parent(path, 0, false)
	if parent == nil {
		return nil
	}
	removed := parent.dir().children.delete(name, t.generation)
	t.grow(Size{}.minus(removed.size()))
	return removed
}

// parent returns the directory that holds the last element of path, and that element. All directories on the way are this
// generation's own afterwards. With create, missing ones are made at that index; nil if there is no such directory.
func (t *Tree) parent(path string, index uint64, create bool) (dir *Node, name string) {
	if path == "/" {
		return nil, ""
	}
	dir = t.ownRoot()
	t.way = t.way[:0]
	at := 0
	for {
		t.way = append(t.way, dir.dir())
		end := elementEnd(path, at)
		name = path[at+1 : end]
		if end == len(path) {
			return dir, name
		}
		child := dir.Child(name)
		switch {
		case child != nil && child.Dir():
			dir = t.own(dir, child)
		case child == nil && create:
			child = newDir(strings.Clone(name), Attr{Created: index, Modified: index}, t.generation)
			t.put(dir, child)
			dir = child
		default:
			return nil, ""
		}
		at = end
	}
}

func (t *Tree) ownRoot() *Node {
	if t.root.dir().generation != t.generation {
		t.root = t.copyDir(t.root)
	}
	return t.root
}

// own returns the child of an own directory as an own directory, copied if need be.
func (t *Tree) own(parent, child *Node) *Node {
	if child.dir().generation == t.generation {
		return child
	}
	child = t.copyDir(child)
	parent.dir().children.set(child, t.generation)
	return child
}

// copyDir copies a directory so that it can be changed. The pages of the children are shared; they are copied as they are
// changed.
func (t *Tree) copyDir(n *Node) *Node {
	d := &dirNode{box: *n.box(), directory: *n.dir()}
	d.box.children = &d.directory
	d.generation = t.generation
	return &d.Node
}
