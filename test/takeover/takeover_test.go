// Package takeover starts Pando on data directories that real etcds left behind (package fixtures) and compares what it
// serves with what those etcds answered just before they stopped: tree, indexes, times, event history, members.
package takeover

import (
	"context"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"pando/test/fault/keys"
	"pando/test/fixtures"
	"pando/test/server"
)

// patience bounds every wait that should be short.
const patience = 60 * time.Second

// origin is an archive and what is particular to the etcd that wrote it.
type origin struct {
	archive string
	// starting is how many indexes a first start takes: one for publishing, and one more where the cluster version in
	// the directory is not ours and is set.
	starting uint64
}

var origins = map[string]origin{
	"2.3.8":  {fixtures.Etcd238, 1},
	"3.4.23": {fixtures.Etcd34, 2},
	"3.5.33": {fixtures.Etcd35, 2},
}

// each runs a test for every variant of every archive that want chooses by name.
func each(t *testing.T, want func(name string) bool, test func(*testing.T, fixtures.Variant, origin)) {
	for version, from := range origins {
		for _, v := range fixtures.Variants(t, fixtures.Unpack(t, from.archive)) {
			if want(v.Name) {
				t.Run(version+" "+v.Name, func(t *testing.T) {
					t.Parallel()
					test(t, v, from)
				})
			}
		}
	}
}

// do sends one request and fails the test if no answer comes.
func do(t *testing.T, s *server.Server, method, target string, form ...string) *keys.Answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := keys.New(s.Endpoint, 1)
	defer c.Close()
	a, err := c.Do(ctx, method, target, keys.Form(form...))
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	return a
}

// start starts Pando on a variant under the name that its etcd had.
func start(t *testing.T, v fixtures.Variant) *server.Server {
	t.Helper()
	return server.Start(t, server.Options{Dir: v.Dir, Name: "node0"})
}

// Everything that the etcd answered is answered again, a new write comes behind it, and so it is after a restart too.
func TestLoneMembers(t *testing.T) {
	lone := func(name string) bool { return name == "nosnap" || name == "snap" || name == "torn" }
	each(t, lone, func(t *testing.T, v fixtures.Variant, from origin) {
		index := v.Index(t).Etcd + from.starting
		if v.Name == "torn" {
			index = v.Index(t).Etcd // recorded behind a start
		}
		s := start(t, v)
		checkTree(t, s, v, index)
		checkHidden(t, s, v)
		checkHistory(t, s, v)
		checkMember(t, s, v)

		if a := do(t, s, http.MethodPut, keys.Path("/takeover"), "value", "new"); !a.OK() || a.Node.ModifiedIndex != index+1 {
			t.Errorf("the first write, behind index %d: %s", index, a)
		}
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
		s = start(t, v)
		if a := do(t, s, http.MethodGet, keys.Path("/takeover")); !a.OK() || a.Node.ModifiedIndex != index+1 || a.Index != index+2 {
			t.Errorf("after a restart, behind index %d: %s", index+1, a)
		}
		if a := do(t, s, http.MethodDelete, keys.Path("/takeover")); !a.OK() || a.Node.ModifiedIndex != index+3 {
			t.Errorf("the delete: %s", a)
		}
		checkTree(t, s, v, index+3)
		checkHidden(t, s, v)
		checkHistory(t, s, v)
	})
}

// counting matches what runs down in an answer.
var counting = regexp.MustCompile(`"ttl":-?\d+,`)

// checkTree compares the tree byte for byte, but for the remaining time of keys, which must fit their expiration.
func checkTree(t *testing.T, s *server.Server, v fixtures.Variant, index uint64) {
	t.Helper()
	a := do(t, s, http.MethodGet, keys.Path("/", "recursive", "true", "sorted", "true"))
	got, want := counting.ReplaceAllString(string(a.Body), ""), counting.ReplaceAllString(string(v.Answer(t, fixtures.Tree)), "")
	if strings.TrimSpace(got) != strings.TrimSpace(want) {
		at := 0
		for at < min(len(got), len(want)) && got[at] == want[at] {
			at++
		}
		t.Errorf("the trees differ at byte %d:\n…%.300s\nand recorded was\n…%.300s", at, got[max(at-100, 0):], want[max(at-100, 0):])
	}
	if a.Index != index {
		t.Errorf("X-Etcd-Index %d, want %d", a.Index, index)
	}
	// Those of torn were recorded when etcd had gone on behind the repair.
	if recorded := v.Index(t); v.Name != "torn" && (a.RaftIndex <= recorded.Raft || a.Term <= recorded.Term) {
		t.Errorf("raft index %d at term %d; recorded was %d at %d", a.RaftIndex, a.Term, recorded.Raft, recorded.Term)
	}
	if got, want := a.Header.Get("X-Etcd-Cluster-Id"), v.Index(t).ClusterID; got != want {
		t.Errorf("cluster %s, want %s", got, want)
	}
	timed := 0
	walk(a.Node, func(n *keys.Node) {
		if n.Expiration == nil {
			return
		}
		timed++
		if left := time.Until(*n.Expiration).Seconds(); float64(n.TTL) < left-5 || float64(n.TTL) > left+5 {
			t.Errorf("%s: ttl %d, and it expires in %.1f s", n.Key, n.TTL, left)
		}
	})
	if timed == 0 {
		t.Error("no key with a TTL was seen")
	}
}

// walk calls visit for every node below and at n.
func walk(n *keys.Node, visit func(*keys.Node)) {
	visit(n)
	for _, c := range n.Nodes {
		walk(c, visit)
	}
}

// checkHidden compares the hidden nodes, which no listing shows.
func checkHidden(t *testing.T, s *server.Server, v fixtures.Variant) {
	t.Helper()
	var got []string
	for _, key := range []string{"/_hidden", "/vis/_hid"} {
		got = append(got, strings.TrimSpace(string(do(t, s, http.MethodGet, keys.Path(key)).Body)))
	}
	want := strings.FieldsFunc(string(v.Answer(t, fixtures.Hidden)), func(r rune) bool { return r == '\n' })
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("hidden nodes:\n%q\nrecorded:\n%q", got, want)
	}
}

// checkMember compares the member that the directory belongs to; its client URL is the one it has now.
func checkMember(t *testing.T, s *server.Server, v fixtures.Variant) {
	t.Helper()
	got := string(do(t, s, http.MethodGet, "/v2/members").Body)
	urls := regexp.MustCompile(`"clientURLs":\[[^]]*\]`)
	want := urls.ReplaceAllString(string(v.Answer(t, fixtures.Members)), "")
	if strings.TrimSpace(urls.ReplaceAllString(got, "")) != strings.TrimSpace(want) {
		t.Errorf("members %s, recorded were %s", got, v.Answer(t, fixtures.Members))
	}
}
