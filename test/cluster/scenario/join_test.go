package scenario

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strconv"
	"testing"

	"pando/fsys"
	"pando/raft/wal"
	"pando/test/cluster"
)

// A member that was killed while it waited for its first snapshot, when it had heard of a
// term and nothing else, joins when it is started again.
func TestJoinerKilledBeforeItsFirstEntry(t *testing.T) {
	c := start(t, 1)
	if c.Kind() != cluster.Pando {
		return // the log is written as Pando does
	}
	lone := c.Members()[0]
	lone.MustPut("/a", "1")
	m := c.Add(lone)
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := client.Get(lone.PeerURL + "/members")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	var members []struct {
		ID       uint64   `json:"id"`
		PeerURLs []string `json:"peerURLs"`
	}
	if err := json.NewDecoder(r.Body).Decode(&members); err != nil {
		t.Fatal(err)
	}
	md := wal.Metadata{}
	for _, other := range members {
		if other.PeerURLs[0] == m.PeerURL {
			md.NodeID = other.ID
		}
	}
	if md.ClusterID, err = strconv.ParseUint(r.Header.Get("X-Etcd-Cluster-Id"), 16, 64); err != nil {
		t.Fatal(err)
	}
	w, err := wal.Create(fsys.OS, filepath.Join(m.Dir, "member", "wal"), md, wal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Append(wal.Batch{State: &wal.HardState{Term: 2}, Sync: true}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	m.Start()
	m.MustPut("/a", "2")
	c.SameTree()
}
