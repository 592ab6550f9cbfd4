package store

import (
	"cmp"
	"slices"

	"pando/eventhistory"
)

// history reads the ring of past events. Their indexes say in which order they were; where the ring began does not matter.
func (d *decoder) history(state *restored) {
	d.inside("EventHistory", func() {
		d.inside("Queue", func() {
			d.inside("Events", func() {
				for d.open('['); d.element(); {
					if !d.null() {
						state.events = append(state.events, d.event())
					}
				}
			})
		})
	})
	slices.SortFunc(state.events, func(a, b *eventhistory.Event) int { return cmp.Compare(a.Index(), b.Index()) })
}

// inside reads one field of an object and passes over the others.
func (d *decoder) inside(name string, read func()) {
	for d.open('{'); d.field(); {
		if string(d.token) == name {
			read()
		} else {
			d.skip()
		}
	}
}

func (d *decoder) event() *eventhistory.Event {
	e := &eventhistory.Event{}
	for d.open('{'); d.field(); {
		switch string(d.token) {
		case "action":
			e.Action = d.action()
		case "node":
			e.Node = d.eventNode()
		case "prevNode":
			if !d.null() {
				n := d.eventNode()
				e.PrevNode = &n
			}
		case "refresh":
			e.Refresh = d.bool()
		default:
			d.skip()
		}
	}
	if e.Action == "" || e.Node.Key == "" || e.Node.ModifiedIndex == 0 {
		d.fail("an event without action, key or index")
	}
	return e
}

// action reads what happened. Only what has a name can have happened: answers and images write it as it is.
func (d *decoder) action() string {
	d.text()
	for _, a := range actions {
		if a == string(d.token) {
			return a
		}
	}
	d.fail("%.40q is no action", d.token)
	return ""
}

func (d *decoder) eventNode() (n eventhistory.Node) {
	var key, value string // what they really are, where the other fields cannot say it
	for d.open('{'); d.field(); {
		switch string(d.token) {
		case "key":
			n.Key = d.string()
		case "value":
			v := d.string()
			n.Value = &v
		case "dir":
			n.Dir = d.bool()
		case "expiration":
			n.Expiration = d.time()
		case "ttl":
			n.TTL = d.int()
		case "modifiedIndex":
			n.ModifiedIndex = d.uint()
		case "createdIndex":
			n.CreatedIndex = d.uint()
		case "pandoKey":
			key = d.exact()
		case "pandoValue":
			value = d.exact()
		default:
			d.skip()
		}
	}
	if key != "" {
		n.Key = key
	}
	if value != "" {
		n.Value = &value
	}
	return n
}
