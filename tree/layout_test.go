package tree

import (
	"reflect"
	"runtime"
	"strings"
	"testing"
)

// TestLayout makes files of all kinds and sizes, and reads them after their memory has been looked at by the garbage collector and
// what lay beside them is others'.
func TestLayout(t *testing.T) {
	type file struct {
		name, value string
		attr        Attr
	}
	var want []file
	var nodes []*Node
	for length := range 70 {
		for name := range length + 1 {
			for _, expiration := range []int64{0, 1} {
				text := strings.Repeat("name-value", 7)[:length]
				f := file{text[:name], text[name:], Attr{Created: uint64(name), Modified: uint64(length), Expiration: expiration}}
				want = append(want, f, f)
				nodes = append(nodes, NewFile(f.name, f.value, f.attr), NewFileFrom([]byte(text), name, f.attr))
				_ = NewFile(text, "of nobody", Attr{})
			}
		}
	}
	runtime.GC()
	for range 10_000 {
		nodes = append(nodes, NewFile("later", strings.Repeat("x", len(nodes)%70), Attr{}))
	}
	for i, f := range want {
		if n := nodes[i]; n.Name() != f.name || n.Value() != f.value || n.Attr() != f.attr || n.Dir() || n.Len() != 0 {
			t.Fatalf("%q with %q, %v; want %q with %q, %v", n.Name(), n.Value(), n.Attr(), f.name, f.value, f.attr)
		}
	}
}

// TestNodeHasNoPointer: the garbage collector does not look into the memory that newPlain makes a Node of.
func TestNodeHasNoPointer(t *testing.T) {
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Node]()) {
		if k := f.Type.Kind(); k != reflect.Uint64 && k != reflect.Uint32 {
			t.Errorf("%s is a %v", f.Name, f.Type)
		}
	}
}
