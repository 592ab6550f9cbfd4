package raft

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	etcdraft "go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"
)

// loop owns the RawNode. Nothing in it waits for the disk or the state machine:
// what they are to do queues in appends and applies, bounded because proposals
// are stepped only while the disk is idle (or slow, see patientWithDisk) and the
// library bounds what is applying. One goroutine at a time has a turn at it (see drive).
type loop struct {
	mu      sync.Mutex  // held during a turn, and guards everything here but what is atomic
	again   atomic.Bool // somebody came while mu was held: who held it has another turn
	patient atomic.Bool // nothing becomes of a proposal before the disk is done
	manned  bool        // whoever has news takes a turn; not in half of the simulations, which call the parts of one
	ended   bool        // there are no more turns
	toApply *applyWork  // for whoever has the turn, or the applier
	toWrite *diskWork   // likewise, or the disk goroutine
	clock   *clock
	timer   *time.Timer // of the clock
	held    *time.Timer // what outbox.later resets

	n       *Node
	rn      *etcdraft.RawNode
	storage *logStorage
	conf    *raftpb.ConfState // as of the last applied conf change

	lastRemoved *raftpb.ConfChange // the removal of the only voter, until another is added

	outbox   outbox
	appends  []*raftpb.Message // MsgStorageAppend not yet given to the disk
	writing  []*raftpb.Message // those the disk has, or a snapshot that is durable and not installed yet
	diskBusy bool
	diskTick uint64            // the tick at which it became so
	queued   int               // bytes of the entries in appends
	durable  ballot            // as of what the disk has carried out
	acked    ack               // the last one of this follower
	applies  []*raftpb.Message // MsgStorageApply not yet given to the applier
	applying bool
	confAsk  chan confAsk

	lead       uint64 // 0 if none is known
	leading    bool   // this member leads
	term       uint64
	applied    uint64    // published
	replayTo   uint64    // commit index to reach before Ready
	campaign   bool      // a lone member has yet to campaign at once
	ownTerm    bool      // this leader has applied an entry of its term
	patience   time.Time // when it is no longer waited for a leader before Ready
	isReady    bool
	noSpace    error  // why the log cannot grow
	settled    uint64 // highest term of an applied entry: see proposeAgain
	forwarding forwarding
	foreigners bool                  // there are proposals of others among what was stepped last
	received   map[uint64][]received // from each member, while this one leads
	changes    changes
	rules      rules
	outOfTouch bool                 // this member leads, and for one election timeout has not heard a quorum
	incoming   *incoming            // a snapshot from the leader
	transfers  map[uint64]*transfer // snapshots to other members
	overflows  map[uint64]int       // see transfer.overflowed

	early     *time.Timer              // what hurry resets
	hurry     func(time.Duration) bool // calls campaignEarly after that time; the last call counts
	hurryFor  uint64                   // because this member leads, whose connection broke; 0 if nobody leads since
	hurried   int                      // early campaigns since that
	firstRead chan error               // answered when what a leader has committed was applied here

	barrier     barrier
	readCounter uint64 // the number of the last question
	readAsked   bool
	pending     []pendingRead
}

// confAsk is the applier's question at a conf change: it waits for the answer.
type confAsk struct {
	cc     *raftpb.ConfChange
	index  uint64 // of its entry
	answer chan *raftpb.ConfState
}

func newLoop(n *Node, rn *etcdraft.RawNode, st *opened) *loop {
	first := make(chan error, 1)
	if err := n.reads.put(first); err != nil {
		n.fail(err) // nobody else can have filled the queue
	}
	life := n.cfg.world.random()
	return &loop{
		n: n, rn: rn, storage: st.storage, conf: st.conf, firstRead: first,
		forwarding:  forwarding{life: life},
		readCounter: firstQuestion(life),
		confAsk:     make(chan confAsk),
		changes:     changes{heard: map[uint64]uint64{}},
		rules:       rules{level: n.Level(), levels: n.sm.Levels(), made: n.Level()},
		transfers:   map[uint64]*transfer{},
		overflows:   map[uint64]int{},
		term:        st.state.Term,
		durable:     ballot{st.state.Term, st.state.Vote},
		applied:     st.snap.Index,
		settled:     st.snap.Term,
		replayTo:    max(st.state.Commit, uint64(len(st.bootstrap))),
		campaign:    true,
		patience:    n.cfg.world.now().Add(leaderPatience * n.cfg.Election),
	}
}

// round does what can be done now. It follows each event, and nothing in it waits.
func (l *loop) round() {
	l.changeRules()
	l.campaignIfLone()
	l.handleReadies() // what follows must know who leads in which term
	l.propose()
	l.change()
	l.askReads()
	l.takeReports()
	l.handleReadies()
	l.stepSnapshot()
	l.sendOut() // a leader's entries leave before its own fsync ends
}

// handBack lets the disk and the applier end: no further work comes. A commit
// index that was waiting for company is written now.
func (l *loop) handBack() {
	l.mu.Lock()
	l.ended = true
	if l.toApply != nil {
		l.n.apply.work <- *l.toApply
	}
	if l.toWrite != nil {
		l.n.disk.work <- *l.toWrite
	}
	l.mu.Unlock()
	l.n.apply.mu.Lock() // whoever applies in the applier's place has come to an end
	l.n.apply.mu.Unlock()
	l.failChanges()
	l.endTransfers()
	if l.diskBusy {
		if durable := <-l.n.disk.done; !durable {
			l.appends = nil // nothing may be written over a hole
		}
	}
	if w := l.lastWork(); len(w.messages) > 0 {
		l.n.disk.work <- w
		<-l.n.disk.done
	}
	close(l.n.disk.work)
	close(l.n.apply.work)
}

// lastWork is what is still to be written before a clean end.
func (l *loop) lastWork() diskWork {
	if !l.n.healthy() {
		return diskWork{}
	}
	if at := slices.IndexFunc(l.appends, hasSnapshot); at >= 0 {
		l.appends = l.appends[:at] // the leader sends it again
	}
	return diskWork{messages: l.appends}
}

// replaying reports whether what was committed when this member was started is still
// being applied. It does not campaign meanwhile, but it hears a leader, and votes.
func (l *loop) replaying() bool { return l.applied < l.replayTo }

func (l *loop) tick() {
	l.changes.ticks++
	if !l.replaying() && !l.rules.changing {
		l.rn.Tick() // by the rules of a level that is known
	}
	l.stayInTouch()
	l.missLeader()
	l.feedCommit()
	l.resend()
	l.promoteLearner()
	l.leaveIfRemoved()
	l.checkTransfers()
	l.readAsked = false // ask again: the library may have dropped the question
	l.checkBarrier()
	l.checkReady()
	l.noteSpace()
	l.leaveFullDisk()
	l.publishStatus()
}

// handleReadies distributes everything the library has to say.
func (l *loop) handleReadies() {
	for l.rn.HasReady() || l.answerDurable() {
		rd := l.rn.Ready()
		for _, m := range rd.Messages {
			l.route(m)
		}
		for _, rs := range rd.ReadStates {
			l.readAnswered(rs.RequestCtx, rs.Index)
		}
		if !etcdraft.IsEmptyHardState(rd.HardState) {
			l.term = rd.HardState.GetTerm()
		}
		if rd.SoftState != nil {
			l.leaderChanged(rd.SoftState)
		}
	}
	l.feedDisk()
	l.feedApplier()
}

// route sends one message to whom it is addressed.
func (l *loop) route(m *raftpb.Message) {
	switch m.GetTo() {
	case etcdraft.LocalAppendThread:
		if hasSnapshot(m) {
			l.incoming.taken = true
		}
		l.appends = append(l.appends, m)
		l.queued += entryBytes(m)
		if l.foreigners && len(m.GetEntries()) > 0 {
			l.await(m.GetEntries())
			l.foreigners = false
		}
	case etcdraft.LocalApplyThread:
		l.applies = append(l.applies, m)
	case l.n.meta.NodeID:
		if err := l.rn.Step(m); err != nil {
			l.n.log.Debug("response of local storage not taken", zap.Error(err))
		}
	default:
		if m.GetType() == raftpb.MsgSnap {
			l.beginTransfer(m)
			return
		}
		if !l.repeats(m) {
			l.outbox.add(m)
		}
	}
}

// diskDone: the disk has carried out what it had; false if that failed and the loop has to end.
func (l *loop) diskDone(durable bool) bool {
	l.diskBusy = false
	if !durable {
		l.writing, l.appends = nil, nil // nothing may be written over a hole
		return false
	}
	l.noteSpace()
	l.written()
	return true
}

// written: the batch is durable. Its entries enter the log in memory, then the
// responses that depended on it go out.
func (l *loop) written() {
	done := l.writing
	for _, m := range done {
		if m.Term != nil {
			l.durable = ballot{m.GetTerm(), m.GetVote()}
		}
	}
	if hasSnapshot(done[0]) {
		if err := l.stored(l.incoming); err != nil {
			l.n.fail(err)
		}
		return
	}
	l.writing = nil
	l.changes.settled = l.changes.settling
	for _, m := range done {
		if err := l.storage.append(m.GetEntries()); err != nil {
			l.n.fail(err)
			return
		}
	}
	for _, m := range done {
		for _, r := range m.GetResponses() {
			l.route(r)
		}
	}
}

// publishedTo: the applier has published a batch; the library may hand out more.
func (l *loop) publishedTo(p published) {
	l.applying = false
	l.applied = p.index
	if p.installed != nil {
		l.conf = p.installed.conf
	}
	l.learnLevel(p)
	l.storage.applied(p.index, p.term, l.conf)
	if p.installed != nil {
		l.installed(p)
	}
	for _, m := range p.messages {
		for _, r := range m.GetResponses() {
			l.route(r)
		}
	}
	if l.leading && p.term == l.term {
		l.ownTerm = true
	}
	l.proposeAgain(p.term)
	l.compact()
	l.releaseReads()
	l.passBarrier()
	l.checkReady()
	l.publishStatus()
	l.change() // what is answered now shows
	l.leaveIfRemoved()
}

// leaderChanged keeps what depends on who leads.
func (l *loop) leaderChanged(s *etcdraft.SoftState) {
	if s.Lead != l.lead {
		l.n.log.Info("leader changed", zap.String("leader", FormatID(s.Lead)), zap.Uint64("term", l.term))
		l.n.cfg.Observer.LeaderChanged(s.Lead)
	}
	if s.RaftState == etcdraft.StateLeader && !l.leading {
		l.changes.leadSince = l.changes.ticks
	}
	l.lead, l.leading = s.Lead, s.RaftState == etcdraft.StateLeader
	l.ownTerm = l.ownTerm && l.leading
	l.received = map[uint64][]received{}
	clear(l.rules.strangers)
	l.outOfTouch = l.outOfTouch && l.leading
	l.outbox.held, l.outbox.awaited, l.foreigners = nil, nil, false
	if !l.leading {
		l.endTransfers()
	}
	l.publishStatus()
}

func (l *loop) publishStatus() {
	l.n.conf.Store(l.conf)
	old := l.n.Status()
	s := Status{
		MemberID: old.MemberID, ClusterID: old.ClusterID,
		Leader: l.lead, Term: l.term, Applied: l.applied,
		LeaderSince: old.LeaderSince, DiskFull: l.noSpace != nil, OutOfTouch: l.outOfTouch, Rules: l.rules.made,
	}
	if s.Leader != old.Leader {
		s.LeaderSince = l.n.cfg.world.now()
	}
	if s != old {
		l.n.status.Store(&s)
	}
}
