package eventhistory

import (
	"slices"
	"strings"
)

// point is one path in the tree of watched paths: somebody watches it, or a path below it.
type point struct {
	name   string
	parent *point
	// path is the whole path while somebody watches this one; it is the watcher's own string.
	path string
	// The first child has a place of its own, so that long paths which nobody shares do without maps.
	first *point
	more  map[string]*point
	// plain and recursive are the parked watchers of this path.
	plain, recursive list
	// watchers counts all who are registered here, streams that are not parked included.
	watchers int
}

func (p *point) child(name string) *point {
	if p.first != nil && p.first.name == name {
		return p.first
	}
	return p.more[name]
}

func (p *point) addChild(c *point) {
	switch {
	case p.first == nil:
		p.first = c
	case p.more == nil:
		p.more = map[string]*point{c.name: c}
	default:
		p.more[c.name] = c
	}
}

func (p *point) removeChild(c *point) {
	if p.first == c {
		p.first = nil
		return
	}
	if delete(p.more, c.name); len(p.more) == 0 {
		p.more = nil
	}
}

func (p *point) children(yield func(*point)) {
	if p.first != nil {
		yield(p.first)
	}
	for _, c := range p.more {
		yield(c)
	}
}

// element splits the first element off a path: "/a/b" gives "a" and "/b". The root has none.
func element(path string) (name, rest string) {
	path = strings.TrimPrefix(path, "/")
	if i := strings.IndexByte(path, '/'); i >= 0 {
		return path[:i], path[i:]
	}
	return path, ""
}

// find returns the point of a path below p, nil if there is none.
func (p *point) find(path string) *point {
	for p != nil && path != "" && path != "/" {
		var name string
		name, path = element(path)
		p = p.child(name)
	}
	return p
}

// register adds a watcher to the count of a path below p and returns its point, made if need be.
func (p *point) register(path string) *point {
	for rest := path; rest != "" && rest != "/"; {
		var name string
		name, rest = element(rest)
		c := p.child(name)
		if c == nil {
			c = &point{name: name, parent: p}
			p.addChild(c)
		}
		p = c
	}
	if p.watchers++; p.watchers == 1 {
		p.path = path
	}
	return p
}

// unregister takes a watcher off the count, and the point out of the tree with whatever stood there only for its sake.
func (p *point) unregister() {
	if p.watchers--; p.watchers == 0 {
		p.path = ""
	}
	for p.parent != nil && p.watchers == 0 && p.first == nil && p.more == nil {
		p.parent.removeChild(p)
		p = p.parent
	}
}

// each calls visit for p and every point below.
func (p *point) each(visit func(*point)) {
	visit(p)
	p.children(func(c *point) { c.each(visit) })
}

// removedBelow returns the watched paths strictly below dir that existed in what was removed there, in order. Both trees
// are walked side by side, and only where they meet: the applying of a command waits for this.
func (p *point) removedBelow(dir string, removed Subtree) []string {
	var found []string
	if p = p.find(dir); p != nil {
		p.collect(removed, &found)
	}
	slices.Sort(found)
	return found
}

func (p *point) collect(removed Subtree, found *[]string) {
	p.children(func(c *point) {
		below := removed.Child(c.name)
		if below == nil {
			return
		}
		if c.watchers > 0 {
			*found = append(*found, c.path)
		}
		c.collect(below, found)
	})
}

// list holds the parked watchers of a path, oldest first, linked through the watchers themselves.
type list struct {
	head *Watcher // head.prev is the tail; the tail's next is nil
}

func (l *list) push(w *Watcher) {
	if l.head == nil {
		w.prev, l.head = w, w
		return
	}
	w.prev = l.head.prev
	w.prev.next = w
	l.head.prev = w
}

func (l *list) remove(w *Watcher) {
	switch {
	case w == l.head:
		if l.head = w.next; l.head != nil {
			l.head.prev = w.prev
		}
	case w.next == nil:
		w.prev.next = nil
		l.head.prev = w.prev
	default:
		w.prev.next, w.next.prev = w.next, w.prev
	}
	w.prev, w.next = nil, nil
}
