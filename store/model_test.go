package store_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"pando/eventhistory"
	"pando/store"
)

// model is the keys API in the most naive way: a map of whole paths that every command searches. What it answers is
// written from the spec, section by section, and shares nothing with the store.
type model struct {
	nodes map[string]modelNode
	index uint64
}

type modelNode struct {
	dir               bool
	value             string
	created, modified uint64
	expiration        int64
}

func newModel() *model {
	return &model{nodes: map[string]modelNode{"/": {dir: true}, "/0": {dir: true}, "/1": {dir: true}}}
}

// year2000 is where set and create begin to take an expiration seriously.
const year2000 = 946684800_000_000_000

func (m *model) below(dir string) []string {
	var paths []string
	for p := range m.nodes {
		if strings.HasPrefix(p, dir+"/") {
			paths = append(paths, p)
		}
	}
	return paths
}

// walk is section 6: what is wrong with the way to path, "" if nothing is.
func (m *model) walk(path string) string {
	for at := 1; at <= len(path); at++ {
		if at < len(path) && path[at] != '/' {
			continue
		}
		n, ok := m.nodes[path[:at]]
		if !ok {
			return m.refuse(store.CodeKeyNotFound, path[:at])
		}
		if !n.dir && at < len(path) {
			return m.refuse(store.CodeNotDir, path[:at])
		}
	}
	return ""
}

func (m *model) refuse(code int, cause string) string {
	return fmt.Sprintf("%d %q at %d", code, cause, m.index)
}

// show describes the node of an event and the one before.
func show(action, path string, n modelNode, removed bool, prev *modelNode) string {
	text := action + " " + path + " " + n.String()
	if removed {
		text = fmt.Sprintf("%s %s dir=%v %d/%d", action, path, n.dir, n.created, n.modified)
	}
	if prev != nil {
		text += " was " + prev.String()
	}
	return text
}

func (n modelNode) String() string {
	return fmt.Sprintf("dir=%v %q due %d %d/%d", n.dir, n.value, n.expiration, n.created, n.modified)
}

func (m *model) apply(c store.Command) string {
	refresh := c.Refresh != nil && *c.Refresh
	compares := c.PrevIndex > 0 || c.PrevValue != ""
	exists := c.PrevExist != nil && *c.PrevExist
	switch {
	case c.Method == store.MethodSync:
		return m.sync(c.Time)
	case c.Method == store.MethodPost:
		return m.create(fmt.Sprintf("%s/%020d", strings.TrimSuffix(c.Path, "/"), m.index+1), c)
	case c.Method == store.MethodDelete:
		return m.delete(c, compares)
	case c.PrevExist != nil && !exists:
		return m.create(c.Path, c)
	case compares:
		return m.swap(c, refresh)
	case exists:
		return m.update(c, refresh)
	}
	return m.set(c, refresh)
}

func isRoot(path string) bool { return path == "/" || path == "/0" || path == "/1" }

func (m *model) set(c store.Command, refresh bool) string {
	old, found := m.nodes[c.Path]
	wrong := m.walk(c.Path)
	switch {
	case strings.HasPrefix(wrong, "104"), refresh && wrong != "":
		return wrong
	case isRoot(c.Path):
		return m.refuse(store.CodeRootReadOnly, "/")
	case found && old.dir:
		return m.refuse(store.CodeNotFile, c.Path)
	case refresh:
		c.Val = old.value
	}
	var prev *modelNode
	if found {
		prev = &old
	}
	return m.make("set", c.Path, c, prev)
}

func (m *model) create(path string, c store.Command) string {
	_, found := m.nodes[path]
	wrong := m.walk(path)
	switch {
	case isRoot(path):
		return m.refuse(store.CodeRootReadOnly, "/")
	case found:
		return m.refuse(store.CodeKeyExists, path)
	case strings.HasPrefix(wrong, "104"):
		return wrong
	}
	return m.make("create", path, c, nil)
}

// make is what set and create share: sections 7.1 and 7.2.
func (m *model) make(action, path string, c store.Command, prev *modelNode) string {
	m.index++
	for at := 1; at < len(path); at++ {
		if _, ok := m.nodes[path[:at]]; path[at] == '/' && !ok {
			m.nodes[path[:at]] = modelNode{dir: true, created: m.index, modified: m.index}
		}
	}
	n := modelNode{dir: c.Dir, value: c.Val, created: m.index, modified: m.index, expiration: c.Expiration}
	if c.Dir {
		n.value = ""
	}
	if c.Expiration < year2000 {
		n.expiration = 0
	}
	m.nodes[path] = n
	return show(action, path, n, false, prev)
}

func (m *model) update(c store.Command, refresh bool) string {
	if isRoot(c.Path) {
		return m.refuse(store.CodeRootReadOnly, "/")
	}
	if wrong := m.walk(c.Path); wrong != "" {
		return wrong
	}
	old := m.nodes[c.Path]
	if old.dir && c.Val != "" {
		return m.refuse(store.CodeNotFile, c.Path)
	}
	return m.change("update", c, old, refresh)
}

func (m *model) swap(c store.Command, refresh bool) string {
	if isRoot(c.Path) {
		return m.refuse(store.CodeRootReadOnly, "/")
	}
	if wrong := m.compare(c); wrong != "" {
		return wrong
	}
	return m.change("compareAndSwap", c, m.nodes[c.Path], refresh)
}

// change is what update and compareAndSwap share; a directory keeps its modifiedIndex, though the event has the new one.
func (m *model) change(action string, c store.Command, old modelNode, refresh bool) string {
	m.index++
	n := old
	n.expiration, n.modified = c.Expiration, m.index
	if !refresh {
		n.value = c.Val
	}
	text := show(action, c.Path, n, false, &old)
	if n.dir {
		n.modified = old.modified
	}
	m.nodes[c.Path] = n
	return text
}

func (m *model) compare(c store.Command) string {
	if wrong := m.walk(c.Path); wrong != "" {
		return wrong
	}
	n := m.nodes[c.Path]
	if n.dir {
		return m.refuse(store.CodeNotFile, c.Path)
	}
	var causes []string
	if c.PrevValue != "" && c.PrevValue != n.value {
		causes = append(causes, fmt.Sprintf("[%v != %v]", c.PrevValue, n.value))
	}
	if c.PrevIndex != 0 && c.PrevIndex != n.modified {
		causes = append(causes, fmt.Sprintf("[%v != %v]", c.PrevIndex, n.modified))
	}
	if causes != nil {
		return m.refuse(store.CodeCompareFailed, strings.Join(causes, " "))
	}
	return ""
}

func (m *model) delete(c store.Command, compares bool) string {
	if compares {
		if wrong := m.compare(c); wrong != "" {
			return wrong
		}
		return m.remove("compareAndDelete", c.Path)
	}
	if isRoot(c.Path) {
		return m.refuse(store.CodeRootReadOnly, "/")
	}
	if wrong := m.walk(c.Path); wrong != "" {
		return wrong
	}
	if m.nodes[c.Path].dir {
		switch {
		case !c.Dir && !c.Recursive:
			return m.refuse(store.CodeNotFile, c.Path)
		case !c.Recursive && len(m.below(c.Path)) > 0:
			return m.refuse(store.CodeDirNotEmpty, c.Path)
		}
	}
	return m.remove("delete", c.Path)
}

func (m *model) remove(action, path string) string {
	m.index++
	old := m.nodes[path]
	for _, p := range append(m.below(path), path) {
		delete(m.nodes, p)
	}
	n := modelNode{dir: old.dir && action != "expire", created: old.created, modified: m.index}
	return show(action, path, n, true, &old)
}

// sync is section 13: whatever is due goes in the order of expiration, a directory with all that is below it.
func (m *model) sync(now int64) string {
	for {
		due := slices.Collect(maps.Keys(m.nodes))
		due = slices.DeleteFunc(due, func(p string) bool { return m.nodes[p].expiration == 0 || m.nodes[p].expiration > now })
		if len(due) == 0 {
			return ""
		}
		m.remove("expire", slices.MinFunc(due, func(a, b string) int {
			return cmp.Or(cmp.Compare(m.nodes[a].expiration, m.nodes[b].expiration), strings.Compare(a, b))
		}))
	}
}

// showResult describes what the store answered the way the model does.
func showResult(r store.Result) string {
	switch {
	case r.Err != nil:
		return fmt.Sprintf("%d %q at %d", r.Err.Code, r.Err.Cause, r.Err.Index)
	case r.Event == nil:
		return ""
	}
	e := r.Event
	var prev *modelNode
	if e.PrevNode != nil {
		n := eventNode(e.PrevNode)
		prev = &n
	}
	removed := e.Action == "delete" || e.Action == "compareAndDelete" || e.Action == "expire"
	return show(e.Action, e.Node.Key, eventNode(&e.Node), removed, prev)
}

func eventNode(n *eventhistory.Node) modelNode {
	m := modelNode{dir: n.Dir, created: n.CreatedIndex, modified: n.ModifiedIndex, expiration: n.Expiration}
	if n.Value != nil {
		m.value = *n.Value
	}
	return m
}

// dump describes every node below the root of a View.
func dump(v *store.View) map[string]modelNode {
	nodes := map[string]modelNode{}
	var walk func(path string, n *store.Node)
	walk = func(path string, n *store.Node) {
		nodes[cmp.Or(path, "/")] = modelNode{n.Dir(), n.Value(), n.Created(), n.Modified(), n.Expiration()}
		for c := range n.Children() {
			walk(path+"/"+c.Name(), c)
		}
	}
	walk("", v.Root())
	return nodes
}
