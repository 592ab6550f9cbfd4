package takeover

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"pando/test/fault/keys"
	"pando/test/fixtures"
	"pando/test/server"
)

// One survivor of a cluster whose other members are lost goes on alone: all that was recorded is there, it takes
// writes, and so it is after a restart without the flag (server spec, section 9).
func TestSurvivors(t *testing.T) {
	member := func(name string) bool { return strings.HasPrefix(name, "cluster-") }
	each(t, member, func(t *testing.T, v fixtures.Variant, _ origin) {
		name := strings.TrimPrefix(v.Name, "cluster-")
		s := server.Start(t, server.Options{Dir: v.Dir, Name: name, Args: []string{"--force-new-cluster"}})
		own := checkSurvivor(t, s, v, name)
		// Two removals take two indexes each, and the start takes one.
		index := v.Index(t).Etcd + 5
		if a := do(t, s, http.MethodPut, keys.Path("/rescued"), "value", "x"); !a.OK() || a.Node.ModifiedIndex != index+1 {
			t.Errorf("the first write, behind index %d: %s", index, a)
		}
		if a := do(t, s, http.MethodDelete, keys.Path("/rescued")); !a.OK() {
			t.Errorf("the delete: %s", a)
		}
		s.Kill()

		for n, args := range [][]string{nil, {"--force-new-cluster"}} {
			s = server.Start(t, server.Options{Dir: v.Dir, Name: name, Args: args})
			if again := checkSurvivor(t, s, v, name); again != own {
				t.Errorf("it is %s, and was %s", again, own)
			}
			// Each start takes an index, and nothing else does.
			if a := do(t, s, http.MethodGet, keys.Path("/")); a.Index != index+3+uint64(n) {
				t.Errorf("after start %d behind index %d: %d", n, index+2, a.Index)
			}
			if err := s.Stop(); err != nil {
				t.Error(err)
			}
		}
	})
}

// checkSurvivor compares everything but the members, of which there must be one. It returns its ID and peer URLs.
func checkSurvivor(t *testing.T, s *server.Server, v fixtures.Variant, name string) (own string) {
	t.Helper()
	checkValues(t, s, v)
	if got, want := do(t, s, http.MethodGet, keys.Path("/")).Header.Get("X-Etcd-Cluster-Id"), v.Index(t).ClusterID; got != want {
		t.Errorf("cluster %s, want %s", got, want)
	}
	checkHidden(t, s, v)
	list, before := members(t, do(t, s, http.MethodGet, "/v2/members").Body), members(t, v.Answer(t, fixtures.Members))
	if len(list) != 1 {
		t.Errorf("members %v", list)
	}
	for id, m := range list {
		fields, old := strings.Fields(m), strings.Fields(before[id])
		if len(old) < 2 || fields[0] != name || fields[1] != old[1] {
			t.Errorf("the member is %s, recorded was %s", m, before[id])
		} else {
			own = fmt.Sprintf("%s at %s", id, fields[1])
		}
	}
	if a := do(t, s, http.MethodGet, "/health"); !a.OK() {
		t.Errorf("/health: %s", a)
	}
	return own
}
