package tree_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pando/tree"
)

// build returns a tree of the given files, all with index 1.
func build(t *testing.T, files ...string) *tree.Tree {
	t.Helper()
	tr := tree.New()
	for _, path := range files {
		if !tr.PutFile(path, "old", tree.Attr{Created: 1, Modified: 1}) {
			t.Fatalf("PutFile %s", path)
		}
	}
	return tr
}

func TestLookup(t *testing.T) {
	root := build(t, "/a/b/c", "/a/f").Root()
	for _, tt := range []struct {
		path, last string
		reached    int
		dir        bool
	}{
		{"/", "", 1, true},
		{"/a", "a", 2, true},
		{"/a/b/c", "c", 6, false},
		{"/x", "", 0, true},
		{"/x/y", "", 0, true},
		{"/a/x/y", "a", 2, true},
		{"/a/f/x/y", "f", 4, false},
		{"/ab", "", 0, true},
	} {
		n, reached := root.Lookup(tt.path)
		if n.Name() != tt.last || reached != tt.reached || n.Dir() != tt.dir {
			t.Errorf("Lookup(%s) = %q at %d, dir %v; want %q at %d, dir %v", tt.path, n.Name(), reached, n.Dir(), tt.last, tt.reached, tt.dir)
		}
	}
	if root.Child("a").Child("f").Child("x") != nil || root.Child("a").Child("f").Len() != 0 {
		t.Error("a file has children")
	}
}

func TestRootIsRefused(t *testing.T) {
	tr := build(t, "/a")
	if tr.PutFile("/", "", tree.Attr{}) || tr.PutDir("/", tree.Attr{}) || tr.Remove("/") != nil || tr.SetExpiration("/", 1) {
		t.Error("the root was changed")
	}
	if got := dump(tr.Root()); got != "/a {false old {1 1 0}}\n" {
		t.Errorf("tree is\n%s", got)
	}
}

func TestChildrenInByteOrder(t *testing.T) {
	want := []string{"10", "9", "A", "B", "_x", "a", "a-b", "a.b", "a0", "ab", "~", "é"}
	tr := tree.New()
	for _, i := range rand.Perm(len(want)) {
		tr.PutFile("/d/"+want[i], "", tree.Attr{})
	}
	var got []string
	for n := range tr.Root().Child("d").Children() {
		got = append(got, n.Name())
	}
	if !slices.Equal(got, want) {
		t.Errorf("children are %q, want %q", got, want)
	}
}

// A draft takes children in any order, and the same one twice.
func TestDraftInAnyOrder(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for _, size := range []int{1, 15, 16, 17, 2000} {
		built, dir := tree.New(), tree.NewDraft()
		for i := range size {
			if random.IntN(8) == 0 {
				i = random.IntN(size)
			}
			name, a := fmt.Sprintf("%05d", i), tree.Attr{Created: random.Uint64()}
			built.PutFile("/"+name, name, a)
			dir.Add(tree.NewFile(name, name, a))
		}
		loaded := dir.Finish("", tree.Attr{})
		if got, want := dump(loaded), dump(built.Root()); got != want || loaded.Len() != built.Root().Len() || loaded.Below() != built.Root().Below() {
			t.Errorf("%d children: the draft gave another tree", size)
		}
	}
}

func TestDraft(t *testing.T) {
	const size = 5000
	built, root := tree.New(), tree.NewDraft()
	dir := tree.NewDraft()
	for i := range size {
		name := fmt.Sprintf("%05d", i)
		a := tree.Attr{Created: uint64(i), Modified: uint64(i) + 1, Expiration: int64(i % 2)}
		built.PutFile("/dir/"+name, name, a)
		dir.Add(tree.NewFile(name, name, a))
	}
	root.Add(dir.Finish("dir", tree.Attr{}))
	root.Add(tree.NewFile("a", "out of order", tree.Attr{Created: 7, Modified: 8}))
	built.PutFile("/a", "out of order", tree.Attr{Created: 7, Modified: 8})

	loaded := root.Finish("", tree.Attr{})
	want := dump(built.Root())
	if got := dump(loaded); got != want {
		t.Fatal("the draft gave another tree")
	}
	changed := tree.FromRoot(loaded)
	for i := range size {
		changed.Remove(fmt.Sprintf("/dir/%05d", i))
	}
	if changed.Root().Child("dir").Len() != 0 || dump(loaded) != want {
		t.Error("a tree made from a root changed that root")
	}
}
