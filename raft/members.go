package raft

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.etcd.io/raft/v3/raftpb"
)

// ChangeKind says what a Change does.
type ChangeKind int

const (
	// AddVoter adds a member that counts for the quorum at once: what an etcd 2.3 can be.
	AddVoter ChangeKind = iota
	// AddLearner adds a member that gets the log and counts for nothing. The leader makes
	// it a voter by itself as soon as it has caught up and has published that it is Pando.
	// With etcd members, which know no learners, it means AddVoter.
	AddLearner
	// UpdateMember gives a member other peer URLs.
	UpdateMember
	// RemoveMember removes a voter or a learner for good.
	RemoveMember
	// promote makes a learner a voter: AddVoter without a context, of which the state
	// machine is not told.
	promote
)

var confChangeTypes = map[ChangeKind]raftpb.ConfChangeType{
	AddVoter:     raftpb.ConfChangeAddNode,
	AddLearner:   raftpb.ConfChangeAddLearnerNode,
	UpdateMember: raftpb.ConfChangeUpdateNode,
	RemoveMember: raftpb.ConfChangeRemoveNode,
	promote:      raftpb.ConfChangeAddNode,
}

// Change is one change of the membership.
type Change struct {
	Kind    ChangeKind
	ID      uint64
	Context []byte // the member as JSON, for the state machine; nothing for RemoveMember
}

// Errors of ChangeMembership. Every one of these, a NotLeaderError and an
// UnsafeError mean that the change was not carried out and never will be.
var (
	// ErrChangeInvalid means that the state machine refused the change: its state says why.
	ErrChangeInvalid = errors.New("the membership change is not valid")
	// ErrLastMember refuses to remove the only member that votes.
	ErrLastMember = errors.New("the last member of a cluster cannot be removed: its data would be lost. " +
		"To give the data up, stop the member and remove its data directory")
)

// ErrInDoubt means that a change may have been carried out: a snapshot took this
// member past the place in the log where it would have seen it.
var ErrInDoubt = errors.New("the membership change was overtaken by a snapshot")

// ErrRemoved stops a node that has been removed from its cluster (Node.Err).
var ErrRemoved = errors.New("the member has been permanently removed from the cluster")

// NotLeaderError says that another member leads, to which the change can be handed over.
type NotLeaderError struct{ Leader uint64 }

// Error names the leader.
func (e *NotLeaderError) Error() string { return "member " + FormatID(e.Leader) + " leads" }

// UnsafeError refuses a change after which the members that answer now would be no
// quorum: no write would succeed until others come back.
type UnsafeError struct {
	Voters int      // there would be
	Silent []uint64 // those of them that have not answered for one election timeout
}

// Error says what to do.
func (e *UnsafeError) Error() string {
	ids := make([]string, len(e.Silent))
	for i, id := range e.Silent {
		ids[i] = FormatID(id)
	}
	return fmt.Sprintf("refused, because no write would succeed afterwards: of the %d voting members there would be, %d answer, and %d are needed. "+
		"Start the members that do not answer, or remove them first: %s",
		e.Voters, e.Voters-len(e.Silent), e.Voters/2+1, strings.Join(ids, ", "))
}

// maxChanges bounds the membership changes that wait for their turn.
const maxChanges = 64

// change is a Change on its way. Its outcome is sent once, to a channel with room
// for it, by the loop.
type change struct {
	Change
	gone <-chan struct{} // closed when the caller has left; nil if there is none
	done chan error

	id    uint64 // in the log; 0 before it was proposed, but for an etcd's
	term  uint64 // in which it was proposed
	index uint64 // at which it was applied, 0 before
	err   error  // its outcome, once it was applied

	forwarded bool // to an etcd that leads: what becomes of it shows in the log, or never
}

func newChange(c Change, gone <-chan struct{}) *change {
	return &change{Change: c, gone: gone, done: make(chan error, 1)}
}

// abandoned reports whether nobody waits for the outcome any more.
func (c *change) abandoned() bool {
	select {
	case <-c.gone:
		return true
	default:
		return false
	}
}

// ChangeMembership carries out a change, if this member or an etcd leads; it waits
// while nobody does. One change is under way at a time, the others queue. It returns when the
// change has been applied and published here. After the error of ctx, ErrInDoubt and
// ErrStopped the change may have been carried out or not; after any other it was not.
func (n *Node) ChangeMembership(ctx context.Context, c Change) error {
	asked := newChange(c, ctx.Done())
	select {
	case n.changes <- asked:
	case <-ctx.Done():
		return ctx.Err()
	case <-n.stop:
		return ErrStopped
	}
	select {
	case err := <-asked.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Voters are the members that vote, as of what has been applied here.
func (n *Node) Voters() []uint64 { return n.conf.Load().GetVoters() }

// Learners are the members that do not vote yet.
func (n *Node) Learners() []uint64 { return n.conf.Load().GetLearners() }

// Expelled stops the node because others say that this member was removed: its own
// log may not reach that far any more. One that has applied its removal leaves in its own time.
func (n *Node) Expelled() {
	if !n.leaving.Load() {
		n.removed()
	}
}

// removed stops the node without calling it a failure of the disk.
func (n *Node) removed() {
	err := ErrRemoved
	n.failure.CompareAndSwap(nil, &err)
	n.beginStop()
}
