package metrics

import (
	"os"
	"runtime"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"pando/peerstats"
	"pando/store"
)

// State is what a scrape reads of a server.
type State struct {
	Member, Leader    uint64 // IDs; Leader is 0 if none is known
	Term              uint64
	Applied           uint64 // index of the last log entry that was applied
	Pending           int    // proposals that wait for their outcome
	DiskFull          bool   // writes are refused because the log cannot grow
	Operations        map[string]store.Count
	Watches           uint64 // that were asked for
	Watchers          int    // that wait now
	HistoryEvents     int    // in the window of past events
	KeyNodes, KeyData int64  // of the key space: files and directories; bytes of names and values
	Peers             []Peer
}

// Peer is another member.
type Peer struct {
	ID      uint64
	Active  bool // the streams with it are up
	Appends peerstats.Follower
}

// state turns a State into metrics. It is their Collector.
type state struct {
	read    func() State
	history *history
	version string
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

var (
	hasLeader     = describe("etcd_server_has_leader", "1 if a leader is known, else 0.")
	isLeader      = describe("etcd_server_is_leader", "1 if this member leads, else 0.")
	pending       = describe("etcd_server_pending_proposal_total", "Proposals that wait for their outcome.")
	descriptors   = describe("etcd_server_file_descriptors_used_total", "Open file descriptors.")
	reads         = describe("etcd_store_reads_total", "Reads, successful or not.", "action")
	readsFailed   = describe("etcd_store_reads_failed_total", "Reads that failed.", "action")
	writes        = describe("etcd_store_writes_total", "Writes that were applied here, successful or not.", "action")
	writesFailed  = describe("etcd_store_writes_failed_total", "Writes that were applied here and failed.", "action")
	expires       = describe("etcd_store_expires_total", "Keys that expired.")
	watchRequests = describe("etcd_store_watch_requests_total", "Watches that were asked for.")
	etcdWatchers  = describe("etcd_store_watchers", "Watchers that wait.")

	watchers      = describe("pando_watchers", "Watchers that wait.")
	term          = describe("pando_raft_term", "Term of the log.")
	applied       = describe("pando_raft_applied_index", "Index of the last log entry that was applied.")
	diskFull      = describe("pando_disk_full", "1 while writes are refused because the log cannot grow, else 0.")
	historyEvents = describe("pando_history_events", "Events in the window that watchers may look back on.")
	historyWindow = describe("pando_history_window_seconds", "How far back that window reaches at least; events from before the start do not count.")
	treeKeys      = describe("pando_tree_keys", "Files and directories in the key space, hidden ones too.")
	treeBytes     = describe("pando_tree_bytes", "Bytes of their names and values, without what it takes to hold them in memory.")
	peerActive    = describe("pando_peer_active", "1 if the streams with this member are up, else 0.", "peer")
	peerLatency   = describe("pando_peer_append_seconds", "Time until this follower acknowledged the last append that was timed; 0 before the first.", "peer")
	peerAppends   = describe("pando_peer_appends_total", "Appends that this follower acknowledged, or that were lost on the way to it.", "peer", "result")
	build         = describe("pando_build_info", "Always 1.", "version", "go")
)

// Describe implements prometheus.Collector.
func (s *state) Describe(c chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		hasLeader, isLeader, pending, descriptors, reads, readsFailed, writes, writesFailed, expires, watchRequests, etcdWatchers,
		watchers, term, applied, diskFull, historyEvents, historyWindow, treeKeys, treeBytes, peerActive, peerLatency, peerAppends, build,
	} {
		c <- d
	}
}

// Collect implements prometheus.Collector.
func (s *state) Collect(c chan<- prometheus.Metric) {
	now := s.read()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		c <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v uint64, labels ...string) {
		c <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	gauge(hasLeader, number(now.Leader != 0))
	gauge(isLeader, number(now.Leader != 0 && now.Leader == now.Member))
	gauge(pending, float64(now.Pending))
	gauge(descriptors, float64(openFiles()))
	gauge(watchers, float64(now.Watchers))
	gauge(etcdWatchers, float64(now.Watchers))
	gauge(term, float64(now.Term))
	gauge(applied, float64(now.Applied))
	gauge(diskFull, number(now.DiskFull))
	gauge(historyEvents, float64(now.HistoryEvents))
	gauge(historyWindow, s.history.window(time.Now()).Seconds())
	gauge(treeKeys, float64(now.KeyNodes))
	gauge(treeBytes, float64(now.KeyData))
	gauge(build, 1, s.version, runtime.Version())
	counter(watchRequests, now.Watches)
	for action, n := range now.Operations {
		all, failed := writes, writesFailed
		switch action {
		case "expire":
			counter(expires, n.Success)
			continue
		case "get", "getRecursive":
			all, failed = reads, readsFailed
		}
		counter(all, n.Success+n.Fail, action)
		counter(failed, n.Fail, action)
	}
	for _, p := range now.Peers {
		id := strconv.FormatUint(p.ID, 16)
		gauge(peerActive, number(p.Active), id)
		gauge(peerLatency, p.Appends.Current/1000, id)
		counter(peerAppends, p.Appends.Success, id, "success")
		counter(peerAppends, p.Appends.Fail, id, "failure")
	}
}

func number(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// openFiles counts the file descriptors of this process, where the system tells.
func openFiles() int {
	dir, err := os.Open("/proc/self/fd")
	if err != nil {
		return 0
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return 0
	}
	return len(names) - 1 // without dir itself
}
