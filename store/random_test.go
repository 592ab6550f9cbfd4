package store_test

import (
	"maps"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"pando/store"
)

// genPath draws from few names, so that files, directories and missing nodes meet.
var genPath = rapid.Custom(func(t *rapid.T) string {
	if rapid.IntRange(0, 30).Draw(t, "root?") == 0 {
		return rapid.SampledFrom([]string{"/", "/0", "/1", "/2"}).Draw(t, "root")
	}
	elements := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "_h"}), 1, 3).Draw(t, "elements")
	return rapid.SampledFrom([]string{"/1/", "/1/", "/2/"}).Draw(t, "prefix") + strings.Join(elements, "/")
})

var genBool = rapid.SampledFrom([]*bool{nil, nil, new(bool), func() *bool { b := true; return &b }()})

// genCommand draws commands near the given index and with expirations of the year 2000 plus a few nanoseconds.
func genCommand(t *rapid.T, index uint64) store.Command {
	methods := []string{store.MethodPut, store.MethodPut, store.MethodPut, store.MethodPost, store.MethodDelete, store.MethodSync}
	c := store.Command{
		Method:     rapid.SampledFrom(methods).Draw(t, "method"),
		Path:       genPath.Draw(t, "path"),
		Val:        rapid.SampledFrom([]string{"", "", "x", "y"}).Draw(t, "value"),
		Dir:        rapid.Bool().Draw(t, "dir"),
		Recursive:  rapid.Bool().Draw(t, "recursive"),
		PrevExist:  genBool.Draw(t, "prevExist"),
		Refresh:    genBool.Draw(t, "refresh"),
		Expiration: rapid.SampledFrom([]int64{0, 0, 1, -5, year2000, year2000 + 1, year2000 + 5}).Draw(t, "expiration"),
		Time:       rapid.Int64Range(year2000-1, year2000+4).Draw(t, "time"),
	}
	if rapid.IntRange(0, 3).Draw(t, "compares?") == 0 {
		c.PrevValue = rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "prevValue")
		c.PrevIndex = rapid.Uint64Range(0, index+1).Draw(t, "prevIndex")
	}
	return c
}

// TestModel applies random commands to the store and to the naive model. After every batch the published state, the first
// expiration and the index have to be the model's, and earlier Views what they were.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, m := store.New(store.Options{}), newModel()
		old, oldNodes := s.View(), dump(s.View())
		t.Repeat(map[string]func(*rapid.T){
			"command": func(t *rapid.T) {
				c := genCommand(t, m.index)
				if got, want := showResult(s.Apply(1, 1, c)), m.apply(c); got != want {
					t.Fatalf("%+v:\n got %s\nwant %s", c, got, want)
				}
			},
			"publish": func(t *rapid.T) {
				s.Publish(1, 1)
				v := s.View()
				if got := dump(v); !maps.Equal(got, m.nodes) || v.Index != m.index {
					t.Fatalf("at %d the tree is\n%v\nat %d the model is\n%v", v.Index, got, m.index, m.nodes)
				}
				if got := dump(old); !maps.Equal(got, oldNodes) {
					t.Fatalf("a View of %d changed from\n%v\nto\n%v", old.Index, oldNodes, got)
				}
				if got, ok := s.NextExpiration(); ok != (m.nextExpiration() != 0) || got != m.nextExpiration() {
					t.Fatalf("the next expiration is %d, %v; the model says %d", got, ok, m.nextExpiration())
				}
				old, oldNodes = v, dump(v)
			},
		})
	})
}

func (m *model) nextExpiration() (first int64) {
	for _, n := range m.nodes {
		if n.expiration != 0 && (first == 0 || n.expiration < first) {
			first = n.expiration
		}
	}
	return first
}
