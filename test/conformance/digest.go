package conformance

import "pando/test/conformance/ordered"

// summary says of a stream what does not depend on the order in which writers came.
func summary(r *reply) ordered.Object {
	seen, ascending, last := map[uint64]bool{}, true, uint64(0)
	for _, d := range r.docs {
		o, _ := d.(ordered.Object)
		n, _ := index(o.Sub("node"), "modifiedIndex")
		ascending = ascending && n >= last
		last, seen[n] = n, true
	}
	return ordered.Object{{Name: "events", Value: number(len(r.docs))}, {Name: "ascending", Value: ascending},
		{Name: "distinct", Value: number(len(seen))}}
}

// slow says what a reader got that let the server wait: some events, all, the last one.
func slow(st *Step, r *reply) ordered.Object {
	last, _ := r.lastDocument().Sub("node").Get("value")
	return ordered.Object{{Name: "got_some", Value: len(r.docs) > 20}, {Name: "got_all", Value: len(r.docs) >= st.Events},
		{Name: "got_last", Value: last == "small"}}
}
