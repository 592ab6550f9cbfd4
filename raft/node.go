package raft

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	etcdraft "go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"

	"pando/fsys"
	"pando/raft/wal"
	"pando/snapshot"
)

// Bootstrap is the beginning of a new cluster as one of its members sees it.
type Bootstrap struct {
	MemberID, ClusterID uint64
	Members             []Member // all initial members, this one among them
}

// Member is one initial member of a new cluster.
type Member struct {
	ID      uint64
	Context []byte // the member as JSON, as the conf change entry carries it
}

// Config says how a node runs. Zero values of the optional fields mean the default.
type Config struct {
	FS      fsys.FS
	DataDir string
	WALDir  string // optional: log files straight in here instead of DataDir/member/wal

	// Bootstrap says how a new cluster begins, or which one this member joins (no
	// Bootstrap.Members). It is asked only when DataDir holds no member, or one that was
	// stopped before anything was written, or, while it joined, before it got anything.
	Bootstrap func() (Bootstrap, error)

	// ForceNewCluster, if it is not nil, makes the member that DataDir holds the only
	// one of its cluster, with everything that is in its log. Where the log does not
	// list this member, it is added; the function returns its Member.Context then.
	ForceNewCluster func(memberID uint64) []byte

	// TakeOver, if it is not nil, has a directory that etcd 3.x wrote in replaced by
	// one of our own, beside which it is kept; otherwise its log is continued where it
	// is. Its state is first applied to the state machine that TakeOver returns, and
	// if that fails, so does Start, and nothing was changed.
	TakeOver func() (trial StateMachine)

	Heartbeat time.Duration // between a leader's heartbeats; one tick
	Election  time.Duration // a follower's patience; at least five heartbeats

	Transport Transport      // optional: the way to the other members
	Snapshots SnapshotSender // optional: the way of snapshots; without it they go as one message each

	SnapshotCount uint64 // optional: entries between snapshots; 0 = by log bytes
	MaxSnapshots  int    // snapshot files kept; 0 = all
	MaxWALs       int    // log files kept; 0 = all

	// Barrier makes a command with that ID which changes nothing, for reads in a cluster
	// with etcd members, where they go through the log. Without it they do not.
	Barrier func(id uint64) []byte

	Logger *zap.Logger

	Observer Observer // optional

	segmentSize int64         // of the log in bytes; 0 but in tests
	keepEntries uint64        // in place of the constant; 0 but in tests
	keepPinned  int           // in place of maxPinned; 0 but in tests
	retry       time.Duration // between attempts to find room on a full disk; 0 but in tests
	early       time.Duration // in place of earlyCampaign; 0 but in tests
	world       *world        // nil but in the simulation
}

func (c *Config) walOptions() wal.Options {
	o := wal.Options{SegmentSize: c.segmentSize, Retry: c.retry, Inline: c.world != nil && c.world.inline, Logger: c.Logger}
	if c.Observer != nil {
		o.Synced = c.Observer.Synced
	}
	return o
}

// Status is what the node knows about itself and the cluster at one moment.
type Status struct {
	MemberID, ClusterID uint64
	Leader              uint64 // 0 if none is known
	Term                uint64
	Applied             uint64    // index of the last applied and published entry
	LeaderSince         time.Time // when Leader was last learned
	DiskFull            bool      // writes are refused because the log cannot grow
	Rules               int       // the level whose rules this member lives by; it follows the cluster's (Level) a little later
	OutOfTouch          bool      // this member leads and has not heard a quorum for one election timeout
}

// Node is one running member. Its exported methods may be called from any goroutine.
type Node struct {
	cfg  Config
	log  *zap.Logger
	sm   StateMachine
	meta wal.Metadata
	ids  *IDs

	queue   queue
	waiters *waiters
	reads   readQueue
	wake    chan struct{} // capacity 1: proposals or reads wait for the loop

	transport Transport
	inbox     chan *raftpb.Message // from other members
	lost      chan uint64          // members whose connection broke
	handOver  chan chan bool       // requests to give up the leadership
	changes   chan *change         // of the membership

	inspections chan chan etcdraft.Status // see Engine

	receiving   sync.Mutex     // held while a snapshot is received
	incoming    chan *incoming // the one that was received
	transferred chan *transfer // snapshots to others that were sent, or not
	reports     reports
	oneMessage  chan struct{} // capacity 1: held while a whole snapshot is in memory

	conf  atomic.Pointer[raftpb.ConfState] // as of the last publication
	level atomic.Int32                     // likewise

	leaving atomic.Bool // its removal has been published: it stops soon

	status  atomic.Pointer[Status]
	ready   chan struct{} // closed by the loop when the log has been replayed
	stop    chan struct{} // closed by Close or by the first failure
	done    chan struct{} // closed when every goroutine has ended
	failure atomic.Pointer[error]
	halt    sync.Once
	wg      sync.WaitGroup

	disk  *disk
	apply *applier
	snaps *snapshotter
	loop  *loop
}

// Start opens or creates the data directory, restores the newest snapshot into
// sm, and starts the goroutines. Errors of class ErrDataDir, wal.ErrDamaged and
// fsys.ErrLocked mean that the directory was refused as it is.
func Start(cfg Config, sm StateMachine) (*Node, error) {
	n, err := newNode(cfg, sm)
	if err != nil {
		return nil, err
	}
	n.loop.man()
	n.wg.Add(4)
	go n.disk.run()
	go n.snaps.run()
	go n.apply.run()
	go n.loop.run()
	go n.finish()
	return n, nil
}

// newNode is Start but for the goroutines.
func newNode(cfg Config, sm StateMachine) (*Node, error) {
	cfg.world = cmp.Or(cfg.world, &realWorld)
	if cfg.Observer == nil {
		cfg.Observer = nobody{}
	}
	st, err := open(cfg, sm)
	if err != nil {
		return nil, advise(cfg, err)
	}
	n := &Node{
		cfg: cfg, log: cfg.Logger, sm: sm, meta: st.meta,
		ids:     NewIDs(st.meta.NodeID, cfg.world.now()),
		waiters: newWaiters(),
		wake:    make(chan struct{}, 1),

		transport: cfg.Transport,
		inbox:     make(chan *raftpb.Message, maxInbox),
		lost:      make(chan uint64),
		handOver:  make(chan chan bool),
		changes:   make(chan *change),

		inspections: make(chan chan etcdraft.Status),

		incoming:    make(chan *incoming),
		transferred: make(chan *transfer),
		oneMessage:  make(chan struct{}, 1),

		ready: make(chan struct{}),
		stop:  make(chan struct{}),
		done:  make(chan struct{}),
	}
	if n.transport == nil {
		n.transport = noTransport{}
	}
	n.status.Store(&Status{MemberID: st.meta.NodeID, ClusterID: st.meta.ClusterID, Applied: st.snap.Index, Term: st.state.Term})
	n.conf.Store(st.conf)
	level := levelOf(st.conf, sm.Levels(), st.meta.NodeID)
	n.level.Store(int32(level))
	rn, err := newRawNode(cfg, st.meta.NodeID, st.storage, st.snap.Index, level)
	if err == nil && len(st.bootstrap) > 0 {
		err = rn.Bootstrap(st.bootstrap)
	}
	if err != nil {
		st.wal.Close()
		return nil, err
	}
	n.disk = newDisk(n, st.wal, st.state)
	n.snaps = newSnapshotter(n, st)
	n.apply = newApplier(n, st)
	n.loop = newLoop(n, rn, st)
	return n, nil
}

// newRawNode makes the library's part of a member for a level of the cluster.
func newRawNode(cfg Config, id uint64, storage *logStorage, applied uint64, level int) (*etcdraft.RawNode, error) {
	election := int(cfg.Election / cfg.Heartbeat)
	return etcdraft.NewRawNode(&etcdraft.Config{
		ID:            id,
		ElectionTick:  election,
		HeartbeatTick: 1,
		Storage:       storage, Applied: applied,
		AsyncStorageWrites:        true,
		MaxSizePerMsg:             maxSizePerMsg,
		MaxCommittedSizePerReady:  maxApplying,
		MaxUncommittedEntriesSize: maxUncommitted,
		MaxInflightMsgs:           maxInflightMsgs,
		MaxInflightBytes:          maxInflightBytes,
		PreVote:                   level > 0, CheckQuorum: level > 0,
		DisableProposalForwarding: true,
		Logger:                    newRaftLogger(cfg.Logger),
	})
}

// finish waits for all goroutines and answers whoever still waits.
func (n *Node) finish() {
	n.wg.Wait()
	if err := n.disk.wal.Close(); err != nil {
		n.fail(fmt.Errorf("closing the write-ahead log: %w", err))
	}
	n.waiters.fail(ErrStopped)
	n.reads.fail(ErrStopped)
	close(n.done)
}

// fail stops the node because of err; only the first failure counts.
func (n *Node) fail(err error) {
	if n.failure.CompareAndSwap(nil, &err) {
		n.log.Error("stopping: going on could lose acknowledged writes", zap.Error(err))
	}
	n.beginStop()
}

func (n *Node) beginStop() {
	n.halt.Do(func() {
		n.queue.setRefuse(ErrStopped)
		n.reads.setRefuse(ErrStopped)
		close(n.stop)
	})
}

// Close stops the node and waits for its goroutines. What was acknowledged is
// on disk already; the latest commit index is written too. It returns the
// failure that stopped the node earlier, if any.
func (n *Node) Close() error {
	n.beginStop()
	<-n.done
	return n.Err()
}

// Done is closed when the node has stopped, by Close or by a failure.
func (n *Node) Done() <-chan struct{} { return n.done }

// Err is the failure that stopped the node, nil while it runs or after a clean Close.
func (n *Node) Err() error {
	if p := n.failure.Load(); p != nil {
		return *p
	}
	return nil
}

// healthy reports whether what is in memory may still be written to the disk.
func (n *Node) healthy() bool {
	err := n.Err()
	return err == nil || errors.Is(err, ErrRemoved)
}

// Ready is closed once the log has been replayed: on a lone member when an
// entry of its own term has been applied, otherwise when what a leader (or, with
// none in sight for three election timeouts, the stored hard state) says to be
// committed has been.
func (n *Node) Ready() <-chan struct{} { return n.ready }

// Status is the latest status.
func (n *Node) Status() Status { return *n.status.Load() }

// NextID is an ID for the next proposal.
func (n *Node) NextID() uint64 { return n.ids.Next() }

// Propose puts data into the log and waits until it has been applied here. id
// must be what StateMachine.Apply will return for data, and from NextID.
func (n *Node) Propose(ctx context.Context, id uint64, data []byte) (any, error) {
	return n.ProposeTimed(ctx, id, data, 0, new(Timing))
}

// ProposeTimed is Propose, and fills in t when it succeeds. It waits no longer than
// patience (0: as long as ctx lasts), and returns context.DeadlineExceeded then, as it
// does at the deadline of ctx; a context for each proposal would cost more. On a lone node one
// caller at a time may be writing the log itself (see drive): on a disk that stands still it waits for that, too.
func (n *Node) ProposeTimed(ctx context.Context, id uint64, data []byte, patience time.Duration, t *Timing) (any, error) {
	p := &proposal{id: id, data: data, done: make(chan outcome, 1), queued: time.Now()}
	if err := n.enqueue(p); err != nil {
		return nil, err
	}
	select {
	case o := <-p.done: // also if it took longer than it may: what is known is better than an error
		*t = o.timing
		return o.result, o.err
	default:
	}
	var late <-chan time.Time
	if patience > 0 {
		timer := timers.Get().(*time.Timer)
		timer.Reset(patience)
		defer timers.Put(timer)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case o := <-p.done:
		*t = o.timing
		return o.result, o.err
	case <-ctx.Done():
		n.abandon(p)
		return nil, ctx.Err()
	case <-late:
		n.abandon(p)
		return nil, context.DeadlineExceeded
	}
}

// timers are those of proposals. One that is stopped delivers nothing any more.
var timers = sync.Pool{New: func() any {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}}

// enqueue gives a proposal to the loop. After an error it was never proposed.
func (n *Node) enqueue(p *proposal) error {
	if !n.waiters.add(p) {
		return fmt.Errorf("too much waits, or request id %x is in use: %w", p.id, ErrTooManyRequests)
	}
	if err := n.queue.put(p); err != nil {
		n.waiters.remove(p)
		return err
	}
	if !n.loop.patient.Load() {
		n.loop.driveAs(proposer)
	}
	return nil
}

// abandon forgets a proposal whose caller leaves.
func (n *Node) abandon(p *proposal) {
	n.queue.drop(p)
	n.waiters.remove(p)
}

// RequestSnapshot asks for a snapshot after the next applied entries, whatever
// the log's size: for a log that others cannot read back to its beginning.
func (n *Node) RequestSnapshot() { n.snaps.asked.Store(true) }

// nudge tells the loop that something waits for it.
func (n *Node) nudge() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

func snapshotMeta(index, term uint64, cs *raftpb.ConfState) snapshot.Meta {
	return snapshot.Meta{Index: index, Term: term, Voters: cs.GetVoters(), Learners: cs.GetLearners()}
}
