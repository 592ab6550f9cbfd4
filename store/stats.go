package store

import "sync/atomic"

// Stats are etcd's counters of operations, in the order and with the names of etcd's JSON.
type Stats struct {
	GetSuccess              uint64 `json:"getsSuccess"`
	GetFail                 uint64 `json:"getsFail"`
	SetSuccess              uint64 `json:"setsSuccess"`
	SetFail                 uint64 `json:"setsFail"`
	DeleteSuccess           uint64 `json:"deleteSuccess"`
	DeleteFail              uint64 `json:"deleteFail"`
	UpdateSuccess           uint64 `json:"updateSuccess"`
	UpdateFail              uint64 `json:"updateFail"`
	CreateSuccess           uint64 `json:"createSuccess"`
	CreateFail              uint64 `json:"createFail"`
	CompareAndSwapSuccess   uint64 `json:"compareAndSwapSuccess"`
	CompareAndSwapFail      uint64 `json:"compareAndSwapFail"`
	CompareAndDeleteSuccess uint64 `json:"compareAndDeleteSuccess"`
	CompareAndDeleteFail    uint64 `json:"compareAndDeleteFail"`
	ExpireCount             uint64 `json:"expireCount"`
	// Watchers is the number of watchers at this moment; it is not restored from a snapshot.
	Watchers uint64 `json:"watchers"`
}

// operation is what the counters tell apart.
type operation int

const (
	opGet          operation = iota
	opGetRecursive           // not through the log; Stats has it among the gets
	opSet
	opDelete
	opUpdate
	opCreate
	opCompareAndSwap
	opCompareAndDelete
	opExpire
	operations
)

// counters are the Stats as they are counted. Gets are counted by any goroutine, the others by the one that applies;
// any may read them.
type counters [operations]struct {
	success, fail atomic.Uint64 // in this process
	// What the snapshot that was restored last adds to make them the Stats. It may be less than nothing: it is added modulo 2^64.
	givenSuccess, givenFail atomic.Uint64
}

func (c *counters) count(op operation, success bool) {
	if success {
		c[op].success.Add(1)
	} else {
		c[op].fail.Add(1)
	}
}

// Count is how often an operation succeeded and failed.
type Count struct{ Success, Fail uint64 }

// actions are the operations under the names that etcd's metrics give them.
var actions = [operations]string{
	opGet: "get", opGetRecursive: "getRecursive", opSet: actionSet, opDelete: actionDelete, opUpdate: actionUpdate, opCreate: actionCreate,
	opCompareAndSwap: actionCompareAndSwap, opCompareAndDelete: actionCompareAndDelete, opExpire: actionExpire,
}

// Counted returns by action what was counted in this process, unlike Stats, which goes on from the snapshot. Any goroutine may
// call it.
func (s *Store) Counted() map[string]Count {
	all := make(map[string]Count, operations)
	for op, name := range actions {
		all[name] = Count{s.stats[op].success.Load(), s.stats[op].fail.Load()}
	}
	return all
}

// countResult counts a command the way etcd 2.3.8 does. It counts some refusals as successes, and a create that meets a
// file on its way as a failed set too; the counters are in the snapshot, so this has to be followed.
func (c *counters) countResult(op operation, err *Error) {
	c.count(op, err == nil || countedAsSuccess(op, err.Code))
	if err != nil && op == opCreate && err.Code == CodeNotDir {
		c.count(opSet, false)
	}
}

func countedAsSuccess(op operation, code int) bool {
	switch op {
	case opDelete, opCompareAndSwap:
		return code == CodeRootReadOnly
	case opUpdate:
		return code == CodeRootReadOnly || code == CodeNotFile
	case opCompareAndDelete:
		return code == CodeNotFile || code == CodeCompareFailed
	}
	return false
}

// pairs names the counters of each operation in s.
func (s *Stats) pairs() [operations][2]*uint64 {
	var unused [3]uint64
	return [operations][2]*uint64{
		opGet:              {&s.GetSuccess, &s.GetFail},
		opGetRecursive:     {&unused[0], &unused[1]},
		opSet:              {&s.SetSuccess, &s.SetFail},
		opDelete:           {&s.DeleteSuccess, &s.DeleteFail},
		opUpdate:           {&s.UpdateSuccess, &s.UpdateFail},
		opCreate:           {&s.CreateSuccess, &s.CreateFail},
		opCompareAndSwap:   {&s.CompareAndSwapSuccess, &s.CompareAndSwapFail},
		opCompareAndDelete: {&s.CompareAndDeleteSuccess, &s.CompareAndDeleteFail},
		opExpire:           {&s.ExpireCount, &unused[2]},
	}
}

func (c *counters) total(op operation) (success, fail uint64) {
	return c[op].success.Load() + c[op].givenSuccess.Load(), c[op].fail.Load() + c[op].givenFail.Load()
}

func (c *counters) load() Stats {
	var s Stats
	for op, p := range s.pairs() {
		*p[0], *p[1] = c.total(operation(op))
	}
	success, fail := c.total(opGetRecursive)
	s.GetSuccess += success
	s.GetFail += fail
	return s
}

func (c *counters) restore(s Stats) {
	for op, p := range s.pairs() {
		c[op].givenSuccess.Store(*p[0] - c[op].success.Load())
		c[op].givenFail.Store(*p[1] - c[op].fail.Load())
	}
}
