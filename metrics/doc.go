// Package metrics is what /metrics serves: etcd 2.3's names, so that dashboards keep working (cluster-api spec, section 7), the three
// of etcd 3 that everybody alerts on, and what is new under pando_ (docs/operations.md has the table).
//
// It promises that what is counted with each request costs two atomic additions and no memory, and that everything that can be
// read from elsewhere is read when somebody scrapes. Several servers in one process have a registry each.
//
// It asks of its caller a State that may be called from any goroutine. Metrics itself implements the observers that raft and
// httpapi declare, without knowing them.
package metrics
