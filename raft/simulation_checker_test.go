package raft

import (
	"fmt"
	"hash/fnv"
	"slices"

	"go.etcd.io/raft/v3/raftpb"
)

// checker holds what must be true of all members at all times. The first violation counts.
type checker struct {
	violation string

	leader   map[uint64]uint64         // of each term
	logs     map[[2]uint64]loggedEntry // by index and term: log matching
	chain    map[uint64]chained        // the commands, by index: state machine safety
	order    []uint64                  // their indexes
	commands map[uint64]uint64         // the index of each, by ID

	acked   map[uint64]uint64 // commands that were answered with success, and their index
	never   map[uint64]string // commands that must not be carried out, and why
	visible uint64            // index of the last command that somebody was told of

	confs     map[uint64]string // the membership behind each change
	lastConf  *raftpb.ConfState
	lastIndex uint64               // of lastConf
	changed   map[uint64]uint64    // membership changes that were carried out: their index by the ID in the log
	attempts  map[*change][]uint64 // IDs in the log of each change that was asked for
	refused   map[*change]error
}

type loggedEntry struct {
	sum      uint64
	prevTerm uint64 // of the entry in front of it
}

type chained struct{ term, id, sum uint64 }

func newChecker() checker {
	return checker{
		leader: map[uint64]uint64{}, logs: map[[2]uint64]loggedEntry{}, chain: map[uint64]chained{}, commands: map[uint64]uint64{},
		acked: map[uint64]uint64{}, never: map[uint64]string{},
		confs: map[uint64]string{}, changed: map[uint64]uint64{}, attempts: map[*change][]uint64{}, refused: map[*change]error{},
		lastConf: &raftpb.ConfState{},
	}
}

func (c *checker) fail(format string, args ...any) {
	if c.violation == "" {
		c.violation = fmt.Sprintf(format, args...)
	}
}

// leaders: at most one in a term. It also sees under which ID a membership change goes into the log.
func (c *checker) leaders(m *simMember) {
	l := m.node.loop
	if l.leading {
		if other, known := c.leader[l.term]; known && other != m.id {
			c.fail("members %d and %d both lead in term %d", other, m.id, l.term)
		}
		c.leader[l.term] = m.id
	}
	if ch := l.changes.current; ch != nil {
		if ids := c.attempts[ch]; len(ids) == 0 || ids[len(ids)-1] != ch.id {
			c.attempts[ch] = append(ids, ch.id)
		}
	}
}

// stored: entries with the same index and term are the same, and so are those in front of them.
func (c *checker) stored(m *simMember, w diskWork) {
	terms := map[uint64]uint64{}
	for _, msg := range w.messages {
		for _, e := range msg.GetEntries() {
			prev, known := terms[e.GetIndex()-1]
			if !known {
				t, err := m.node.loop.storage.Term(e.GetIndex() - 1)
				if known = err == nil; known {
					prev = t
				}
			}
			terms[e.GetIndex()] = e.GetTerm()
			if known {
				c.logged(m, e, prev)
			}
		}
	}
}

func (c *checker) logged(m *simMember, e *raftpb.Entry, prevTerm uint64) {
	h := fnv.New64a()
	h.Write([]byte{byte(e.GetType())})
	h.Write(e.GetData())
	key, now := [2]uint64{e.GetIndex(), e.GetTerm()}, loggedEntry{sum: h.Sum64(), prevTerm: prevTerm}
	if other, known := c.logs[key]; known && other != now {
		c.fail("member %d stores at index %d of term %d something else than another member (behind term %d and %d)",
			m.id, e.GetIndex(), e.GetTerm(), now.prevTerm, other.prevTerm)
	}
	c.logs[key] = now
}

// applied: all members apply the same command at the same index, each command once, in the
// order of their terms, and none that was refused.
func (c *checker) applied(m *simMember, index, term, id uint64, s ledgerState) {
	now := chained{term: term, id: id, sum: s.Sum}
	if other, known := c.chain[index]; known {
		if other != now {
			c.fail("member %d applies at index %d command %d of term %d (sum %x), another member command %d of term %d (sum %x)",
				m.id, index, id, term, s.Sum, other.id, other.term, other.sum)
		}
		return
	}
	if n := len(c.order); n > 0 {
		if last := c.order[n-1]; index < last || term < c.chain[last].term {
			c.fail("member %d applies index %d of term %d that nobody knew, behind index %d of term %d", m.id, index, term, last, c.chain[last].term)
		}
	}
	if first, twice := c.commands[id]; twice {
		c.fail("command %d was applied at index %d and again at %d", id, first, index)
	}
	if why, is := c.never[id]; is {
		c.fail("command %d is applied at index %d, though %s", id, index, why)
	}
	c.chain[index], c.commands[id] = now, index
	c.order = append(c.order, index)
}

// published: what readers see at an index is what everybody sees there.
func (c *checker) published(m *simMember, index uint64, s ledgerState) {
	n, found := slices.BinarySearch(c.order, index)
	if found {
		n++
	}
	want := uint64(0)
	if n > 0 {
		want = c.order[n-1]
	}
	if s.Index != want || s.Sum != c.chain[want].sum || s.Count != n {
		c.fail("member %d shows at index %d %d commands up to %d (sum %x); there are %d up to %d (sum %x)",
			m.id, index, s.Count, s.Index, s.Sum, n, want, c.chain[want].sum)
	}
}

// answered: a command was answered with success.
func (c *checker) answered(m *simMember, id, index uint64) {
	if at, ok := c.commands[id]; !ok || at != index {
		c.fail("member %d answers command %d with index %d; it is applied at %d", m.id, id, index, at)
	}
	c.acked[id] = index
	c.visible = max(c.visible, index)
}

// forbid: a command must not be carried out any more.
func (c *checker) forbid(id uint64, why string) {
	if at, ok := c.commands[id]; ok {
		c.fail("command %d was applied at index %d, though %s", id, at, why)
	}
	c.never[id] = why
}

// confApplied: the same membership behind the same index, and no change twice.
func (c *checker) confApplied(m *simMember, q confAsk, conf *raftpb.ConfState) {
	now := describeConf(conf)
	if other, known := c.confs[q.index]; known && other != now && q.index >= uint64(len(m.s.member(1).boot)) {
		// Within the bootstrap the library knows all members from the first one on, but not after a restart.
		c.fail("the membership at index %d is %s at member %d, and %s at another", q.index, now, m.id, other)
	}
	c.confs[q.index] = now
	if q.index > c.lastIndex {
		c.lastIndex, c.lastConf = q.index, conf
	}
	if id := q.cc.GetId(); id != 0 && q.cc.GetNodeId() != 0 {
		if at, twice := c.changed[id]; twice && at != q.index {
			c.fail("membership change %x is carried out at index %d and again at %d", id, at, q.index)
		}
		c.changed[id] = q.index
	}
}

// changeEnded keeps what a membership change was answered.
func (c *checker) changeEnded(ch *change, err error) {
	if err != nil {
		c.refused[ch] = err
		return
	}
	if len(c.carriedOut(ch)) != 1 {
		c.fail("a membership change (kind %d of %d) was answered with success, and carried out %d times", ch.Kind, ch.ID, len(c.carriedOut(ch)))
	}
}

func (c *checker) carriedOut(ch *change) (at []uint64) {
	for _, id := range c.attempts[ch] {
		if index, ok := c.changed[id]; ok {
			at = append(at, index)
		}
	}
	return at
}

// end is what must be true when everything has come to rest.
func (c *checker) end() {
	for id, index := range c.acked {
		if at, ok := c.commands[id]; !ok || at != index {
			c.fail("command %d was answered at index %d and is lost", id, index)
		}
	}
	for ch, err := range c.refused {
		if at := c.carriedOut(ch); len(at) > 0 {
			c.fail("a membership change (kind %d of %d) was answered with %q, and carried out at %v", ch.Kind, ch.ID, err, at)
		}
	}
	for ch := range c.attempts {
		if at := c.carriedOut(ch); len(at) > 1 {
			c.fail("a membership change (kind %d of %d) was carried out at %v", ch.Kind, ch.ID, at)
		}
	}
}
