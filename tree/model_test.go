package tree_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"pando/tree"
)

// entry is a node as the model sees it.
type entry struct {
	dir   bool
	value string
	attr  tree.Attr
}

// model is the naive tree: a map of whole paths, and nothing shared between copies.
type model map[string]entry

func (m model) blocked(path string) bool {
	for at := range path {
		if e, ok := m[path[:at]]; ok && path[at] == '/' && !e.dir {
			return true
		}
	}
	return path == "/"
}

func (m model) put(path string, e entry) bool {
	if m.blocked(path) {
		return false
	}
	for at := 1; at < len(path); at++ {
		if _, ok := m[path[:at]]; path[at] == '/' && !ok {
			m[path[:at]] = entry{dir: true, attr: tree.Attr{Created: e.attr.Created, Modified: e.attr.Created}}
		}
	}
	m.remove(path)
	m[path] = e
	return true
}

func (m model) remove(path string) bool {
	_, ok := m[path]
	maps.DeleteFunc(m, func(p string, _ entry) bool { return p == path || strings.HasPrefix(p, path+"/") })
	return ok
}

func (m model) setExpiration(path string, expiration int64) bool {
	e, ok := m[path]
	if !ok || !e.dir {
		return false
	}
	e.attr.Expiration = expiration
	m[path] = e
	return true
}

func (m model) String() string {
	var b strings.Builder
	for _, path := range slices.SortedFunc(maps.Keys(m), byElement) {
		fmt.Fprintln(&b, path, m[path])
	}
	return b.String()
}

// byElement orders paths the way a walk through sorted directories meets them.
func byElement(a, b string) int { return slices.Compare(strings.Split(a, "/"), strings.Split(b, "/")) }

// dump shows what lies below n like model.String.
func dump(n *tree.Node) string {
	var b strings.Builder
	var walk func(n *tree.Node, path string) tree.Size
	walk = func(n *tree.Node, path string) (below tree.Size) {
		count := 0
		for c := range n.Children() {
			path := path + "/" + c.Name()
			fmt.Fprintln(&b, path, entry{c.Dir(), c.Value(), c.Attr()})
			in := walk(c, path)
			below.Nodes += 1 + in.Nodes
			below.Bytes += int64(len(c.Name())+len(c.Value())) + in.Bytes
			count++
		}
		if n.Below() != below {
			fmt.Fprintln(&b, "Below of", path, "is", n.Below(), "and not", below)
		}
		if count != n.Len() {
			fmt.Fprintln(&b, "Len of", path, "is", n.Len(), "and not", count)
		}
		return below
	}
	walk(n, "")
	return b.String()
}

var paths = rapid.Custom(func(t *rapid.T) string {
	elements := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "ab", "_h", "a.b"}), 1, 4).Draw(t, "elements")
	return "/" + strings.Join(elements, "/")
})

// TestModel runs random changes against the naive tree, and keeps every published root to see that it stays as it was.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tr, m := tree.New(), model{}
		published := map[*tree.Node]string{}
		index := uint64(0)
		same := func(what, path string, got, want bool) {
			if got != want {
				t.Fatalf("%s %s: %v, the model says %v", what, path, got, want)
			}
		}
		attr := func() tree.Attr {
			index++
			return tree.Attr{Created: index, Modified: index + uint64(rapid.IntRange(0, 1).Draw(t, "later")), Expiration: int64(index % 3)}
		}
		t.Repeat(map[string]func(*rapid.T){
			"file": func(t *rapid.T) {
				path, a := paths.Draw(t, "path"), attr()
				same("file", path, tr.PutFile(path, "v", a), m.put(path, entry{value: "v", attr: a}))
			},
			"dir": func(t *rapid.T) {
				path, a := paths.Draw(t, "path"), attr()
				same("dir", path, tr.PutDir(path, a), m.put(path, entry{dir: true, attr: a}))
			},
			"expiration": func(t *rapid.T) {
				path := paths.Draw(t, "path")
				same("expiration", path, tr.SetExpiration(path, 77), m.setExpiration(path, 77))
			},
			"remove": func(t *rapid.T) {
				path := paths.Draw(t, "path")
				same("remove", path, tr.Remove(path) != nil, m.remove(path))
			},
			"publish": func(t *rapid.T) { published[tr.Root()] = m.String() },
			"": func(t *rapid.T) {
				root, _ := tr.Lookup("/")
				if got, want := dump(root), m.String(); got != want {
					t.Fatalf("tree:\n%smodel:\n%s", got, want)
				}
			},
		})
		for root, want := range published {
			if got := dump(root); got != want {
				t.Fatalf("published as:\n%snow:\n%s", want, got)
			}
		}
	})
}
