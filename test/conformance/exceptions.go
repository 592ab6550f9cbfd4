package conformance

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// Exceptions reads a list of cases that a server is meant to fail: on each line a name, blanks, and the reason. Empty
// lines and those that begin with # count for nothing.
//
// A line is an error if it names no case, gives no reason, comes twice, or names a case that is not accidental: clients
// rely on the others, so nobody may be excepted from them.
func Exceptions(list io.Reader, cases []*Case) (names []string, err error) {
	byName := map[string]*Case{}
	for _, c := range cases {
		byName[c.Name] = c
	}
	sc := bufio.NewScanner(list)
	for sc.Scan() {
		line := strings.TrimSpace(sc.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		name, reason, _ := strings.Cut(line, " ")
		c := byName[name]
		switch {
		case c == nil:
			return nil, fmt.Errorf("exceptions: there is no case %s, or it is named twice", name)
		case strings.TrimSpace(reason) == "":
			return nil, fmt.Errorf("exceptions: no reason for %s", name)
		case c.Quirk != Accidental:
			return nil, fmt.Errorf("exceptions: %s is not accidental, so it must pass", name)
		}
		delete(byName, name)
		names = append(names, name)
	}
	return names, sc.Err()
}
