package transport

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/types"
	"go.uber.org/zap"
)

// TestComparesClocks: of a clock that differs there is a warning, and of a peer that does not answer none.
func TestComparesClocks(t *testing.T) {
	n := startNode(t, 1, "127.0.0.1:0")
	for _, test := range []struct {
		answer func() string
		warns  string // in what
	}{
		{func() string { return now(0) }, ""},
		{func() string { return now(time.Hour) }, "ahead by"},
		{func() string { return now(-2 * time.Second) }, "behind by"},
		{func() string { return `{"OK":true}` }, ""},
		{func() string { return "not found" }, ""},
	} {
		peer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/raft/probing" {
				t.Errorf("asked for %s", r.URL)
			}
			fmt.Fprint(w, test.answer())
		}))
		n.compareClock(2, append(freeURLs(t, 1), peer.URL))
		peer.Close()
		warnings := n.logs.FilterMessage("the clock of a peer differs from this member's").FilterLevelExact(zap.WarnLevel)
		if warned := warnings.Len() > 0; warned != (test.warns != "") || warned && warnings.FilterFieldKey(test.warns).Len() == 0 {
			t.Errorf("%s: %v", test.answer(), warnings.All())
		}
		n.logs.TakeAll()
	}
}

func now(ahead time.Duration) string {
	text, _ := json.Marshal(map[string]any{"OK": true, "Now": time.Now().Add(ahead)})
	return string(text)
}

// TestNobodyIsProbed: rafthttp has no target to probe left.
func TestNobodyIsProbed(t *testing.T) {
	nodes := startNodes(t, 2)
	id := types.ID(2).String()
	nobody := func(when string) {
		t.Helper()
		for _, p := range nodes[0].probers {
			if p.(interface{ Reset(id string) error }).Reset(id) == nil {
				t.Errorf("the peer is probed %s", when)
			}
		}
	}
	nobody("after AddPeer")
	if err := nodes[0].UpdatePeer(2, []string{nodes[1].url}); err != nil {
		t.Fatal(err)
	}
	nobody("after UpdatePeer")
	if len(nodes[0].probers) != 2 {
		t.Errorf("%d probers were found", len(nodes[0].probers))
	}
}
