package raft

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"pando/raft/wal"
)

// applier owns the state machine. Its goroutine applies what is worth waking it for.
type applier struct {
	mu    sync.Mutex // held by whoever applies
	n     *Node
	work  chan applyWork // capacity 1; closed by the loop when it ends
	done  chan published // capacity 1; one for each batch of work
	image chan struct{}  // capacity 1: somebody wants a snapshot and may find no entry coming

	at      wal.Position      // of the last applied entry
	conf    *raftpb.ConfState // as of that entry
	level   int               // of the cluster, as last published
	levels  Levels            // of its members
	guest   bool              // conf has this member as a learner that nobody added (see incoming.invite)
	orphan  bool              // the only voter was removed and another is still to be added
	results []applied         // of the batch under way
	quiet   bool              // nobody waits for those of the batch under way
	begun   time.Time         // when it began to be applied
	count   uint64            // entries applied since the last snapshot
}

// applyWork is either entries or a snapshot.
type applyWork struct {
	messages []*raftpb.Message
	install  *incoming
}

// published says that a batch has been applied and can be read.
type published struct {
	index, term uint64 // of its last entry
	messages    []*raftpb.Message
	installed   *incoming // it was a snapshot
	level       int       // of the cluster
	levels      Levels    // of its members
}

func newApplier(n *Node, st *opened) *applier {
	return &applier{
		n:      n,
		at:     st.snap,
		conf:   st.conf,
		level:  n.Level(),
		levels: n.sm.Levels(),
		work:   make(chan applyWork, 1),
		done:   make(chan published, 1), image: make(chan struct{}, 1),
	}
}

func (a *applier) run() {
	defer a.n.wg.Done()
	for {
		select {
		case w, ok := <-a.work:
			if !ok {
				return
			}
			a.mu.Lock()
			a.finish(w)
			a.n.loop.drive()
		case <-a.image:
			a.mu.Lock()
			a.nudged()
			a.mu.Unlock()
		}
	}
}

// finish applies a batch and says so. It gives mu back, which the caller has taken.
func (a *applier) finish(w applyWork) {
	p, ok := a.carryOut(w)
	a.mu.Unlock()
	if ok {
		a.done <- p
	}
}

const (
	// maxInline bounds the entries that are applied by whoever has the turn (a count),
	// maxInlineBytes their size. More are worth waking the apply goroutine for.
	maxInline      = 16
	maxInlineBytes = 64 << 10
)

// light reports whether entries are so few and of such a kind that applying them takes
// no time to speak of.
func (a *applier) light(w *applyWork) bool {
	count, size := 0, 0
	for _, m := range w.messages {
		for _, e := range m.GetEntries() {
			count++
			size += len(e.GetData())
			if count > maxInline || size > maxInlineBytes || e.GetType() != raftpb.EntryNormal || !a.n.sm.Light(e.GetData()) {
				return false
			}
		}
	}
	return w.install == nil
}

// carryOut applies a batch; false if that failed: the rest of the log must not be applied
// over a hole.
func (a *applier) carryOut(w applyWork) (published, bool) {
	if w.install != nil {
		return a.install(w.install), true
	}
	p, err := a.applyAll(w.messages)
	if err != nil && !errors.Is(err, ErrStopped) {
		a.n.fail(err)
	}
	return p, err == nil
}

// applyAll applies the entries of several MsgStorageApply as one batch, or as
// several if there are many.
func (a *applier) applyAll(ms []*raftpb.Message) (published, error) {
	p := published{messages: ms, level: a.level, levels: a.levels}
	if a.n.failure.Load() != nil {
		return p, ErrStopped
	}
	unpublished := 0
	a.begun = time.Now()
	a.quiet = a.replays(ms) && a.n.waiters.none() // who waits for what is in this batch has waited before it was proposed
	for _, m := range ms {
		for _, e := range m.GetEntries() {
			if err := a.applyEntry(e); err != nil {
				return p, err
			}
			p.index, p.term = e.GetIndex(), e.GetTerm()
			a.count++
			if unpublished++; unpublished >= maxPublished && a.watched() {
				a.publish(&p, unpublished)
				unpublished = 0
			}
		}
	}
	if unpublished > 0 {
		a.publish(&p, unpublished)
	}
	a.at = wal.Position{Index: p.index, Term: p.term}
	a.snapshotIfDue()
	return p, nil
}

// watched reports whether somebody may see what is published: not while the log is replayed, when one batch for all of it
// copies the least of the state.
func (a *applier) watched() bool {
	select {
	case <-a.n.ready:
		return true
	default:
		return false
	}
}

// replays reports whether a batch begins with what was committed when this member was started. Ready is not closed before such a
// batch has been published, which of others nobody knows: of what a leader sends to one that lags behind, for example.
func (a *applier) replays(ms []*raftpb.Message) bool {
	for _, m := range ms {
		if ents := m.GetEntries(); len(ents) > 0 {
			return ents[0].GetIndex() <= a.n.loop.replayTo
		}
	}
	return false
}

// nudge has the applier look whether a snapshot is due. Any goroutine may call it.
func (a *applier) nudge() {
	select {
	case a.image <- struct{}{}:
	default:
	}
}

func (a *applier) nudged() {
	if a.n.failure.Load() == nil && a.at.Index > 0 {
		a.snapshotIfDue()
	}
}

func (a *applier) snapshotIfDue() {
	if !a.orphan && a.n.snaps.due(a.count) {
		a.n.snaps.start(a.at.Index, a.at.Term, a.members())
		a.count = 0
	}
}

// members is the membership for a snapshot.
func (a *applier) members() *raftpb.ConfState {
	if !a.guest {
		return a.conf
	}
	self := a.n.meta.NodeID
	return &raftpb.ConfState{
		Voters:   a.conf.GetVoters(),
		Learners: slices.DeleteFunc(slices.Clone(a.conf.GetLearners()), func(id uint64) bool { return id == self }),
	}
}

// publish shows what was applied, in the order that readers rely on: history
// ring and View (Publish), waiting writers, watchers (Notify).
func (a *applier) publish(p *published, entries int) {
	a.levels = a.n.sm.Levels()
	a.level = levelOf(a.conf, a.levels, a.n.meta.NodeID)
	p.level, p.levels = a.level, a.levels
	a.n.level.Store(int32(a.level))
	a.n.sm.Publish(p.index, p.term)
	a.n.waiters.wake(a.results)
	clear(a.results)
	a.results = a.results[:0]
	a.n.sm.Notify()
	if entries > 0 { // else a snapshot was installed
		now := time.Now()
		a.n.cfg.Observer.Applied(entries, now.Sub(a.begun))
		a.begun = now
	}
}

func (a *applier) applyEntry(e *raftpb.Entry) error {
	switch e.GetType() {
	case raftpb.EntryConfChange:
		return a.applyConfChange(e)
	case raftpb.EntryConfChangeV2:
		return fmt.Errorf("log entry %d is a joint membership change, which no etcd 2 or Pando member writes: "+
			"the log comes from a cluster that cannot be taken over", e.GetIndex())
	}
	if len(e.GetData()) == 0 {
		return nil // the first entry of a leader's term
	}
	if a.quiet {
		if err := a.n.sm.Replay(e.GetIndex(), e.GetTerm(), e.GetData()); err != nil {
			return fmt.Errorf("log entry %d cannot be applied: %w", e.GetIndex(), err)
		}
		return nil
	}
	id, result, err := a.n.sm.Apply(e.GetIndex(), e.GetTerm(), e.GetData())
	if err != nil {
		return fmt.Errorf("log entry %d cannot be applied: %w", e.GetIndex(), err)
	}
	if id != 0 {
		a.results = append(a.results, applied{id: id, data: e.GetData(), result: result, begun: a.begun})
	}
	return nil
}

// applyConfChange stops applying until the loop has taken the change: whether it
// is valid depends on the tree, what it means for replication on the loop.
func (a *applier) applyConfChange(e *raftpb.Entry) error {
	var cc raftpb.ConfChange
	if err := proto.Unmarshal(e.GetData(), &cc); err != nil {
		return fmt.Errorf("log entry %d holds no readable membership change: %w", e.GetIndex(), err)
	}
	a.applyOrIgnore(&cc)
	learners := len(a.conf.GetLearners())
	q := confAsk{cc: &cc, index: e.GetIndex(), answer: make(chan *raftpb.ConfState, 1)}
	if err := a.n.cfg.world.askLoop(a.n.loop, q); err != nil {
		return err
	}
	a.conf = <-q.answer
	a.guest = a.guest && cc.GetNodeId() != a.n.meta.NodeID
	if learners > 0 && len(a.conf.GetLearners()) == 0 {
		a.n.RequestSnapshot() // etcd 2.3 cannot read a log with learners in it
	}
	a.orphan = cc.GetType() == raftpb.ConfChangeRemoveNode && slices.Contains(a.conf.GetVoters(), cc.GetNodeId())
	return nil
}
