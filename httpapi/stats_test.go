package httpapi

import (
	"encoding/json"
	"net/http"
	"regexp"
	"testing"
	"time"

	"pando/peerstats"
	"pando/store"
)

// known are statistics that do not change.
type known struct {
	store          *store.Store
	sent, received peerstats.Traffic
	follower       peerstats.Follower
}

func (k *known) Started() time.Time     { return testTime }
func (k *known) LeaderSince() time.Time { return testTime }
func (k *known) Appends() (peerstats.Traffic, peerstats.Traffic) {
	return k.sent, k.received
}
func (k *known) Follower(uint64) peerstats.Follower { return k.follower }
func (k *known) Operations() store.Stats            { return k.store.Stats() }

func newStatsRig(t *testing.T, k *known) *rig {
	g := newRig(t, Options{Statistics: k})
	k.store = g.store
	return g
}

func TestSelfStats(t *testing.T) {
	k := &known{received: peerstats.Traffic{Count: 3, Rate: peerstats.Rate{Packages: 1.5, Bytes: 100}}}
	g := newStatsRig(t, k)
	uptime := regexp.MustCompile(`"uptime":"[^"]+"`)
	w := g.do("GET", "/v2/stats/self", "")
	want := `{"name":"one","id":"c1","state":"StateLeader","startTime":"2026-11-24T12:00:00.5Z",` +
		`"leaderInfo":{"leader":"c1","uptime":"","startTime":"2026-11-24T12:00:00.5Z"},` +
		`"recvAppendRequestCnt":3,"recvPkgRate":1.5,"recvBandwidthRate":100,"sendAppendRequestCnt":0}`
	if got := uptime.ReplaceAllString(w.Body.String(), `"uptime":""`); got != want || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	g.leader = 0
	w = g.do("GET", "/v2/stats/self", "")
	want = `{"name":"one","id":"c1","state":"StateFollower","startTime":"2026-11-24T12:00:00.5Z",` +
		`"leaderInfo":{"leader":"","uptime":"0s","startTime":"0001-01-01T00:00:00Z"},` +
		`"recvAppendRequestCnt":3,"recvPkgRate":1.5,"recvBandwidthRate":100,"sendAppendRequestCnt":0}`
	if w.Body.String() != want {
		t.Errorf("without a leader: %s\nwant\n%s", w.Body, want)
	}
}

func TestLeaderStats(t *testing.T) {
	k := &known{follower: peerstats.Unreached}
	g := newStatsRig(t, k)
	if w := g.do("GET", "/v2/stats/leader", ""); w.Body.String() != `{"leader":"c1","followers":{}}` {
		t.Errorf("a lone leader: %s", w.Body)
	}
	if _, err := g.Do(t.Context(), store.Command{Method: "PUT", Path: "/0/members/c2/raftAttributes", Val: `{"peerURLs":["http://127.0.0.1:1"]}`}); err != nil {
		t.Fatal(err)
	}
	want := `{"leader":"c1","followers":{"c2":{"latency":{"current":0,"average":0,"standardDeviation":0,"minimum":9223372036854776000,"maximum":0},"counts":{"fail":0,"success":0}}}}`
	if got := g.do("GET", "/v2/stats/leader", "").Body.String(); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	for _, leader := range []uint64{0, 0xc2} {
		g.leader = leader
		if w := g.do("GET", "/v2/stats/leader", ""); w.Code != http.StatusForbidden || w.Body.String() != `{"message":"not current leader"}` {
			t.Errorf("with leader %x: %d %s", leader, w.Code, w.Body)
		}
	}
}

// TestStoreStats: the reference looks whether requests need credentials in the store itself, and that shows.
func TestStoreStats(t *testing.T) {
	g := newStatsRig(t, &known{})
	read := func() (s store.Stats) {
		t.Helper()
		if err := json.Unmarshal(g.do("GET", "/v2/stats/store", "").Body.Bytes(), &s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	before := read()
	g.do("PUT", "/v2/keys/a", "value=1")
	g.do("GET", "/v2/keys/a", "")
	g.do("GET", "/v2/keys?recursive=true", "")
	g.do("GET", "/v2/keys/none", "")
	g.do("GET", "/v2/keys/a?recursive=nonsense", "") // is not carried out
	g.do("GET", "/v2/members", "")                   // never needs any
	after := read()
	if after.SetSuccess-before.SetSuccess != 1 || after.GetSuccess-before.GetSuccess != 2 || after.GetFail-before.GetFail != 1+4 {
		t.Errorf("before %+v, after %+v", before, after)
	}
}
