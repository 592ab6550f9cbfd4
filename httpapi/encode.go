package httpapi

import (
	"strconv"
	"time"

	"pando/eventhistory"
	"pando/store"
)

// The order of fields is fixed: keys-api spec, section 10.

// event appends an event as the answer to a write, or as a line of a watch.
func (e *encoder) event(ev *eventhistory.Event) {
	e.raw(`{"action":"`)
	e.raw(ev.Action)
	e.raw(`","node":`)
	e.eventNode(&ev.Node)
	if ev.PrevNode != nil {
		e.raw(`,"prevNode":`)
		e.eventNode(ev.PrevNode)
	}
	e.raw("}\n")
}

func (e *encoder) eventNode(n *eventhistory.Node) {
	e.raw(`{"key":"`)
	e.string(shown(n.Key))
	e.raw(`"`)
	if n.Value != nil {
		e.raw(`,"value":"`)
		e.string(*n.Value)
		e.raw(`"`)
	}
	if n.Dir {
		e.raw(`,"dir":true`)
	}
	e.expiration(n.Expiration)
	e.ttl(n.TTL)
	e.indexes(n.ModifiedIndex, n.CreatedIndex)
	e.raw("}")
}

// encodeEvent returns an event's line in memory of its own, to be shared by all watchers that get it.
func encodeEvent(ev *eventhistory.Event) []byte {
	var e encoder
	e.event(ev)
	return e.buf
}

// expiration appends a point in time in nanoseconds since 1970; 0 is none.
func (e *encoder) expiration(unixNano int64) {
	if unixNano == 0 {
		return
	}
	e.raw(`,"expiration":"`)
	e.buf = time.Unix(0, unixNano).UTC().AppendFormat(e.buf, time.RFC3339Nano)
	e.raw(`"`)
}

// ttl appends remaining seconds; none are shown when there are 0.
func (e *encoder) ttl(seconds int64) {
	if seconds != 0 {
		e.raw(`,"ttl":`)
		e.buf = strconv.AppendInt(e.buf, seconds, 10)
	}
}

// indexes appends both indexes of a node. The root has none.
func (e *encoder) indexes(modified, created uint64) {
	if modified != 0 {
		e.raw(`,"modifiedIndex":`)
		e.uint(modified)
	}
	if created != 0 {
		e.raw(`,"createdIndex":`)
		e.uint(created)
	}
}

// error appends an error as the keys API shows it. Causes that are paths lose the prefix of the key space.
func (e *encoder) error(err *store.Error) {
	e.raw(`{"errorCode":`)
	e.uint(uint64(err.Code))
	e.raw(`,"message":"`)
	e.string(err.Message)
	e.raw(`"`)
	if cause := shown(err.Cause); cause != "" {
		e.raw(`,"cause":"`)
		e.string(cause)
		e.raw(`"`)
	}
	e.raw(`,"index":`)
	e.uint(err.Index)
	e.raw("}\n")
}
