package store

import (
	"errors"
	"path"
	"sync/atomic"
	"time"

	"pando/eventhistory"
	"pando/tree"
	"pando/ttl"
)

// defaultHistory is the number of events that the keys API promises to keep.
const defaultHistory = 1000

// Options of a Store. The zero value is what etcd does.
type Options struct {
	// HistorySize is how many events are kept; 0 means 1000.
	HistorySize int
	// Now only fills the TTL that events show; nil means time.Now. No decision depends on it.
	Now func() time.Time
}

// Store is the state machine. What each method may be called from is said with it.
type Store struct {
	// Owned by the goroutine that applies.
	tree    *tree.Tree
	due     *ttl.Index // every node that has a TTL
	index   uint64     // of the last change, the etcd index
	pending []eventhistory.Change
	records []*record // those of pending
	spare   []*record // that can be used again, while the log is replayed
	history int       // how many events are kept
	// replaying: nobody will ever see the result of the command at hand.
	replaying bool

	// Safe for all.
	hub   *eventhistory.Hub
	stats counters
	view  atomic.Pointer[View]
	now   func() time.Time
}

// New returns a store as a new cluster starts with: index 0, empty directories for the cluster and for the keys.
func New(o Options) *Store {
	if o.HistorySize == 0 {
		o.HistorySize = defaultHistory
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Store{tree: tree.New(), due: ttl.New(), hub: eventhistory.New(o.HistorySize), history: o.HistorySize, now: o.Now}
	s.tree.PutDir(clusterPrefix, tree.Attr{})
	s.tree.PutDir(keysPrefix, tree.Attr{})
	s.Publish(0, 0)
	return s
}

// Publish makes everything that was applied visible, the history and the View at the same moment; the View says that it
// covers the log up to raftIndex. The apply goroutine calls it at the end of each batch, before any proposer is answered.
func (s *Store) Publish(raftIndex, raftTerm uint64) {
	v := s.newView(raftIndex, raftTerm)
	s.hub.Publish(s.pending, func() { s.view.Store(v) })
	clear(s.pending)
	s.pending = s.pending[:0]
	clear(s.records)
	s.records, s.spare = s.records[:0], nil
}

// Notify tells the watchers of what was published since the last call. The apply goroutine calls it after the proposers
// have been answered.
func (s *Store) Notify() { s.hub.Notify() }

// View returns the published state: one atomic load, from any goroutine.
func (s *Store) View() *View { return s.view.Load() }

// Watch starts to watch path, from any goroutine; the watcher has to be closed. A waitIndex of 0 means from now on. The
// error is an *Error with code 401 if the history does not reach back to waitIndex, or eventhistory.ErrStopped.
func (s *Store) Watch(path string, recursive, stream bool, waitIndex uint64, wake func()) (*eventhistory.Watcher, error) {
	w, err := s.hub.Watch(cleanPath(path), recursive, stream, waitIndex, wake)
	var cleared *eventhistory.ClearedError
	if errors.As(err, &cleared) {
		return nil, NewError(CodeIndexCleared, cleared.Error(), cleared.Index)
	}
	return w, err
}

// StopWatches ends all watches with eventhistory.ErrStopped, now and later. Any goroutine may call it.
func (s *Store) StopWatches() { s.hub.Stop() }

// Hub is the event history, for those who measure it.
func (s *Store) Hub() *eventhistory.Hub { return s.hub }

// NextExpiration is when the first key of the published state is due, in nanoseconds since 1970; ok is false if no key has a
// TTL. Any goroutine may call it.
func (s *Store) NextExpiration() (unixNano int64, ok bool) {
	v := s.View()
	return v.nextExpiration, v.expires
}

// Stats returns the counters, from any goroutine.
func (s *Store) Stats() Stats {
	stats := s.stats.load()
	stats.Watchers = uint64(s.hub.Watchers())
	return stats
}

// cleanPath returns the path the way the tree wants it. It copies nothing if the path is clean already.
func cleanPath(p string) string {
	if p == "" || p[0] != '/' {
		p = "/" + p
	}
	return path.Clean(p)
}
