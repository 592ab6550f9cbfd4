package conformance

import (
	"cmp"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"pando/test/conformance/ordered"
)

// ttlSlack is how far an expiration may be from the ttl beside it: clocks, rounding, the time the answer took.
const ttlSlack = 6 * time.Second

// comparer holds one answer against its golden and collects what is wrong.
type comparer struct {
	ordered.Comparer
	*meaning
	at       time.Time // when the answer was taken
	anyOrder bool      // nodes of a directory may come in any order
}

func newComparer(m *meaning, at time.Time, anyOrder bool) *comparer {
	c := &comparer{meaning: m, at: at, anyOrder: anyOrder}
	c.Field = c.field
	return c
}

// field compares the values of a field that has a meaning by its name.
func (c *comparer) field(path, name string, want, got any, in ordered.Object) bool {
	text, isText := want.(string)
	switch {
	case isIndex(name) && isText:
		c.index(path, text, got)
	case (name == "key" || name == "value") && isText:
		c.Value(path, c.text(text), got)
	case name == "cause" && isText:
		c.causeOf(path, text, got)
	case name == "expiration" && isText:
		c.expiration(path, got, in)
	case name == "ttl":
		c.ttl(path, want, got)
	case name == "nodes" && c.anyOrder:
		c.Value(path, c.byKey(want), c.byKey(got))
	default:
		return false
	}
	return true
}

func (c *comparer) index(path, token string, got any) {
	want, err := c.number(token)
	n, ok := uintOf(got)
	switch {
	case err != nil:
		c.Say(path, "%v; got %s", err, ordered.Brief(got))
	case !ok:
		c.Say(path, "want %s got %s", token, ordered.Brief(got))
	case n != want:
		c.Say(path, "want %s got %s (%d for %d)", token, c.name(n), n, want)
	}
}

// timedOut is the one cause that may go on with a reason; goldens write {...} behind it.
const timedOut = "etcdserver: request timed out"

func (c *comparer) causeOf(path, golden string, got any) {
	s, _ := got.(string)
	if golden == timedOut+"{...}" && strings.HasPrefix(s, timedOut) {
		return
	}
	c.Value(path, c.cause(golden), got)
}

func (c *comparer) ttl(path string, want, got any) {
	w, wok := intOf(want)
	g, gok := intOf(got)
	if !wok || !gok || max(w, g)-min(w, g) > 1 {
		c.Value(path, want, got)
	}
}

// expirationForm is RFC 3339 in UTC as Go writes it: no zeros at the end of the fraction.
var expirationForm = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,8}[1-9])?Z$`)

// expiration checks the form of a time and that it agrees with the ttl beside it, if there is one.
func (c *comparer) expiration(path string, got any, in ordered.Object) {
	s, _ := got.(string)
	at, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || !expirationForm.MatchString(s) {
		c.Say(path, "%s is no expiration time", ordered.Brief(got))
		return
	}
	v, _ := in.Get("ttl")
	ttl, ok := intOf(v)
	if !ok {
		return
	}
	left := at.Sub(c.at)
	if off := left.Seconds() - float64(ttl); math.Abs(off) > ttlSlack.Seconds() {
		c.Say(path, "%v left, but the ttl is %d", left.Round(time.Millisecond), ttl)
	}
}

// byKey sorts nodes by their keys, expanded.
func (c *comparer) byKey(nodes any) any {
	list, ok := nodes.([]any)
	if !ok {
		return nodes
	}
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b any) int { return cmp.Compare(c.text(keyOf(a)), c.text(keyOf(b))) })
	return list
}
