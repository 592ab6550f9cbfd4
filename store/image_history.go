package store

import (
	"strconv"

	"pando/eventhistory"
)

// history writes the window of past events as etcd's ring. Events has exactly Capacity elements, because etcd 2.3.8 indexes
// past the end of a shorter array; the unused ones are null.
func (w *imageWriter) history(i *Image) {
	events := i.events[max(0, len(i.events)-i.capacity):]
	w.raw(`,"WatcherHub":{"EventHistory":{"Queue":{"Events":[`)
	for slot := range i.capacity {
		if slot > 0 {
			w.raw(`,`)
		}
		if slot < len(events) {
			w.event(events[slot])
		} else {
			w.raw(`null`)
		}
		w.flushFull()
	}
	w.raw(`],"Size":`)
	w.number(uint64(len(events)))
	w.raw(`,"Front":0,"Back":`)
	w.number(uint64(len(events) % i.capacity))
	w.raw(`,"Capacity":`)
	w.number(uint64(i.capacity))
	w.raw(`},"StartIndex":`)
	w.number(i.index + 1 - uint64(len(events)))
	w.raw(`,"LastIndex":`)
	w.number(i.index)
	w.raw(`}}`)
}

func (w *imageWriter) event(e *eventhistory.Event) {
	w.raw(`{"action":"`)
	w.raw(e.Action)
	w.raw(`","node":`)
	w.eventNode(&e.Node)
	if e.PrevNode != nil {
		w.raw(`,"prevNode":`)
		w.eventNode(e.PrevNode)
	}
	if e.Refresh {
		w.raw(`,"refresh":true`)
	}
	w.raw(`}`)
}

// eventNode writes a node as replies show it, in the order of the keys API (keys-api spec, section 10).
func (w *imageWriter) eventNode(n *eventhistory.Node) {
	w.raw(`{"key":"`)
	w.text(n.Key)
	if w.raw(`"`); n.Value != nil {
		w.raw(`,"value":"`)
		w.text(*n.Value)
		w.raw(`"`)
	}
	if n.Dir {
		w.raw(`,"dir":true`)
	}
	if n.Expiration != 0 {
		w.raw(`,"expiration":`)
		w.time(n.Expiration)
	}
	if n.TTL != 0 {
		w.raw(`,"ttl":`)
		w.buf = strconv.AppendInt(w.buf, n.TTL, 10)
	}
	w.raw(`,"modifiedIndex":`)
	w.number(n.ModifiedIndex)
	w.raw(`,"createdIndex":`)
	w.number(n.CreatedIndex)
	w.exact(`,"pandoKey":`, n.Key)
	if n.Value != nil {
		w.exact(`,"pandoValue":`, *n.Value)
	}
	w.raw(`}`)
}
