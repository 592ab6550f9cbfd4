package store

import (
	"time"

	"pando/eventhistory"
	"pando/tree"
)

// The actions of events.
const (
	actionGet              = "get"
	actionSet              = "set"
	actionCreate           = "create"
	actionUpdate           = "update"
	actionDelete           = "delete"
	actionCompareAndSwap   = "compareAndSwap"
	actionCompareAndDelete = "compareAndDelete"
	actionExpire           = "expire"
)

// record is an event with all that it points to, in one allocation.
type record struct {
	eventhistory.Event
	prev             eventhistory.Node
	value, prevValue string
	replayed         bool // nobody but the history gets it
}

// newRecord starts the event of a change that takes the next index.
func (s *Store) newRecord(action, key string, created uint64) *record {
	r := &record{}
	if s.replaying {
		r = s.spareRecord()
	}
	r.Action = action
	r.Node.Key = key
	r.Node.ModifiedIndex = s.index + 1
	r.Node.CreatedIndex = created
	return r
}

// setContent says what the node holds and when it is due.
func (s *Store) setContent(r *record, dir bool, value string, expiration int64) {
	if dir {
		r.Node.Dir = true
	} else {
		r.value = value
		r.Node.Value = &r.value
	}
	r.Node.Expiration = expiration
	r.Node.TTL = s.shownTTL(expiration)
}

// setPrev says what was there before. The value is the node's own memory, which stays as long as the event does; never its children's.
func (s *Store) setPrev(r *record, n *tree.Node) {
	r.prev.Key = r.Node.Key
	if n.Dir() {
		r.prev.Dir = true
	} else {
		r.prevValue = n.Value()
		r.prev.Value = &r.prevValue
	}
	r.prev.Expiration = n.Expiration()
	r.prev.TTL = s.shownTTL(n.Expiration())
	r.prev.ModifiedIndex, r.prev.CreatedIndex = n.Modified(), n.Created()
	r.PrevNode = &r.prev
}

func (s *Store) shownTTL(expiration int64) int64 {
	if expiration == 0 {
		return 0
	}
	return RemainingTTL(expiration, s.now())
}

// RemainingTTL is the TTL that a node shows, in seconds: rounded up, but towards zero once the node is overdue (keys-api
// spec, section 13). expiration is in nanoseconds since 1970 and not 0, which means that the node has no TTL.
func RemainingTTL(expiration int64, now time.Time) int64 {
	left := time.Unix(0, expiration).Sub(now)
	seconds := int64(left / time.Second)
	if left%time.Second > 0 {
		seconds++
	}
	return seconds
}

// commit takes the next index for an event and keeps it for the history. removed is the directory that it took away,
// nil if there is none.
func (s *Store) commit(r *record, removed *tree.Node) *eventhistory.Event {
	s.index++
	change := eventhistory.Change{Event: &r.Event}
	if removed != nil && removed.Dir() {
		change.Removed = subtree{removed}
	}
	s.pending = append(s.pending, change)
	s.records = append(s.records, r)
	if s.replaying {
		s.reuse()
	}
	return &r.Event
}

// subtree shows the event history what was removed.
type subtree struct{ node *tree.Node }

// Child is the node of that name below, nil if there is none.
func (t subtree) Child(name string) eventhistory.Subtree {
	if child := t.node.Child(name); child != nil {
		return subtree{child}
	}
	return nil
}
