package ordered

import (
	"fmt"
	"slices"
	"strings"
)

// Comparer holds values against what they should be and collects what is different. The zero value compares exactly:
// objects must have the same fields in the same order, lists the same items, and texts and numbers the same spelling.
type Comparer struct {
	// Field, if set, is asked about each field that both objects have. It returns false to have the values compared
	// as any others; in is the object that got stands in.
	Field func(path, name string, want, got any, in Object) bool
	// Text, if set, says whether a text is the one that was wanted.
	Text func(want, got string) bool

	Differs []string // one line for each difference, with its path
}

// Say notes a difference.
func (c *Comparer) Say(path, format string, args ...any) {
	c.Differs = append(c.Differs, path+": "+fmt.Sprintf(format, args...))
}

// Value compares any two values.
func (c *Comparer) Value(path string, want, got any) {
	switch want := want.(type) {
	case Object:
		if got, ok := got.(Object); ok {
			c.object(path, want, got)
			return
		}
	case []any:
		if got, ok := got.([]any); ok {
			c.List(path, want, got)
			return
		}
	case string:
		if got, ok := got.(string); ok && (want == got || c.Text != nil && c.Text(want, got)) {
			return
		}
	default:
		if String(want) == String(got) {
			return
		}
	}
	c.Say(path, "want %s got %s", Brief(want), Brief(got))
}

func (c *Comparer) object(path string, want, got Object) {
	var wantNames, gotNames []string
	for _, f := range want {
		v, ok := got.Get(f.Name)
		if !ok {
			c.Say(path+"."+f.Name, "missing, want %s", Brief(f.Value))
			continue
		}
		wantNames = append(wantNames, f.Name)
		if c.Field == nil || !c.Field(path+"."+f.Name, f.Name, f.Value, v, got) {
			c.Value(path+"."+f.Name, f.Value, v)
		}
	}
	for _, f := range got {
		if _, ok := want.Get(f.Name); !ok {
			c.Say(path+"."+f.Name, "unexpected %s", Brief(f.Value))
			continue
		}
		gotNames = append(gotNames, f.Name)
	}
	if !slices.Equal(wantNames, gotNames) {
		c.Say(path, "field order want %s got %s", strings.Join(wantNames, ","), strings.Join(gotNames, ","))
	}
}

// List compares two lists item by item.
func (c *Comparer) List(path string, want, got []any) {
	if len(want) != len(got) {
		c.Say(path, "want %d items got %d", len(want), len(got))
	}
	common := min(len(want), len(got))
	for i := range common {
		c.Value(fmt.Sprintf("%s[%d]", path, i), want[i], got[i])
	}
	for _, v := range want[common:] {
		c.Say(path, "missing item %s", Brief(v))
	}
	for _, v := range got[common:] {
		c.Say(path, "extra item %s", Brief(v))
	}
}

// Brief is a value for a message: as JSON, shortened if it is long.
func Brief(v any) string {
	s := String(v)
	if len(s) > 200 {
		return fmt.Sprintf("%.180s… (%d bytes)", s, len(s))
	}
	return s
}
