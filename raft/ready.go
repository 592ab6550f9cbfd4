package raft

import "go.uber.org/zap"

// campaignIfLone makes a lone member leader at once instead of after an
// election timeout. The library refuses to campaign over unapplied conf changes,
// so it waits for the replay.
func (l *loop) campaignIfLone() {
	if !l.campaign || l.replaying() || l.rules.changing {
		return
	}
	l.campaign = false
	if !l.lone() {
		return
	}
	if err := l.rn.Campaign(); err != nil {
		l.n.log.Warn("cannot campaign at once", zap.Error(err))
	}
}

func (l *loop) lone() bool {
	v := l.conf.GetVoters()
	return len(v) == 1 && v[0] == l.n.meta.NodeID
}

// checkReady closes Ready when the log has been replayed (see Node.Ready).
func (l *loop) checkReady() {
	if l.isReady || l.replaying() {
		return
	}
	if l.ownTerm || !l.lone() && (l.caughtUp() || l.patienceEnds()) {
		l.isReady = true
		close(l.n.ready)
	}
}

// leaderPatience is how many election timeouts a member waits for a leader before it
// shows what it has, which may be less than it has shown before it was stopped: its
// stored commit index lags behind. An election by the rules of etcd takes one or two.
const leaderPatience = 3

// patienceEnds reports whether a member has waited long enough. One that joins has
// nothing to show.
func (l *loop) patienceEnds() bool {
	return l.applied > 0 && l.n.cfg.world.now().After(l.patience)
}

// caughtUp reports whether everything that a leader knew to be committed when it
// was first asked has been applied here.
func (l *loop) caughtUp() bool {
	select {
	case err := <-l.firstRead:
		return err == nil
	default:
		return false
	}
}
