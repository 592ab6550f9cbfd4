package metrics

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"pando/peerstats"
	"pando/store"
)

func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, "/metrics", nil)
	// As a Prometheus asks that has native histograms turned on.
	r.Header.Set("Accept", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,text/plain;version=0.0.4;q=0.4")
	m.ServeHTTP(w, r)
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "text/plain; version=0.0.4" {
		t.Fatalf("status %d, content type %q", w.Code, w.Header().Get("Content-Type"))
	}
	return w.Body.String()
}

func wantLines(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains("\n"+text, "\n"+line+"\n") {
			t.Errorf("missing: %s", line)
		}
	}
}

func TestScrape(t *testing.T) {
	m := New("1.2.3", func() (uint64, uint64) { return 1, 10 }, func() State {
		return State{
			Member: 0xab, Leader: 0xab, Term: 3, Applied: 42, Pending: 5, DiskFull: true,
			Operations: map[string]store.Count{"get": {Success: 7, Fail: 2}, "set": {Success: 4}, "expire": {Success: 9}},
			Watches:    11, Watchers: 6, HistoryEvents: 10, KeyNodes: 100, KeyData: 1000,
			Peers: []Peer{{ID: 0xcd, Active: true, Appends: peerstats.Follower{Current: 1.5, Success: 8, Fail: 1}}},
		}
	})
	m.Synced(3 * time.Millisecond)
	m.Saved(4, 77)
	m.Applied(4, time.Millisecond)
	m.SnapshotWritten(12345, time.Second)
	m.LeaderChanged(0xab)
	m.LeaderChanged(0)
	m.Proposed(3*time.Millisecond, nil)
	m.Proposed(time.Second, errors.New("no"))
	m.Slow()
	wantLines(t, scrape(t, m),
		"etcd_server_has_leader 1", "etcd_server_is_leader 1", "etcd_server_leader_changes_seen_total 1",
		"etcd_server_pending_proposal_total 5", "etcd_server_proposal_failed_total 1", "etcd_server_proposal_durations_seconds_count 1",
		`etcd_wal_fsync_durations_seconds_bucket{le="0.002"} 0`, `etcd_wal_fsync_durations_seconds_bucket{le="0.004"} 1`, "etcd_wal_last_index_saved 77",
		`etcd_store_reads_total{action="get"} 9`, `etcd_store_reads_failed_total{action="get"} 2`, `etcd_store_writes_total{action="set"} 4`,
		`etcd_store_writes_failed_total{action="set"} 0`, "etcd_store_expires_total 9", "etcd_store_watch_requests_total 11", "etcd_store_watchers 6",
		"etcd_snapshot_save_total_durations_seconds_count 1", "etcd_snapshot_save_marshalling_durations_seconds_count 0", "etcd_storage_put_total 0",
		"pando_wal_batch_entries_sum 4", "pando_apply_batch_entries_sum 4", "pando_snapshot_size_bytes 12345", "pando_disk_full 1", "pando_raft_term 3",
		"pando_raft_applied_index 42", "pando_tree_keys 100", "pando_tree_bytes 1000", "pando_history_events 10", "pando_watchers 6",
		`pando_peer_active{peer="cd"} 1`, `pando_peer_append_seconds{peer="cd"} 0.0015`, `pando_peer_appends_total{peer="cd",result="success"} 8`,
		`pando_peer_appends_total{peer="cd",result="failure"} 1`, "pando_http_slow_requests_total 1")
}

// TestRequests: etcd's families are about the keys API only, and have its own buckets.
func TestRequests(t *testing.T) {
	m := New("", func() (uint64, uint64) { return 1, 0 }, func() State { return State{} })
	keys, other := m.Route("keys"), m.Route("members")
	keys("GET", 200, 20*time.Microsecond)
	keys("GET", 200, 600*time.Microsecond)
	keys("GET", 404, time.Microsecond)
	keys("QGET", 500, time.Minute)
	keys("PUT", 201, 500*time.Microsecond)
	keys("PUT", 200, 500*time.Microsecond+1)
	keys("DELETE", 418, time.Second)
	other("GET", 200, time.Second)
	other("BREW", 405, time.Second)
	text := scrape(t, m)
	wantLines(t, text,
		`etcd_http_received_total{method="GET"} 3`, `etcd_http_received_total{method="QGET"} 1`, `etcd_http_received_total{method="PUT"} 2`,
		`etcd_http_failed_total{code="404",method="GET"} 1`, `etcd_http_failed_total{code="500",method="QGET"} 1`, `etcd_http_failed_total{code="500",method="DELETE"} 1`,
		`etcd_http_successful_duration_second_bucket{method="GET",le="0.0005"} 1`, `etcd_http_successful_duration_second_bucket{method="GET",le="0.001"} 2`,
		`etcd_http_successful_duration_second_bucket{method="PUT",le="0.0005"} 1`, `etcd_http_successful_duration_second_bucket{method="PUT",le="2.048"} 2`,
		`etcd_http_successful_duration_second_count{method="GET"} 2`, `etcd_http_successful_duration_second_sum{method="GET"} 0.00062`,
		`pando_http_request_duration_seconds_bucket{method="GET",result="success",route="keys",le="1.5625e-05"} 0`,
		`pando_http_request_duration_seconds_bucket{method="GET",result="success",route="keys",le="3.125e-05"} 1`,
		`pando_http_request_duration_seconds_bucket{method="QGET",result="failure",route="keys",le="2.048"} 0`,
		`pando_http_request_duration_seconds_bucket{method="QGET",result="failure",route="keys",le="+Inf"} 1`,
		`pando_http_request_duration_seconds_count{method="GET",result="success",route="members"} 1`,
		`pando_http_request_duration_seconds_count{method="other",result="failure",route="members"} 1`)
	if strings.Contains(text, `etcd_http_received_total{method="other"}`) {
		t.Error("a request that was not for a key counts as one")
	}
}

// TestTwoInOneProcess: a second server's registry is its own.
func TestTwoInOneProcess(t *testing.T) {
	none := func() (uint64, uint64) { return 1, 0 }
	first := New("", none, func() State { return State{} })
	second := New("", none, func() State { return State{} })
	first.Saved(1, 5)
	wantLines(t, scrape(t, first), "etcd_wal_last_index_saved 5")
	wantLines(t, scrape(t, second), "etcd_wal_last_index_saved 0")
}

// TestHistoryWindow fills a window of 100 events, one each second, and looks how far back it reaches.
func TestHistoryWindow(t *testing.T) {
	const size = 100
	last := uint64(0)
	h := history{span: func() (uint64, uint64) { return max(1, last+1-min(last, size)), last }}
	start := time.Unix(1e9, 0)
	if h.window(start) != 0 {
		t.Error("without an event the window reaches back")
	}
	now := start
	for range 1000 {
		now = now.Add(time.Second)
		last++
		h.note(now)
		got := h.window(now)
		// The events within the last (size-1) seconds are all there.
		if want := min(now.Sub(start)-time.Second, size*time.Second); got > want || got < want-(size/notes+2)*time.Second {
			t.Fatalf("after %v the window reaches back %v, want about %v", now.Sub(start), got, want)
		}
	}
	if len(h.noted) > 2*notes {
		t.Errorf("%d moments are remembered", len(h.noted))
	}
	if got := h.window(now.Add(time.Hour)); got < time.Hour {
		t.Errorf("after an hour of silence it reaches back %v", got)
	}
	last = 10 // another state was installed
	h.note(now)
	if got := h.window(now.Add(time.Second)); got != time.Second {
		t.Errorf("after another state was installed it reaches back %v", got)
	}
}

func BenchmarkAnswered(b *testing.B) {
	m := New("", func() (uint64, uint64) { return 1, 0 }, func() State { return State{} })
	keys := m.Route("keys")
	b.ReportAllocs()
	for b.Loop() {
		keys("GET", 200, 20*time.Microsecond)
	}
}
