package tree

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestChildren compares directories of all sizes with a map, and looks back at what they were.
func TestChildren(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for _, names := range []int{1, maxNodes + 1, 300, 4000} {
		c, want := children{}, map[string]*Node{}
		var old []children
		var wanted []map[string]*Node
		for i := range 6 * names {
			generation := uint64(i * 10 / names)
			if i*10%names == 0 && len(old) < 20 {
				old, wanted = append(old, c), append(wanted, maps.Clone(want))
			}
			name := fmt.Sprint(rng.IntN(names))
			shrinking := i/names%2 == 1
			if rng.IntN(10) < 2 == shrinking {
				n := NewFile(name, "", Attr{})
				if got := c.set(n, generation); got != want[name] {
					t.Fatalf("set %s replaced %v, want %v", name, got, want[name])
				}
				want[name] = n
				continue
			}
			if got := c.delete(name, generation); got != want[name] {
				t.Fatalf("delete %s took %v, want %v", name, got, want[name])
			}
			delete(want, name)
		}
		for i, c := range append(old, c) {
			compare(t, c, append(wanted, want)[i])
		}
		for name := range want {
			c.delete(name, 1<<60)
		}
		compare(t, c, nil)
	}
}

func compare(t *testing.T, c children, want map[string]*Node) {
	t.Helper()
	var got []string
	c.scan(func(n *Node) bool {
		got = append(got, n.Name())
		if n != want[n.Name()] || c.get(n.Name()) != n {
			t.Fatalf("%s is another node", n.Name())
		}
		return true
	})
	if names := slices.Sorted(maps.Keys(want)); !slices.Equal(got, names) || c.len != len(names) {
		t.Fatalf("%d children of %d in a directory of %d", len(got), len(names), c.len)
	}
	if (c.root == nil) != (len(want) == 0) {
		t.Fatalf("the root is %v", c.root)
	}
	if checkPages(t, c.root); c.root != nil && !c.root.leaf() && len(c.root.pages) == 1 {
		t.Fatal("a root that leads to one page")
	}
}

// checkPages holds pages to their bounds.
func checkPages(t *testing.T, p *page) (depth int) {
	t.Helper()
	switch {
	case p == nil:
		return 0
	case p.leaf():
		if n := len(p.nodes); n == 0 || n > maxNodes {
			t.Fatalf("a leaf with %d nodes", n)
		}
		return 1
	case len(p.nodes) > 0, len(p.pages) == 0, len(p.pages) > maxPages:
		t.Fatalf("a branch with %d nodes and %d pages", len(p.nodes), len(p.pages))
	}
	for i, child := range p.pages {
		below := checkPages(t, child)
		if i > 0 && below != depth {
			t.Fatal("pages of unlike depth")
		}
		depth = below
	}
	return depth + 1
}

func leaves(p *page) (n int) {
	if p.leaf() {
		return 1
	}
	for _, child := range p.pages {
		n += leaves(child)
	}
	return n
}

// TestChildrenGo: pages become fewer when their nodes do.
func TestChildrenGo(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	var c children
	const names, stay = 6000, 300
	for i := range names {
		c.set(NewFile(fmt.Sprint(i), "", Attr{}), 0)
	}
	for _, i := range rand.New(rand.NewPCG(seed, 0)).Perm(names)[stay:] {
		c.delete(fmt.Sprint(i), 0)
	}
	if n := leaves(c.root); c.len != stay || n > stay/4 {
		t.Errorf("%d leaves for %d names", n, c.len)
	}
}

// TestChildrenInOrder leaves pages full.
func TestChildrenInOrder(t *testing.T) {
	var c children
	const names = 100 * maxNodes
	for i := range names {
		c.set(NewFile(fmt.Sprintf("%06d", i), "", Attr{}), 0)
	}
	if n := leaves(c.root); n > 100 {
		t.Errorf("%d leaves for %d names", n, names)
	}
}

// TestChildrenInOrderGo: what was left full, with branches of a single page at the end, is taken out again from either side.
func TestChildrenInOrderGo(t *testing.T) {
	const names = 2 * maxNodes * maxPages
	for _, last := range []bool{false, true} {
		c, want := children{}, map[string]*Node{}
		for i := range names {
			n := NewFile(fmt.Sprintf("%06d", i), "", Attr{})
			c.set(n, 0)
			want[n.Name()] = n
		}
		for i := range names {
			if last {
				i = names - 1 - i
			}
			name := fmt.Sprintf("%06d", i)
			if got := c.delete(name, 1); got != want[name] {
				t.Fatalf("delete %s took %v", name, got)
			}
			delete(want, name)
			compare(t, c, want)
		}
	}
}
