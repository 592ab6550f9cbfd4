package raft

import (
	"slices"
	"time"

	"go.etcd.io/raft/v3/raftpb"
)

// commitDelay is how long followers may wait to hear that something is committed, if
// nobody is known to wait for it there. While writes come one after another, the next
// one tells them, and a message for each follower, which costs as much as the one with the
// entry, is saved.
const commitDelay = 2 * time.Millisecond

// outbox is what is for other members. Loop only.
type outbox struct {
	messages []*raftpb.Message // sent at the end of a round
	held     []*raftpb.Message // a leader's that only tell what is committed, the last one for each follower
	since    time.Time         // when the first of them was held
	awaited  []uint64          // the last entries of batches that came from followers, until they are told

	later func(time.Duration) bool // calls tellCommits after that time
	armed bool                     // it will
	now   bool                     // nothing is held any longer
}

func (o *outbox) add(m *raftpb.Message) { o.messages = append(o.messages, m) }

// sendOut passes what is for other members on, or holds it.
func (l *loop) sendOut() {
	o := &l.outbox
	if len(o.messages) == 0 && !o.now {
		return
	}
	all, empty := append(o.held, o.messages...), len(o.held) == 0
	hold := l.mayHold(all)
	o.messages, o.held, o.now = nil, nil, false
	var out []*raftpb.Message
	for i, m := range all {
		switch {
		case overtaken(m, all[i+1:]):
		case hold && tellsCommit(m):
			o.held = append(o.held, m)
		default:
			out = append(out, m)
		}
	}
	if len(o.held) > 0 && empty {
		o.since = l.n.cfg.world.now()
	}
	if len(o.held) > 0 && !o.armed {
		o.armed = true
		o.later(commitDelay)
	}
	if len(out) > 0 {
		l.n.transport.Send(out)
	}
}

// tellsCommit reports whether all that m says to a follower is how much is committed.
func tellsCommit(m *raftpb.Message) bool {
	return m.GetType() == raftpb.MsgApp && len(m.GetEntries()) == 0
}

// overtaken reports whether one of the messages behind m says what it says.
func overtaken(m *raftpb.Message, behind []*raftpb.Message) bool {
	return tellsCommit(m) && slices.ContainsFunc(behind, func(b *raftpb.Message) bool {
		return b.GetType() == raftpb.MsgApp && b.GetTo() == m.GetTo() && b.GetTerm() == m.GetTerm() && b.GetCommit() >= m.GetCommit()
	})
}

// mayHold reports whether followers can wait for what is committed: none has a write or
// a membership change among it, and they are Pandos that lead a life without changes.
func (l *loop) mayHold(all []*raftpb.Message) bool {
	o := &l.outbox
	hold := !o.now && l.leading && l.rules.made > 0 && !l.rules.changing && l.changes.current == nil
	for _, m := range all {
		if m.GetType() != raftpb.MsgApp {
			continue
		}
		for len(o.awaited) > 0 && o.awaited[0] <= m.GetCommit() {
			o.awaited = o.awaited[1:]
			hold = false
		}
	}
	return hold
}

// tellCommits ends the wait of those who have waited long enough.
func (l *loop) tellCommits() {
	o := &l.outbox
	o.armed = false
	if len(o.held) == 0 {
		return
	}
	if left := commitDelay - l.n.cfg.world.now().Sub(o.since); left > 0 {
		o.armed = true
		o.later(left)
		return
	}
	o.now = true
}

// await notes that a follower waits for entries of this leader.
func (l *loop) await(entries []*raftpb.Entry) {
	if n := len(entries); n > 0 {
		l.outbox.awaited = append(l.outbox.awaited, entries[n-1].GetIndex())
	}
}
