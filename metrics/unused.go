package metrics

// unused are the families of etcd 2.3's preview of its v3 storage: they are there, and never counted, as in an etcd that nobody uses
// that preview of.
func (f factory) unused() {
	const help = "Always 0: etcd's v3 storage, which there is none of here."
	for _, name := range []string{"delete", "events", "put", "range", "txn"} {
		f.counter("etcd_storage_"+name+"_total", help)
	}
	for _, name := range []string{"keys", "pending_events", "slow_watcher", "watch_stream", "watcher"} {
		f.gauge("etcd_storage_"+name+"_total", help)
	}
	f.gauge("etcd_storage_db_total_size_in_bytes", help)
	for _, name := range []string{"db_compaction_pause", "db_compaction_total", "index_compaction_pause"} {
		f.histogram("etcd_storage_"+name+"_duration_milliseconds", help, nil)
	}
}
