package scenario

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"pando/test/cluster"
)

// TestSafeChanges asks a follower for changes while a member is dead: what would cost the quorum is refused with a sentence,
// everything else is carried out and shows at once where it was asked for.
func TestSafeChanges(t *testing.T) {
	c := start(t, 3)
	if c.Kind() != cluster.Pando {
		t.Log("left out: etcd lets a cluster lose its quorum")
		return
	}
	leader := c.AwaitLeader()
	followers := c.Without(leader)
	dead, alive := followers[0], followers[1]
	deadID, aliveID := dead.ID(leader), alive.ID(leader)
	dead.Kill()
	lasting(2 * et)

	ask := func(method, path, body string, status int, answer string) {
		t.Helper()
		r, err := alive.Request(rt, method, "/v2/members"+path, body)
		if err != nil || r.Status != status || !strings.Contains(string(r.Body), answer) {
			t.Fatalf("%s %s: %v, %v; want %d %s", method, path, r, err, status, answer)
		}
	}
	ask(http.MethodDelete, "/"+aliveID, "", 409, "remove them first: "+deadID)
	ask(http.MethodDelete, "/"+leader.ID(alive), "", 409, "remove them first: "+deadID)
	leader.MustPut("/a", "1")
	ask(http.MethodPost, "", `{"peerURLs":["`+leader.PeerURL+`"]}`, 409, `{"message":"etcdserver: peerURL exists"}`)
	ask(http.MethodPut, "/12345", `{"peerURLs":["http://127.0.0.1:9"]}`, 404, `{"message":"No such member: 12345"}`)
	ask(http.MethodDelete, "/"+deadID, "", 204, "")
	if list := fmt.Sprint(alive.List()); strings.Contains(list, deadID) {
		t.Errorf("still listed where it was removed: %s", list)
	}
	ask(http.MethodDelete, "/"+deadID, "", 410, `{"message":"Member permanently removed: `+deadID+`"}`)
	ask(http.MethodPut, "/"+aliveID, `{"peerURLs":["`+alive.PeerURL+`"]}`, 204, "")
	alive.MustPut("/a", "2")
}
