package takeover

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"pando/test/fault/keys"
	"pando/test/fixtures"
	"pando/test/server"
)

const (
	election       = 500 * time.Millisecond
	requestTimeout = 5*time.Second + 2*election
)

// A member whose peers are away shows what it has and promises nothing.
func TestMembersWithoutQuorum(t *testing.T) {
	t.Parallel()
	member := func(name string) bool { return strings.HasPrefix(name, "cluster-") }
	server.Build(t) // it is not to count as time of a start
	each(t, member, func(t *testing.T, v fixtures.Variant, _ origin) {
		began := time.Now()
		s := server.Launch(t, server.Options{
			Dir: v.Dir, Name: strings.TrimPrefix(v.Name, "cluster-"), Client: server.FreeAddr(t),
			Args: []string{"--heartbeat-interval", "100", "--election-timeout", "500"},
		})
		awaitAnswer(t, s)
		tree := do(t, s, http.MethodGet, keys.Path("/", "recursive", "true", "sorted", "true"))
		if took := time.Since(began); took > 2*time.Second+2*election {
			t.Errorf("the first read was answered after %v", took)
		}
		checkStored(t, tree, v)
		checkHistory(t, s, v)
		if a := do(t, s, http.MethodGet, "/health"); a.Status != http.StatusServiceUnavailable {
			t.Errorf("/health: %s", a)
		}
		checkMembersFile(t, s, v)

		began = time.Now()
		write := do(t, s, http.MethodPut, keys.Path("/lost"), "value", "x")
		if took := time.Since(began); took < requestTimeout-time.Second || took > requestTimeout+3*time.Second {
			t.Errorf("the write ended after %v, the request timeout is %v", took, requestTimeout)
		}
		if write.Status != http.StatusInternalServerError || write.ErrorCode != 300 {
			t.Errorf("the write: %s", write)
		}
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
}

// awaitAnswer waits until the client port is open.
func awaitAnswer(t *testing.T, s *server.Server) {
	t.Helper()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	c := keys.New(s.Endpoint, 1)
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		_, err := c.Do(ctx, http.MethodGet, "/version", nil)
		if err == nil {
			return
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatalf("no answer: %v", err)
		}
	}
}

// checkStored compares what a member shows without its peers: the recorded tree at its index. Entries that change no
// key may follow in its log.
func checkStored(t *testing.T, a *keys.Answer, v fixtures.Variant) {
	t.Helper()
	got, want := counting.ReplaceAllString(string(a.Body), ""), counting.ReplaceAllString(string(v.Answer(t, fixtures.Tree)), "")
	if strings.TrimSpace(got) != strings.TrimSpace(want) {
		t.Errorf("the tree is\n%s\nrecorded was\n%s", got, want)
	}
	recorded := v.Index(t)
	if a.Index != recorded.Etcd || a.RaftIndex < recorded.Raft || a.Header.Get("X-Etcd-Cluster-Id") != recorded.ClusterID {
		t.Errorf("index %d, raft index %d, cluster %s; recorded: %+v", a.Index, a.RaftIndex, a.Header.Get("X-Etcd-Cluster-Id"), recorded)
	}
}

// checkMembersFile compares the member list, whatever its order.
func checkMembersFile(t *testing.T, s *server.Server, v fixtures.Variant) {
	t.Helper()
	got, want := members(t, do(t, s, http.MethodGet, "/v2/members").Body), members(t, v.Answer(t, fixtures.Members))
	if len(got) != len(want) {
		t.Errorf("members %v, recorded were %v", got, want)
	}
	for id, m := range want {
		if got[id] != m {
			t.Errorf("member %s is %s, recorded was %s", id, got[id], m)
		}
	}
}

// members reads a member list: id → the rest.
func members(t *testing.T, body []byte) map[string]string {
	t.Helper()
	byID := map[string]string{}
	for _, m := range membersOf(t, body) {
		byID[m.ID] = m.Name + " " + strings.Join(m.PeerURLs, ",") + " " + strings.Join(m.ClientURLs, ",")
	}
	return byID
}

// recorded is a member as the API shows it.
type recorded struct {
	ID, Name             string
	PeerURLs, ClientURLs []string
}

func membersOf(t *testing.T, body []byte) []recorded {
	t.Helper()
	var list struct{ Members []recorded }
	if err := json.Unmarshal(body, &list); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return list.Members
}
