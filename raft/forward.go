package raft

import (
	"errors"
	"slices"
	"time"

	etcdraft "go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

// Proposals across elections and lost messages (replication design, section 2).
//
// The library's own forwarding carries no term, so nobody could tell whether a
// proposal may still be carried out. Ours is stamped with the term that it was
// proposed in, and only the leader of that term takes it. Within the term a
// forwarded batch is sent again until it has been seen applied: batches are
// numbered, and the leader takes each number once and in order. Once an entry of
// a higher term has been applied here, a stamped proposal that was not applied
// never will be: it is proposed again in the new term, exactly as it was.
//
// A forwarded batch is a MsgProp whose Index is the batch's number in that term, whose
// Commit is the oldest number that the sender still waits for, and whose LogTerm is
// the sender's life: a number drawn when its process started, because it then begins
// to count anew. Its Term is the stamp less one: an etcd that leads that term, because it has taken a Pando's
// place, drops what seems to come from an earlier one, instead of appending it as
// often as it is sent.
//
// An etcd gets a stock MsgProp, without a stamp and once: nobody can tell whether it
// may still be carried out, so it is never proposed again.

// forwarding is the sender's side: the batches of one term that may be unknown to
// its leader. Loop only.
type forwarding struct {
	life    uint64
	term    uint64
	number  uint64 // of the last batch
	batches []batch
	oldest  uint64 // the batch that was waited for when they were sent again
	waited  int    // ticks since then
	pause   int    // ticks until they are again: more each time, while nothing is applied
}

type batch struct {
	number    uint64
	proposals []*proposal
}

// received is the leader's side: what it has taken from one life of a member in its
// term. What an earlier life has sent may come later than the first of the next one.
type received struct{ life, number uint64 }

// maxLives bounds the lives of one member that a leader tells apart (a count).
const maxLives = 16

// receivedFrom is what this leader has taken from the sender of a forwarded batch.
func (l *loop) receivedFrom(m *raftpb.Message) *received {
	lives := l.received[m.GetFrom()]
	for i := range lives {
		if lives[i].life == m.GetLogTerm() {
			return &lives[i]
		}
	}
	if len(lives) == maxLives {
		lives = slices.Delete(lives, 0, 1)
	}
	lives = append(lives, received{life: m.GetLogTerm()})
	l.received[m.GetFrom()] = lives
	return &lives[len(lives)-1]
}

// propose steps what is queued if this member leads, and hands it to the leader
// if another does. Without a leader everything waits, and with one that has lost
// touch with the others too: what it appends would come true after its error.
func (l *loop) propose() {
	switch {
	case !l.leading && !l.knowsLeader():
	case !l.leading && l.rules.isPando(l.lead):
		l.forward()
	case !l.leading:
		l.forwardOnce()
	case !l.patientWithDisk() && !l.outOfTouch && !l.rules.changing && !l.n.queue.empty():
		l.stepBatch(l.current(l.n.queue.take()))
	}
}

// knowsLeader reports whether there is another leader of which it is known here what it
// is. Before an entry of its term that may be what was there before its time: taken for a
// Pando it gets stamped batches, and may take them; taken for an etcd later it would get
// them again.
func (l *loop) knowsLeader() bool { return l.lead != 0 && l.settled >= l.term && l.leaderStays() }

// leaderStays reports whether the leader has not been removed, as far as is known here. One
// that has been still leads for a moment: it gets nothing new, and nothing again.
func (l *loop) leaderStays() bool { return slices.Contains(l.conf.GetVoters(), l.lead) }

// stepBatch appends a batch to this leader's log.
func (l *loop) stepBatch(ps []*proposal) {
	if len(ps) == 0 {
		return
	}
	id := l.n.meta.NodeID
	m := &raftpb.Message{Type: raftpb.MsgProp.Enum(), From: &id, Entries: asEntries(ps)}
	now := time.Now()
	for _, p := range ps {
		p.stamp = l.term
		p.proposed.set(now)
		l.foreigners = l.foreigners || p.foreignTerm != 0
	}
	switch err := l.rn.Step(m); {
	case errors.Is(err, etcdraft.ErrProposalDropped):
		for _, p := range ps {
			p.stamp = 0
		}
		l.n.queue.putBack(ps) // too much uncommitted, or leadership is moving: later
	case err != nil:
		l.n.fail(err)
	}
}

// asEntries are proposals as the library takes them.
func asEntries(ps []*proposal) []*raftpb.Entry {
	room, all := make([]raftpb.Entry, len(ps)), make([]*raftpb.Entry, len(ps))
	normal := raftpb.EntryNormal.Enum()
	for i, p := range ps {
		all[i] = &room[i]
		all[i].Type, all[i].Data = normal, p.data
	}
	return all
}

// current leaves out what other members sent to the leader of another term.
func (l *loop) current(ps []*proposal) []*proposal {
	kept := ps[:0]
	for _, p := range ps {
		if p.foreignTerm == 0 || p.foreignTerm == l.term && l.leading {
			kept = append(kept, p)
		}
	}
	return kept
}

// forward sends everything that is queued to the leader.
func (l *loop) forward() {
	f := &l.forwarding
	if f.term != l.term {
		f.term, f.number, f.batches, f.oldest, f.waited, f.pause = l.term, 0, nil, 0, 0, 1
	}
	for !l.n.queue.empty() {
		ps := l.current(l.n.queue.take())
		if len(ps) == 0 {
			continue
		}
		now := time.Now()
		for _, p := range ps {
			p.stamp = l.term
			p.proposed.set(now)
		}
		f.number++
		b := batch{number: f.number, proposals: ps}
		f.batches = append(f.batches, b)
		l.sendBatch(b)
	}
}

func (l *loop) sendBatch(b batch) {
	id, to, term, life := l.n.meta.NodeID, l.lead, l.forwarding.term-1, l.forwarding.life
	oldest := l.forwarding.batches[0].number
	m := &raftpb.Message{
		Type: raftpb.MsgProp.Enum(), From: &id, To: &to,
		Term: &term, Index: &b.number, Commit: &oldest, LogTerm: &life,
		Entries: asEntries(b.proposals),
	}
	l.outbox.add(m)
}

// resend forgets the batches that have been applied and sends the others again,
// without the proposals whose callers have left. Each tick calls it.
func (l *loop) resend() {
	f := &l.forwarding
	kept := f.batches[:0]
	for _, b := range f.batches {
		// An empty batch is still sent while others wait around it: numbers have no gaps.
		b.proposals = l.n.waiters.waiting(b.proposals)
		if len(b.proposals) > 0 || len(kept) > 0 {
			kept = append(kept, b)
		}
	}
	clear(f.batches[len(kept):])
	f.batches = kept
	if len(f.batches) == 0 || f.term != l.term || l.leading || l.lead == 0 {
		f.waited, f.pause = 0, 1
		return
	}
	if l.leaderStays() && !l.rules.isPando(l.lead) { // it has taken none of them, and never will
		l.takeBack()
		return
	}
	if oldest := f.batches[0].number; oldest != f.oldest {
		f.oldest, f.pause = oldest, 1
	}
	if f.waited++; f.waited < f.pause {
		return
	}
	// A leader that is slow has them perhaps, and must not choke on them.
	f.waited, f.pause = 0, min(2*f.pause, int(l.electionTicks()+1)/2)
	for _, b := range f.batches {
		l.sendBatch(b)
	}
}

// takeForwarded queues the proposals of another member, if this one leads in the
// term that they are stamped with and they are the next of that member's.
// Everything else is dropped: the sender sends it again.
func (l *loop) takeForwarded(m *raftpb.Message) {
	if m.GetTerm() == 0 {
		l.takeFromEtcd(m)
		return
	}
	if !l.leading || l.outOfTouch || m.GetTerm() != l.term-1 {
		return
	}
	last := l.receivedFrom(m)
	// Nobody waits for what is older than that: it was applied, or was lost and is given up.
	next := max(last.number+1, m.GetCommit())
	if m.GetIndex() != next {
		return
	}
	if l.n.queue.putAll(l.foreign(m)) != nil {
		return
	}
	last.number = next
}

// proposeAgain queues the waiting proposals that an applied entry of the given
// term has made impossible, in the order in which they came.
func (l *loop) proposeAgain(term uint64) {
	if term <= l.settled {
		return
	}
	l.settled = term
	if ps := l.n.waiters.stampedBefore(term); len(ps) > 0 {
		l.n.queue.putBack(ps)
	}
}

// foreign are the proposals of a message, for the leader of this term.
func (l *loop) foreign(m *raftpb.Message) []*proposal {
	ps := make([]*proposal, 0, len(m.GetEntries()))
	for _, e := range m.GetEntries() {
		if e.GetType() == raftpb.EntryNormal && len(e.GetData()) > 0 {
			ps = append(ps, &proposal{data: e.GetData(), foreignTerm: l.term})
		}
	}
	return ps
}
