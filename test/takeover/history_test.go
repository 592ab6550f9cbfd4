package takeover

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"pando/test/fault/keys"
	"pando/test/fixtures"
	"pando/test/server"
)

// refreshed is the key whose TTL was renewed with refresh=true.
const refreshed = "/ttl/refreshed"

// checkHistory compares the event that was recorded, and then the whole history with the tree: none of the fixtures has
// more events than the history keeps, so every key was last changed by an event that is still there.
func checkHistory(t *testing.T, s *server.Server, v fixtures.Variant) {
	t.Helper()
	a := do(t, s, http.MethodGet, keys.Path("/", "wait", "true", "recursive", "true", "waitIndex", "5"))
	if got, want := strings.TrimSpace(string(a.Body)), strings.TrimSpace(string(v.Answer(t, fixtures.Watch5))); got != want {
		t.Errorf("waitIndex=5: %s\nrecorded: %s", got, want)
	}
	tree := do(t, s, http.MethodGet, keys.Path("/", "recursive", "true"))
	var newest uint64
	walk(tree.Node, func(n *keys.Node) { newest = max(newest, n.ModifiedIndex) })
	latest := replay(t, s, newest)
	walk(tree.Node, func(n *keys.Node) {
		if n.Dir || n.Key == refreshed {
			return // made on the way by an event of a key; changed by what no watcher is told
		}
		e := latest[n.Key]
		if e == nil || e.Node.ModifiedIndex != n.ModifiedIndex || e.Node.CreatedIndex != n.CreatedIndex || e.Node.Value != n.Value {
			t.Errorf("%s was changed at %d; the history's last event of it is %+v", n.Key, n.ModifiedIndex, e)
		}
	})
	for _, at := range []uint64{1, newest / 2, newest} {
		waited := do(t, s, http.MethodGet, keys.Path("/", "wait", "true", "recursive", "true", "waitIndex", strconv.FormatUint(at, 10)))
		if !waited.OK() || waited.Node.ModifiedIndex < at {
			t.Errorf("waitIndex=%d: %s", at, waited)
		}
	}
}

// replay reads the history from its beginning up to an index and returns the last event of each key.
func replay(t *testing.T, s *server.Server, to uint64) map[string]*keys.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := keys.New(s.Endpoint, 1)
	defer c.Close()
	latest, last := map[string]*keys.Event{}, uint64(0)
	err := c.Stream(ctx, "/", 1, func(e *keys.Event) bool {
		if e.Node == nil || e.Node.ModifiedIndex < last { // several keys may expire at one index
			t.Errorf("behind %d: %+v", last, e)
			return false
		}
		latest[e.Node.Key], last = e, e.Node.ModifiedIndex
		return last < to
	})
	if err != nil {
		t.Errorf("the history ends at %d, before %d: %v", last, to, err)
	}
	return latest
}
