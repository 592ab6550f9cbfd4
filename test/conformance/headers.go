package conformance

import (
	"regexp"
	"slices"
	"strconv"

	"pando/test/conformance/ordered"
)

// coreHeaders always count: each must be there if the golden has it and must not be if the golden lacks it.
var coreHeaders = []string{"content-type", "allow", "location", "x-etcd-cluster-id", "x-etcd-index", "x-raft-index", "x-raft-term"}

var clusterID = regexp.MustCompile(`^[0-9a-f]{1,16}$`)

func (k *checker) headers(golden ordered.Object, r *reply) {
	for _, name := range slices.Concat(coreHeaders, k.a.req.CheckHeaders) {
		v, _ := golden.Get(name)
		want, wanted := v.(string) // null for one that must be absent
		got, present := r.Get(name)
		if wanted != present {
			k.Say("headers."+name, "want %s got %s", ordered.Brief(v), ordered.Brief(optional(present, got)))
			continue
		}
		if present && !k.header(name, want, got, r) {
			k.Say("headers."+name, "want %s got %s", want, got)
		}
	}
}

// header compares the value of a header that is there.
func (k *checker) header(name, want, got string, r *reply) bool {
	switch {
	case name == "x-etcd-cluster-id" && want == "id":
		return clusterID.MatchString(got)
	case (name == "x-raft-index" || name == "x-raft-term") && want == "n":
		n, err := strconv.ParseUint(got, 10, 64)
		return err == nil && n > 0
	case name == "x-etcd-index":
		n, err := strconv.ParseUint(got, 10, 64)
		return err == nil && k.etcdIndex(want, n, r)
	}
	return k.text(want) == got
}

// etcdIndex compares the header X-Etcd-Index.
func (k *checker) etcdIndex(want string, n uint64, r *reply) bool {
	switch want {
	case "0":
		return n == 0
	case "=modifiedIndex":
		modified, ok := index(r.lastDocument().Sub("node"), "modifiedIndex")
		return ok && r.kind == isJSON && n == modified
	case "ok":
		return n != 0 && n >= k.lowest(r)
	}
	exact, err := k.number(want)
	return err == nil && n == exact
}

// lowest is what the index of an answer may not be below. A watch shows the index of when it began, which what it
// brings is above; any other answer is at least as new as all that was seen before and as all that it shows.
func (k *checker) lowest(r *reply) uint64 {
	if k.a.req.Async || k.a.req.Watch {
		return k.base
	}
	least := k.a.floor
	for n := range indexes(r.docs) {
		least = max(least, n)
	}
	return least
}
