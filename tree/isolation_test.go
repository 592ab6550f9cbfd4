package tree_test

import (
	"fmt"
	"sync"
	"testing"

	"pando/tree"
)

// TestIsolation names what a reader of a published root must never see, and does to the tree what would show it.
func TestIsolation(t *testing.T) {
	attr := tree.Attr{Created: 2, Modified: 2}
	files := []string{"/d/a", "/d/b", "/d/sub/x", "/e"}
	for name, change := range map[string]func(*tree.Tree){
		"dirty read: a value of a batch that is not published":  func(tr *tree.Tree) { tr.PutFile("/d/a", "new", attr) },
		"phantom: a child that came later":                      func(tr *tree.Tree) { tr.PutFile("/d/sub/y", "new", attr) },
		"phantom: a directory that came later":                  func(tr *tree.Tree) { tr.PutFile("/d/new/y", "new", attr) },
		"lost node: a child that went later":                    func(tr *tree.Tree) { tr.Remove("/d/a") },
		"lost subtree: a directory that went later":             func(tr *tree.Tree) { tr.Remove("/d") },
		"fuzzy read: a TTL that came later":                     func(tr *tree.Tree) { tr.SetExpiration("/d/sub", 5) },
		"changed kind: a file that became a directory":          func(tr *tree.Tree) { tr.PutDir("/e", attr) },
		"changed kind: a directory that became a file":          func(tr *tree.Tree) { tr.PutFile("/d", "new", attr) },
		"write skew: changes in two directories of one batch":   func(tr *tree.Tree) { tr.Remove("/e"); tr.PutFile("/d/sub/x", "new", attr) },
		"reused directory: removed and made again in one batch": func(tr *tree.Tree) { tr.Remove("/d"); tr.PutFile("/d/z", "new", attr) },
	} {
		t.Run(name, func(t *testing.T) {
			tr := build(t, files...)
			before := tr.Root()
			want := dump(before)
			change(tr)
			if got := dump(before); got != want {
				t.Errorf("before publishing the reader sees\n%snot\n%s", got, want)
			}
			after := tr.Root()
			if dump(after) == want {
				t.Error("the change is not in the next root")
			}
			change(tr)
			tr.PutFile("/d/sub/later", "new", attr)
			if got := dump(before); got != want {
				t.Errorf("after the next batch the reader sees\n%snot\n%s", got, want)
			}
		})
	}
}

// TestRemovedSubtreeStays: what Remove returns is still asked for at the end of the batch.
func TestRemovedSubtreeStays(t *testing.T) {
	tr := build(t, "/e")
	tr.PutFile("/d/a", "new", tree.Attr{Created: 2, Modified: 2}) // the directory is this batch's own
	removed := tr.Remove("/d")
	want := dump(removed)
	tr.PutFile("/d/b", "newer", tree.Attr{Created: 3, Modified: 3})
	if got := dump(removed); got != want || want == "" {
		t.Errorf("the removed directory holds\n%snot\n%s", got, want)
	}
}

// TestReadersBesideWriter lets the race detector watch readers of published roots while batches go on.
func TestReadersBesideWriter(t *testing.T) {
	tr := build(t, "/d/a", "/d/b", "/e")
	roots := make(chan *tree.Node)
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for root := range roots {
				first := dump(root)
				if second := dump(root); second != first {
					t.Errorf("a root changed from\n%sto\n%s", first, second)
				}
			}
		})
	}
	for i := range uint64(300) {
		roots <- tr.Root()
		for j := range 5 {
			tr.PutFile(fmt.Sprintf("/d/sub%d/%d", i%7, j), "v", tree.Attr{Created: i, Modified: i})
		}
		tr.SetExpiration("/d", int64(i))
		tr.Remove(fmt.Sprintf("/d/sub%d", (i+3)%7))
	}
	close(roots)
	readers.Wait()
}

// TestTreeFromRoot: two trees from one root know nothing of each other, nor does the one that the root came from.
func TestTreeFromRoot(t *testing.T) {
	first := build(t, "/d/a")
	root := first.Root()
	want := dump(root)
	second := tree.FromRoot(root)
	first.PutFile("/d/first", "new", tree.Attr{Created: 2, Modified: 2})
	second.PutFile("/d/second", "new", tree.Attr{Created: 2, Modified: 2})
	if got := dump(root); got != want {
		t.Errorf("the root changed to\n%s", got)
	}
	if one, two := first.Root(), second.Root(); one.Child("d").Child("second") != nil || two.Child("d").Child("first") != nil {
		t.Error("the trees see each other's files")
	}
}
