package tree

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// TestDraft builds directories of files and directories whose names come in order, nearly in order or in none, some of them twice,
// and looks at the size that is kept.
func TestDraft(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for _, names := range []int{0, 1, maxNodes, maxNodes + 1, 300, 4000} {
		for _, disorder := range []int{1, 3, names + 1} {
			d, want := NewDraft(), map[string]*Node{}
			for i := range names {
				name := fmt.Sprintf("%06d", i+rng.IntN(disorder))
				child := NewFile(name, "value", Attr{})
				if rng.IntN(5) == 0 {
					below := NewDraft()
					below.Add(child)
					child = below.Finish(name, Attr{})
				}
				d.Add(child)
				want[name] = child
			}
			n := d.Finish("directory", Attr{Created: 1, Modified: 2, Expiration: 3})
			compare(t, n.dir().children, want)
			var size Size
			for _, child := range want {
				size.add(child.size())
			}
			if n.Below() != size || n.Name() != "directory" || n.Attr() != (Attr{1, 2, 3}) {
				t.Fatalf("%q has %v, want %v; %v", n.Name(), n.Below(), size, n.Attr())
			}
		}
	}
}
