package raft

import (
	"cmp"
	"context"
	"slices"
	"time"

	etcdraft "go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/tracker"
	"go.uber.org/zap"
)

// earlyCampaign is the longest that a follower waits, a random part of it, before
// it campaigns because the connection to the leader broke.
const earlyCampaign = 50 * time.Millisecond

// earlyCampaigns is how often it campaigns because of that (a count): when two do so
// at the same time, nobody wins, and an election timeout is a long time to wait.
const earlyCampaigns = 4

// connectionLost starts the wait for an early campaign, if it was the leader's.
func (l *loop) connectionLost(id uint64) {
	if id == l.lead && !l.leading && l.rules.made > 0 && slices.Contains(l.conf.GetVoters(), l.n.meta.NodeID) {
		l.hurryFor, l.hurried = id, 0
		l.hurry(l.upTo(cmp.Or(l.n.cfg.early, earlyCampaign)))
	}
}

// upTo is a random time below a limit.
func (l *loop) upTo(limit time.Duration) time.Duration {
	return time.Duration(l.n.cfg.world.random() % uint64(limit))
}

// campaignEarly campaigns without waiting for the election timeout, unless there
// is a new leader by now. If the old one is alive after all, the others still
// hear it and refuse their pre-vote (replication design, section 2). If nobody leads
// in time for an answer from everywhere, it does so again.
func (l *loop) campaignEarly() {
	if l.lead != 0 && l.lead != l.hurryFor || l.leading || l.rules.made == 0 || l.replaying() {
		return
	}
	if err := l.rn.ForgetLeader(); err != nil {
		l.n.log.Debug("the leader is not forgotten", zap.Error(err))
		return
	}
	if err := l.rn.Campaign(); err != nil {
		l.n.log.Debug("cannot campaign early", zap.Error(err))
	}
	l.hurryFor = 0
	if l.hurried++; l.hurried < earlyCampaigns {
		l.hurry(l.n.cfg.Election/10 + l.upTo(l.n.cfg.Election/5))
	}
}

// HandOver gives the leadership to the member that is furthest, if this one
// leads, and returns when another leads or ctx ends. Call it before a planned stop:
// until somebody leads, this member's vote may be needed.
func (n *Node) HandOver(ctx context.Context) error {
	leads := func(id uint64) bool { return n.Status().Leader == id }
	for led := false; leads(n.meta.NodeID) || led && leads(0); led = true {
		asked := make(chan bool, 1)
		select {
		case n.handOver <- asked:
		case <-ctx.Done():
			return ctx.Err()
		case <-n.stop:
			return ErrStopped
		}
		if !<-asked && leads(n.meta.NodeID) {
			return nil // there is nobody to hand it to
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		case <-n.stop:
			return ErrStopped
		}
	}
	return nil
}

// transfer begins to hand over to whoever is furthest and returns who that is; 0 if
// nobody could take over. It prefers others to the one who failed to before.
func (l *loop) transfer(failed uint64) (heir uint64) {
	if !l.leading {
		return 0
	}
	if heir = l.heir(failed); heir == 0 {
		heir = l.heir(0)
	}
	if heir != 0 {
		l.rn.TransferLeader(heir)
	}
	return heir
}

// heir is the member that is furthest of those that could take over, but for one: an
// etcd does not understand it. Who is there is known from what was heard: the library
// forgets its own RecentActive at every check of the quorum.
func (l *loop) heir(but uint64) uint64 {
	best, match := uint64(0), uint64(0)
	l.rn.WithProgress(func(id uint64, typ etcdraft.ProgressType, pr tracker.Progress) {
		if id != l.n.meta.NodeID && id != but && typ == etcdraft.ProgressTypePeer && l.rules.isPando(id) && !l.silent(id) && pr.Match >= match {
			best, match = id, pr.Match
		}
	})
	return best
}
