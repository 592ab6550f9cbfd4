package metrics

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics counts and times what a server does. Its methods may be called from any goroutine.
type Metrics struct {
	handler http.Handler

	requests requests
	slow     prometheus.Counter

	proposals      prometheus.Histogram
	failed         prometheus.Counter
	fsync          prometheus.Histogram
	etcdFsync      prometheus.Histogram
	saved          prometheus.Gauge
	savedEntries   prometheus.Histogram
	applied        prometheus.Histogram
	appliedEntries prometheus.Histogram
	snapshots      prometheus.Histogram
	etcdSnapshots  prometheus.Histogram
	snapshotSize   prometheus.Gauge
	leaderChanges  prometheus.Counter

	history history
}

// etcdBuckets are those that etcd 2.3 sorts its durations into: 1 ms, and twice as much, up to 8 s.
var etcdBuckets = prometheus.ExponentialBuckets(0.001, 2, 14)

// fineBuckets begin where an NVMe disk and a batch of one entry are: 31 µs, up to 16 s.
var fineBuckets = prometheus.ExponentialBuckets(0.00003125, 2, 20)

// countBuckets are for entries of a batch: 1 to 4096.
var countBuckets = prometheus.ExponentialBuckets(1, 2, 13)

// New returns the metrics of a server that read says the state of at each scrape. span are the first and the last index in the
// event history, version is the server's own.
func New(version string, span func() (oldest, last uint64), read func() State) *Metrics {
	registry := prometheus.NewRegistry()
	f := factory{registry}
	m := &Metrics{
		slow: f.counter("pando_http_slow_requests_total", "Requests that took longer than --slow-request."),

		proposals:      f.histogram("etcd_server_proposal_durations_seconds", "Time from proposing a write until it was applied here.", etcdBuckets),
		failed:         f.counter("etcd_server_proposal_failed_total", "Proposals that failed from the client's point of view. They may be carried out later."),
		fsync:          f.histogram("pando_wal_fsync_duration_seconds", "Syncs of the write-ahead log, in buckets that tell fast disks apart.", fineBuckets),
		etcdFsync:      f.histogram("etcd_wal_fsync_durations_seconds", "Syncs of the write-ahead log.", etcdBuckets),
		saved:          f.gauge("etcd_wal_last_index_saved", "Index of the last entry in the write-ahead log."),
		savedEntries:   f.histogram("pando_wal_batch_entries", "Entries that were written and synced together.", countBuckets),
		applied:        f.histogram("pando_apply_duration_seconds", "Time to apply a batch of committed entries, publish it and answer its writers.", fineBuckets),
		appliedEntries: f.histogram("pando_apply_batch_entries", "Entries that were applied and published together.", countBuckets),
		snapshots:      f.histogram("pando_snapshot_duration_seconds", "Time to write a snapshot, during which nothing waits.", prometheus.ExponentialBuckets(0.001, 2, 18)),
		etcdSnapshots:  f.histogram("etcd_snapshot_save_total_durations_seconds", "Time to write a snapshot.", etcdBuckets),
		snapshotSize:   f.gauge("pando_snapshot_size_bytes", "Size of the last snapshot that was written; 0 before the first since the start."),
		leaderChanges:  f.counter("etcd_server_leader_changes_seen_total", "How often another leader, or one again, was learned."),
	}
	m.requests.slots = map[string]*route{}
	m.history.span = span
	f.histogram("etcd_snapshot_save_marshalling_durations_seconds", "Always empty: a snapshot is streamed, and never in memory as a whole.", etcdBuckets)
	f.unused()
	registry.MustRegister(
		&m.requests,
		&state{read: read, history: &m.history, version: version},
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	m.handler = promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	return m
}

// ServeHTTP answers a scrape, in Prometheus' text format, whatever else is asked for.
func (m *Metrics) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Header.Del("Accept") // a Prometheus that reads native histograms would be given protobuf
	m.handler.ServeHTTP(&plainWriter{ResponseWriter: w}, r)
}

// plainWriter gives the content type that etcd gives, without the parameters that nothing but a recent Prometheus understands.
type plainWriter struct {
	http.ResponseWriter
	begun bool
}

// Write sends the head first.
func (w *plainWriter) Write(p []byte) (int, error) {
	if !w.begun {
		w.begun = true
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	}
	return w.ResponseWriter.Write(p)
}

// Proposed counts a proposal that has ended.
func (m *Metrics) Proposed(took time.Duration, err error) {
	if err != nil {
		m.failed.Inc()
		return
	}
	m.proposals.Observe(took.Seconds())
}

// Slow implements httpapi.Observer.
func (m *Metrics) Slow() { m.slow.Inc() }

// Synced implements raft.Observer.
func (m *Metrics) Synced(took time.Duration) {
	m.fsync.Observe(took.Seconds())
	m.etcdFsync.Observe(took.Seconds())
}

// Saved implements raft.Observer.
func (m *Metrics) Saved(entries int, last uint64) {
	m.savedEntries.Observe(float64(entries))
	m.saved.Set(float64(last))
}

// Applied implements raft.Observer.
func (m *Metrics) Applied(entries int, took time.Duration) {
	m.appliedEntries.Observe(float64(entries))
	m.applied.Observe(took.Seconds())
	m.history.note(time.Now())
}

// SnapshotWritten implements raft.Observer.
func (m *Metrics) SnapshotWritten(bytes int64, took time.Duration) {
	m.snapshots.Observe(took.Seconds())
	m.etcdSnapshots.Observe(took.Seconds())
	m.snapshotSize.Set(float64(bytes))
}

// LeaderChanged implements raft.Observer.
func (m *Metrics) LeaderChanged(leader uint64) {
	if leader != 0 {
		m.leaderChanges.Inc()
	}
}

// factory makes metrics and registers them.
type factory struct{ registry *prometheus.Registry }

func (f factory) counter(name, help string) prometheus.Counter {
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	f.registry.MustRegister(c)
	return c
}

func (f factory) gauge(name, help string) prometheus.Gauge {
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	f.registry.MustRegister(g)
	return g
}

func (f factory) histogram(name, help string, buckets []float64) prometheus.Histogram {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets})
	f.registry.MustRegister(h)
	return h
}
