package takeover

import (
	"math/rand/v2"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pando/test/fault/keys"
	"pando/test/fixtures"
	"pando/test/server"
	"pando/test/server/content"
)

// member is one of the members that were recorded as a cluster.
type member struct {
	left         fixtures.Variant
	name         string
	client, peer string // host:port as recorded
	*server.Server
}

// cluster unpacks the three members that etcd 2.3.8 left behind.
func cluster(t *testing.T) (members []*member) {
	t.Helper()
	for _, v := range fixtures.Variants(t, fixtures.Unpack(t, fixtures.Etcd238)) {
		name, ok := strings.CutPrefix(v.Name, "cluster-")
		if !ok {
			continue
		}
		m := &member{left: v, name: name}
		for _, recorded := range membersOf(t, v.Answer(t, fixtures.Members)) {
			if recorded.Name == name {
				m.client, m.peer = host(t, recorded.ClientURLs[0]), host(t, recorded.PeerURLs[0])
			}
		}
		members = append(members, m)
	}
	if len(members) != 3 {
		t.Fatalf("%d members were recorded", len(members))
	}
	return members
}

func host(t *testing.T, from string) string {
	t.Helper()
	u, err := url.Parse(from)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

// launch starts Pando on the directory of a member, with the ports of its etcd.
func (m *member) launch(t *testing.T) {
	t.Helper()
	m.Server = server.Launch(t, server.Options{Dir: m.left.Dir, Name: m.name, Client: m.client, Peer: m.peer})
}

func launchAll(t *testing.T, members []*member) {
	t.Helper()
	for _, m := range members {
		m.launch(t)
	}
	for _, m := range members {
		if err := m.Ready(patience); err != nil {
			t.Fatalf("%s: %v", m.name, err)
		}
	}
}

// Three members that etcd 2.3.8 left behind go on as three Pandos: the same members, tree, indexes, times and history on
// each, and so it is after a kill.
func TestClusterOf238(t *testing.T) {
	members := cluster(t)
	index := members[0].left.Index(t).Etcd
	for round := range 2 {
		launchAll(t, members)
		index += uint64(len(members)) // each publishes once
		for _, m := range members {
			content.WaitFor(t, m.Endpoint, index)
			checkTree(t, m.Server, m.left, index)
			checkHidden(t, m.Server, m.left)
			checkHistory(t, m.Server, m.left)
			checkMembersFile(t, m.Server, m.left)
		}
		for i, m := range members {
			put := do(t, m.Server, http.MethodPut, keys.Path("/passing"), "value", m.name)
			if index++; !put.OK() || put.Node.ModifiedIndex != index {
				t.Fatalf("round %d: a write to %s: %s", round, m.name, put)
			}
			other := members[(i+1)%len(members)]
			if got := do(t, other.Server, http.MethodGet, keys.Path("/passing", "quorum", "true")); !got.OK() || got.Node.Value != m.name {
				t.Errorf("round %d: %s shows %s", round, other.name, got)
			}
		}
		if gone := do(t, members[0].Server, http.MethodDelete, keys.Path("/passing")); !gone.OK() {
			t.Errorf("round %d: the delete: %s", round, gone)
		}
		index++
		for _, m := range members {
			m.Kill()
		}
	}
}

// Whichever members are killed in the middle of their start, and however often, nothing that was recorded is lost and
// no member finds its log too short.
func TestClusterOf238IsKilledWhileItStarts(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	members := cluster(t)
	for range 6 {
		for _, m := range members {
			m.launch(t)
		}
		for _, i := range random.Perm(len(members))[:1+random.IntN(len(members))] {
			<-time.After(time.Duration(random.Int64N(int64(500 * time.Millisecond))))
			members[i].Kill()
		}
		for _, m := range members {
			if err := m.Stop(); err != nil && !strings.Contains(err.Error(), "signal: killed") {
				t.Fatalf("%s: %v", m.name, err)
			}
		}
	}
	launchAll(t, members)
	put := do(t, members[0].Server, http.MethodPut, keys.Path("/passing"), "value", "x")
	if gone := do(t, members[0].Server, http.MethodDelete, keys.Path("/passing")); !put.OK() || !gone.OK() {
		t.Fatalf("%s, %s", put, gone)
	}
	for _, m := range members {
		checkValues(t, m.Server, m.left)
		checkHidden(t, m.Server, m.left)
		checkHistory(t, m.Server, m.left)
		checkMembersFile(t, m.Server, m.left)
		if left, _ := filepath.Glob(filepath.Join(m.Dir, "member.*")); len(left) > 0 {
			t.Errorf("%s: %q is left", m.name, left)
		}
	}
}
