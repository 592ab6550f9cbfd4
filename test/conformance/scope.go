package conformance

import (
	"crypto/rand"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// scope is what the placeholders in the requests of one run stand for.
type scope struct {
	dir  string // the case's top directory, a name of this run's own
	host string // host:port of the server
	base uint64 // X-Etcd-Index when the run began

	numbers map[string]uint64 // mod:ID, created:ID, xindex:ID
	keys    map[string]string // key:ID
}

func newScope(host string) *scope {
	return &scope{dir: "c" + strings.ToLower(rand.Text()[:12]), host: host,
		numbers: map[string]uint64{}, keys: map[string]string{}}
}

var (
	placeholder = regexp.MustCompile(`\{([^{}"]{1,40})\}`)
	repetition  = regexp.MustCompile(`^(.)\*(\d+)$`)
	reference   = regexp.MustCompile(`^(index|(?:mod|created|xindex):[\w-]+)([+-]\d+)?$`)
)

// expand replaces the placeholders in a text of a request; i counts the repetitions of a step. What looks like a
// placeholder and is none stays, but one that names a step whose answer lacked the value is an error.
func (s *scope) expand(text string, i int) (string, error) {
	var missing error
	text = placeholder.ReplaceAllStringFunc(text, func(token string) string {
		name := token[1 : len(token)-1]
		value, err := s.lookup(name, i)
		if err != nil {
			missing = err
		}
		if value == nil {
			return token
		}
		return *value
	})
	return text, missing
}

// lookup returns nil for a name that is no placeholder.
func (s *scope) lookup(name string, i int) (*string, error) {
	found := func(v string) (*string, error) { return &v, nil }
	switch name {
	case "dir":
		return found(s.dir)
	case "host":
		return found(s.host)
	case "i":
		return found(strconv.Itoa(i))
	}
	if id, ok := strings.CutPrefix(name, "key:"); ok {
		key, ok := s.keys[id]
		if !ok {
			return nil, fmt.Errorf("no value for {%s}", name)
		}
		return found(key)
	}
	if m := repetition.FindStringSubmatch(name); m != nil {
		return found(repeated(m[1], m[2]))
	}
	m := reference.FindStringSubmatch(name)
	if m == nil {
		return nil, nil
	}
	n, ok := s.numbers[m[1]]
	if m[1] == "index" {
		n, ok = s.base, true
	}
	if !ok {
		return nil, fmt.Errorf("no value for {%s}", name)
	}
	offset, err := strconv.ParseInt("0"+strings.TrimLeft(m[2], "+-"), 10, 64)
	if strings.HasPrefix(m[2], "-") {
		offset = -offset
	}
	if err != nil {
		return nil, err
	}
	return found(strconv.FormatInt(int64(n)+offset, 10))
}

// repeated is a text count times over; the regular expressions let only short texts and numbers come here.
func repeated(text, count string) string {
	n, err := strconv.Atoi(count)
	if err != nil || n > 64<<20 {
		return ""
	}
	return strings.Repeat(text, n)
}
