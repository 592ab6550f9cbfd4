package raft

import (
	"slices"

	"go.etcd.io/raft/v3/raftpb"
)

// feedDisk gives the disk everything that queues for it, as one batch. A batch
// that nobody waits for (a commit index alone) waits for company.
func (l *loop) feedDisk() {
	if anyResponse(l.appends) || l.changes.unsettled() {
		l.feedCommit()
	}
}

// feedCommit writes a commit index that found no company within a tick: tools that
// copy the log of a running member, and etcd 2.3, take the stored one at its word.
func (l *loop) feedCommit() {
	if len(l.writing) > 0 {
		return
	}
	if len(l.appends) == 0 {
		if !l.changes.unsettled() {
			return
		}
		l.appends = []*raftpb.Message{{}} // what was written is to be durable
	}
	// A snapshot is a batch of its own: the log breaks off in front of it.
	n := slices.IndexFunc(l.appends, hasSnapshot)
	var w diskWork
	switch n {
	case -1:
		n = len(l.appends)
	case 0:
		n, w.install = 1, l.incoming
	}
	w.messages = l.appends[:n:n]
	if n == len(l.appends) {
		w.settle = l.changes.unsettled()
		l.changes.settling = l.changes.applied
	}
	l.writing, l.appends = w.messages, slices.Clone(l.appends[n:])
	l.diskBusy, l.diskTick, l.queued = true, l.changes.ticks, entryBytes(l.appends...)
	if l.manned {
		l.toWrite = &w // the turn ends first
	} else {
		l.n.disk.work <- w
	}
}

// ballot is the part of a hard state that must be durable before anything that depends on it.
type ballot struct{ term, vote uint64 }

// answerDurable gives the answers that need no write: those to what a follower had before.
// What else came with them is a commit index, which waits for company. It reports whether
// the library has something to say to that.
func (l *loop) answerDurable() bool {
	if len(l.writing) > 0 {
		return false
	}
	var answers, states []*raftpb.Message
	n := 0
	for ; n < len(l.appends); n++ {
		m := l.appends[n]
		if len(m.GetEntries()) > 0 || hasSnapshot(m) || m.Term != nil && l.durable != (ballot{m.GetTerm(), m.GetVote()}) {
			break
		}
		answers = append(answers, m.GetResponses()...)
		if m.Term != nil {
			m.Responses = nil
			states = append(states[:0], m)
		}
	}
	if len(answers) == 0 {
		return false
	}
	l.appends = append(states, l.appends[n:]...)
	for _, r := range answers {
		l.route(r)
	}
	return l.rn.HasReady()
}

func (l *loop) feedApplier() {
	if l.applying || len(l.applies) == 0 {
		return
	}
	l.applying = true
	w := applyWork{messages: l.applies}
	l.applies = nil
	if l.manned {
		l.toApply = &w // the turn ends first
	} else {
		l.n.apply.work <- w
	}
}

// entryBytes is the size of the entries in messages.
func entryBytes(ms ...*raftpb.Message) (n int) {
	for _, m := range ms {
		for _, e := range m.GetEntries() {
			n += len(e.GetData())
		}
	}
	return n
}
