package content

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"pando/test/conformance/ordered"
)

// State is what clients can see of a server's data. Two servers that hold the same have equal lines, whatever the time
// of day: how long a key still has to live is left out, when it expires is not.
type State struct {
	Index  uint64   // X-Etcd-Index
	Nodes  []string // a line for each node, hidden ones last
	Events []Event  // all that a watcher of the root can still be told, up to Last
	Oldest uint64   // index of the oldest event kept, also one that a watcher of the root is not told; 1 if none was dropped
	Last   uint64   // index of the newest event to be told
}

// Event is one event of the history as a line.
type Event struct {
	Index uint64
	Text  string
}

// window is how many events a server keeps, one for each index.
const window = 1000

// roots are the subtrees that a State covers; a listing of the root leaves hidden keys out.
var roots = []string{"/", "/_hidden"}

// Read takes the state of a server that nobody writes to. last is the index of the newest event to replay; Fill
// returns one.
func Read(t testing.TB, endpoint string, last uint64) State {
	t.Helper()
	s := State{Oldest: 1, Last: last}
	for _, root := range roots {
		r := do(t, "GET", endpoint, root+"?recursive=true&sorted=true", nil)
		if r.status != 200 {
			t.Fatalf("GET %s: %d %s", root, r.status, r.body)
		}
		s.Index = r.index
		s.nodes(r.doc.Sub("node"))
	}
	s.replay(t, endpoint)
	return s
}

// WaitFor waits until a server's index has reached at least index: a server that has just started publishes its
// attributes, which takes one.
func WaitFor(t testing.TB, endpoint string, index uint64) {
	t.Helper()
	next := time.NewTicker(20 * time.Millisecond)
	defer next.Stop()
	late := time.NewTimer(requestTime)
	defer late.Stop()
	for {
		r := do(t, "GET", endpoint, "/", nil)
		if r.index >= index {
			return
		}
		select {
		case <-next.C:
		case <-late.C:
			t.Fatalf("the server's index is %d, want %d", r.index, index)
		}
	}
}

func (s *State) nodes(n ordered.Object) {
	children, _ := n.Get("nodes")
	s.Nodes = append(s.Nodes, without(n, "nodes", "ttl"))
	list, _ := children.([]any)
	for _, child := range list {
		o, _ := child.(ordered.Object)
		s.nodes(o)
	}
}

// without writes an object as JSON with some fields left out, at any depth.
func without(o ordered.Object, names ...string) string { return ordered.String(drop(o, names)) }

func drop(v any, names []string) any {
	o, ok := v.(ordered.Object)
	if !ok {
		return v
	}
	out := ordered.Object{}
	for _, f := range o {
		left := false
		for _, name := range names {
			left = left || f.Name == name
		}
		if !left {
			out.Add(f.Name, drop(f.Value, names))
		}
	}
	return out
}

// cleared is the cause of error 401: the oldest index still there, and the one asked for.
var cleared = regexp.MustCompile(`\[(\d+)/\d+\]$`)

// replay asks for one event after the other, as a client that was away does.
func (s *State) replay(t testing.TB, endpoint string) {
	t.Helper()
	for next := uint64(1); next <= s.Last; {
		r := do(t, "GET", endpoint, fmt.Sprintf("/?wait=true&recursive=true&waitIndex=%d", next), nil)
		if r.status == 400 {
			cause, _ := r.doc.Get("cause")
			m := cleared.FindStringSubmatch(fmt.Sprint(cause))
			if m == nil || s.Oldest > 1 {
				t.Fatalf("watching from %d: %s", next, r.body)
			}
			s.Oldest, _ = strconv.ParseUint(m[1], 10, 64)
			next = s.Oldest
			continue
		}
		at := r.modified()
		if r.status != 200 || at < next {
			t.Fatalf("watching from %d: %d %s", next, r.status, r.body)
		}
		s.Events = append(s.Events, Event{at, without(r.doc, "ttl")})
		next = at + 1
	}
}

// Same says what is different in a later state, "" if nothing is. started is how many times a server was started
// between the two: each start takes one index, and so an event's place in the window.
func (s State) Same(later State, started uint64) string {
	var b strings.Builder
	if s.Index+started != later.Index {
		fmt.Fprintf(&b, "index %d, want %d\n", later.Index, s.Index+started)
	}
	oldest := max(s.Oldest, later.Index-min(later.Index, window)+1)
	if later.Oldest != oldest {
		fmt.Fprintf(&b, "oldest event %d, want %d\n", later.Oldest, oldest)
	}
	difference(&b, "node", s.Nodes, later.Nodes)
	difference(&b, "event", s.since(oldest), later.since(oldest))
	return b.String()
}

// since are the events from an index on.
func (s State) since(oldest uint64) (texts []string) {
	for _, e := range s.Events {
		if e.Index >= oldest {
			texts = append(texts, e.Text)
		}
	}
	return texts
}

// difference writes the first line that two lists don't have in common.
func difference(b *strings.Builder, what string, want, got []string) {
	for i := range max(len(want), len(got)) {
		w, g := "none", "none"
		if i < len(want) {
			w = want[i]
		}
		if i < len(got) {
			g = got[i]
		}
		if w != g {
			fmt.Fprintf(b, "%s %d of %d: %s\n  want (of %d): %s\n", what, i, len(got), g, len(want), w)
			return
		}
	}
}

// modified is the modifiedIndex of an answer's node, 0 if it has none.
func (r answer) modified() uint64 {
	v, _ := r.doc.Sub("node").Get("modifiedIndex")
	n, _ := v.(json.Number)
	u, _ := strconv.ParseUint(n.String(), 10, 64)
	return u
}

func form(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return v
}
