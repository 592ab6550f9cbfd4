package misc

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"pando/test/conformance/ordered"
)

// meaning is what tokens stand for in one run, in requests and in goldens.
type meaning struct {
	names  map[string]string // client, peer, …, and what was captured
	base   uint64            // index at the start
	shared bool              // the index is not the case's own
}

// expand replaces the names in a text. Longer ones cannot be mistaken for shorter ones: the braces belong to them.
func (m *meaning) expand(s string) string {
	for name, value := range m.names {
		s = strings.ReplaceAll(s, "{"+name+"}", value)
	}
	return s
}

// Patterns for what only has a form, by the quoted token.
var forms = strings.NewReplacer(
	regexp.QuoteMeta("{time}"), `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)`,
	regexp.QuoteMeta("{duration}"), `(?:\d+h)?(?:\d+m)?\d+(?:\.\d+)?(?:ns|us|µs|ms|s)`,
	regexp.QuoteMeta("{id}"), `[0-9a-f]{12,16}`)

var (
	folded = regexp.MustCompile(`\{([A-Za-z0-9/.%])\*(\d+)\}`)
	padded = regexp.MustCompile(`\{020:\+(\d+)\}`)
	// Where the client prints an index: "Index: 5", "[5]", "[4 != 5]", "_INDEX=5", and in its JSON.
	printed = regexp.MustCompile(`(Index: |Index":|_INDEX=|\[|!= )\+(\d+)`)
)

// text says whether a text is what a golden means.
func (m *meaning) text(golden, got string) bool {
	s := m.expand(golden)
	s = padded.ReplaceAllStringFunc(s, func(token string) string {
		return fmt.Sprintf("%020d", m.offset(padded.FindStringSubmatch(token)[1]))
	})
	s = printed.ReplaceAllStringFunc(s, func(token string) string {
		parts := printed.FindStringSubmatch(token)
		return parts[1] + fmt.Sprint(m.offset(parts[2]))
	})
	s = folded.ReplaceAllStringFunc(s, func(token string) string {
		parts := folded.FindStringSubmatch(token)
		n, _ := strconv.Atoi(parts[2])
		return strings.Repeat(parts[1], min(n, 1<<24))
	})
	pattern, err := regexp.Compile(`\A` + forms.Replace(regexp.QuoteMeta(s)) + `\z`)
	return err == nil && pattern.MatchString(got)
}

func (m *meaning) offset(digits string) uint64 {
	n, _ := strconv.ParseUint(digits, 10, 64)
	return m.base + n
}

// index says whether an index is what a golden means: 0, "n" or "+3".
func (m *meaning) index(golden any, got uint64) bool {
	switch want := golden.(type) {
	case json.Number:
		return want.String() == strconv.FormatUint(got, 10)
	case string:
		if m.shared || want == "n" {
			return want == "n" && got != 0
		}
		return strings.HasPrefix(want, "+") && m.offset(want[1:]) == got
	}
	return false
}

// comparer returns one that compares by these meanings.
func (m *meaning) comparer() *ordered.Comparer {
	c := &ordered.Comparer{Text: m.text}
	c.Field = func(path, name string, want, got any, _ ordered.Object) bool {
		n, isNumber := got.(json.Number)
		switch {
		case isNumber && slices.Contains([]string{"modifiedIndex", "createdIndex", "index"}, name):
			u, err := strconv.ParseUint(n.String(), 10, 64)
			if err != nil || !m.index(want, u) {
				c.Say(path, "want %s got %s (the case began at %d)", ordered.Brief(want), n, m.base)
			}
			return true
		case name == "nodes":
			c.Value(path, m.byKey(want), m.byKey(got))
			return true
		}
		return false
	}
	return c
}

// byKey sorts nodes by key: none of the cases asks for an order.
func (m *meaning) byKey(nodes any) any {
	list, ok := nodes.([]any)
	if !ok {
		return nodes
	}
	key := func(node any) string {
		o, _ := node.(ordered.Object)
		k, _ := o.Get("key")
		s, _ := k.(string)
		return m.expand(s)
	}
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b any) int { return strings.Compare(key(a), key(b)) })
	return list
}

// shape is a value with types instead of values; of a list, only the first item's.
func shape(v any) any {
	switch v := v.(type) {
	case ordered.Object:
		out := ordered.Object{}
		for _, f := range v {
			out.Add(f.Name, shape(f.Value))
		}
		return out
	case []any:
		if len(v) == 0 {
			return v
		}
		return []any{shape(v[0])}
	case bool:
		return "bool"
	case json.Number:
		return "number"
	case nil:
		return "null"
	}
	return "string"
}
