package conformance

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// meaning tells what the tokens of a golden stand for in one run.
type meaning struct {
	*scope
	serial bool
	ranks  []uint64 // the indexes that the run saw, ascending: #1 is ranks[0]
}

func newMeaning(rec *recording) *meaning {
	seen := map[uint64]bool{}
	for _, a := range rec.answers {
		for _, r := range a.replies {
			if a.st.Slow {
				continue
			}
			for n := range indexes(r.docs) {
				seen[n] = true
			}
		}
	}
	delete(seen, 0)
	return &meaning{rec.scope, rec.c.Serial, slices.Sorted(maps.Keys(seen))}
}

// number resolves "#3" or "+2".
func (m *meaning) number(token string) (uint64, error) {
	n, err := strconv.ParseUint(strings.TrimLeft(token, "#+"), 10, 64)
	switch {
	case err != nil || token == "":
		return 0, fmt.Errorf("the golden's index %q cannot be read", token)
	case token[0] == '+' && m.serial:
		return m.base + n, nil
	case token[0] == '#' && !m.serial:
		if n < 1 || n > uint64(len(m.ranks)) {
			return 0, fmt.Errorf("want index %s, but there were only %d different ones", token, len(m.ranks))
		}
		return m.ranks[n-1], nil
	}
	return 0, fmt.Errorf("the golden's index %q does not fit the case", token)
}

// name writes an index as a golden would, for messages.
func (m *meaning) name(n uint64) string {
	if m.serial {
		return fmt.Sprintf("%+d", int64(n)-int64(m.base))
	}
	if i, found := slices.BinarySearch(m.ranks, n); found {
		return fmt.Sprintf("#%d", i+1)
	}
	return fmt.Sprint(n)
}

var (
	folded = regexp.MustCompile(`\{([A-Za-z0-9/.%])\*(\d+)\}`)
	padded = regexp.MustCompile(`\{020:([#+]\d+)\}`)
	// In a cause, an index stands alone behind a bracket, a slash or a blank: "[5 != #2]", "[+101/+3]".
	inCause = regexp.MustCompile(`([\[/ ])([#+]\d+)`)
	// In a raw text, it is a field's value.
	inRaw = regexp.MustCompile(`("(?:modifiedIndex|createdIndex|index)":)([#+]\d+)`)
)

// text expands a golden text.
func (m *meaning) text(golden string) string {
	s := strings.NewReplacer("{dir}", m.dir, "{host}", m.host, "{endpoint}", "http://"+m.host).Replace(golden)
	s = padded.ReplaceAllStringFunc(s, func(token string) string {
		n, err := m.number(padded.FindStringSubmatch(token)[1])
		if err != nil {
			return token
		}
		return fmt.Sprintf("%020d", n)
	})
	return folded.ReplaceAllStringFunc(s, func(token string) string {
		parts := folded.FindStringSubmatch(token)
		return repeated(parts[1], parts[2])
	})
}

// cause expands the cause of an error.
func (m *meaning) cause(golden string) string { return m.indexesIn(inCause, m.text(golden)) }

func (m *meaning) indexesIn(where *regexp.Regexp, s string) string {
	return where.ReplaceAllStringFunc(s, func(match string) string {
		parts := where.FindStringSubmatch(match)
		n, err := m.number(parts[2])
		if err != nil {
			return match
		}
		return parts[1] + fmt.Sprint(n)
	})
}

var timesInRaw = strings.NewReplacer(
	regexp.QuoteMeta("{exp}"), `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z`,
	regexp.QuoteMeta("{ttl}"), `-?\d+`)

var causeInRaw = regexp.MustCompile(`"cause":"(?:[^"\\]|\\.)*"`)

// raw makes of a golden raw text the pattern that a whole body must match. current is its header's index.
func (m *meaning) raw(golden, current string) (*regexp.Regexp, error) {
	s := causeInRaw.ReplaceAllStringFunc(golden, m.cause)
	s = m.indexesIn(inRaw, m.text(s))
	s = strings.ReplaceAll(s, `"index":cur`, `"index":`+current)
	return regexp.Compile(`\A` + timesInRaw.Replace(regexp.QuoteMeta(s)) + `\z`)
}
