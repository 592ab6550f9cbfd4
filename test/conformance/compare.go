package conformance

import (
	"cmp"
	"fmt"
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
	*meaning
	at       time.Time // when the answer was taken
	anyOrder bool      // nodes of a directory may come in any order
	differs  []string
}

func (c *comparer) say(path, format string, args ...any) {
	c.differs = append(c.differs, path+": "+fmt.Sprintf(format, args...))
}

// value compares any two values. What has a meaning by its field's name is compared by that.
func (c *comparer) value(path string, want, got any) {
	switch want := want.(type) {
	case ordered.Object:
		if got, ok := got.(ordered.Object); ok {
			c.object(path, want, got)
			return
		}
	case []any:
		if got, ok := got.([]any); ok {
			c.list(path, want, got)
			return
		}
	default:
		if ordered.String(want) == ordered.String(got) {
			return
		}
	}
	c.say(path, "want %s got %s", brief(want), brief(got))
}

func (c *comparer) object(path string, want, got ordered.Object) {
	var wantNames, gotNames []string
	for _, f := range want {
		v, ok := got.Get(f.Name)
		if !ok {
			c.say(path+"."+f.Name, "missing, want %s", brief(f.Value))
			continue
		}
		wantNames = append(wantNames, f.Name)
		c.field(path+"."+f.Name, f.Name, f.Value, v, got)
	}
	for _, f := range got {
		if _, ok := want.Get(f.Name); !ok {
			c.say(path+"."+f.Name, "unexpected %s", brief(f.Value))
			continue
		}
		gotNames = append(gotNames, f.Name)
	}
	if !slices.Equal(wantNames, gotNames) {
		c.say(path, "field order want %s got %s", strings.Join(wantNames, ","), strings.Join(gotNames, ","))
	}
}

func (c *comparer) list(path string, want, got []any) {
	if len(want) != len(got) {
		c.say(path, "want %d items got %d", len(want), len(got))
	}
	for i := range min(len(want), len(got)) {
		c.value(fmt.Sprintf("%s[%d]", path, i), want[i], got[i])
	}
	for _, v := range want[min(len(want), len(got)):] {
		c.say(path, "missing item %s", brief(v))
	}
	for _, v := range got[min(len(want), len(got)):] {
		c.say(path, "extra item %s", brief(v))
	}
}

// field compares the values of a field, which got stands in.
func (c *comparer) field(path, name string, want, got any, in ordered.Object) {
	text, isText := want.(string)
	switch {
	case isIndex(name) && isText:
		c.index(path, text, got)
	case (name == "key" || name == "value") && isText:
		c.value(path, c.text(text), got)
	case name == "cause" && isText:
		c.causeOf(path, text, got)
	case name == "expiration" && isText:
		c.expiration(path, got, in)
	case name == "ttl":
		c.ttl(path, want, got)
	case name == "nodes" && c.anyOrder:
		c.value(path, c.byKey(want), c.byKey(got))
	default:
		c.value(path, want, got)
	}
}

func (c *comparer) index(path, token string, got any) {
	want, err := c.number(token)
	n, ok := uintOf(got)
	switch {
	case err != nil:
		c.say(path, "%v; got %s", err, brief(got))
	case !ok:
		c.say(path, "want %s got %s", token, brief(got))
	case n != want:
		c.say(path, "want %s got %s (%d for %d)", token, c.name(n), n, want)
	}
}

// timedOut is the one cause that may go on with a reason; goldens write {...} behind it.
const timedOut = "etcdserver: request timed out"

func (c *comparer) causeOf(path, golden string, got any) {
	s, _ := got.(string)
	if golden == timedOut+"{...}" && strings.HasPrefix(s, timedOut) {
		return
	}
	c.value(path, c.cause(golden), got)
}

func (c *comparer) ttl(path string, want, got any) {
	w, wok := intOf(want)
	g, gok := intOf(got)
	if !wok || !gok || max(w, g)-min(w, g) > 1 {
		c.value(path, want, got)
	}
}

// expirationForm is RFC 3339 in UTC as Go writes it: no zeros at the end of the fraction.
var expirationForm = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,8}[1-9])?Z$`)

// expiration checks the form of a time and that it agrees with the ttl beside it, if there is one.
func (c *comparer) expiration(path string, got any, in ordered.Object) {
	s, _ := got.(string)
	at, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || !expirationForm.MatchString(s) {
		c.say(path, "%s is no expiration time", brief(got))
		return
	}
	v, _ := in.Get("ttl")
	ttl, ok := intOf(v)
	if !ok {
		return
	}
	left := at.Sub(c.at)
	if off := left.Seconds() - float64(ttl); math.Abs(off) > ttlSlack.Seconds() {
		c.say(path, "%v left, but the ttl is %d", left.Round(time.Millisecond), ttl)
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

// brief is a value for a message.
func brief(v any) string {
	s := ordered.String(v)
	if len(s) > 200 {
		return fmt.Sprintf("%.180s… (%d bytes)", s, len(s))
	}
	return s
}
