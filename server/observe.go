package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"pando/httpapi"
	"pando/metrics"
	"pando/peerstats"
	"pando/raft"
	"pando/store"
)

// statistics is a server as /v2/stats sees it (httpapi.Statistics).
type statistics struct {
	*server
	started time.Time
}

func (s *statistics) Started() time.Time     { return s.started }
func (s *statistics) LeaderSince() time.Time { return s.node.Status().LeaderSince }

func (s *statistics) Appends() (sent, received peerstats.Traffic) { return s.peers.stats.Traffic() }

func (s *statistics) Follower(id uint64) peerstats.Follower { return s.peers.stats.Follower(id) }

func (s *statistics) Operations() store.Stats { return s.store.Stats() }

// api is the handler of the client port.
func (s *server) api(setLogLevel func(name string) bool) http.Handler {
	return httpapi.New(s, httpapi.Options{
		CORS: s.cfg.CORS, Auth: s.auth, Logger: s.logs.Named(logAPI), Slow: s.cfg.SlowRequest, Pprof: s.cfg.EnablePprof,
		Now: hostTime, Limits: portLimits(s.cfg),
		Observer: s.metrics, Metrics: s.metrics, Statistics: &statistics{s, time.Now()},
		EngineStatus: s.engineStatus, SetLogLevel: setLogLevel,
	})
}

// engineObserver counts what the engine does, and wakes housekeeping when the leader changes.
type engineObserver struct {
	*metrics.Metrics
	elected chan<- struct{}
}

// LeaderChanged implements raft.Observer.
func (o engineObserver) LeaderChanged(leader uint64) {
	o.Metrics.LeaderChanged(leader)
	select {
	case o.elected <- struct{}{}:
	default:
	}
}

// state is what a scrape reads.
func (s *server) state() metrics.State {
	st, v, hub := s.node.Status(), s.View(), s.store.Hub()
	size := v.KeySpace()
	now := metrics.State{
		Member: st.MemberID, Leader: st.Leader, Term: st.Term, Applied: st.Applied,
		Pending: s.node.Pending(), DiskFull: st.DiskFull,
		Operations: s.store.Counted(),
		Watches:    hub.Asked(), Watchers: hub.Watchers(), HistoryEvents: hub.Len(),
		KeyNodes: size.Nodes, KeyData: size.Bytes,
	}
	for _, m := range v.Members() {
		if m.ID != st.MemberID {
			now.Peers = append(now.Peers, metrics.Peer{
				ID: m.ID, Active: !s.transport.ActiveSince(m.ID).IsZero(), Appends: s.peers.stats.Follower(m.ID),
			})
		}
	}
	return now
}

// engineStatus is the engine's own view, for /debug/vars.
func (s *server) engineStatus(ctx context.Context) (json.RawMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	status, err := s.node.Engine(ctx)
	if err != nil {
		return nil, err
	}
	return status.MarshalJSON()
}

// observed counts a command that has ended, and tells its timing to who asked.
func (s *server) observed(ctx context.Context, began time.Time, t raft.Timing, err error) {
	if errors.Is(err, context.Canceled) {
		err = nil // the client has left; its command may succeed
	} else {
		s.metrics.Proposed(time.Since(began), err)
	}
	if asked := httpapi.TimingOf(ctx); asked != nil && err == nil {
		*asked = httpapi.Timing(t)
	}
}

// countSent counts the appends among messages to others.
func countSent(stats *peerstats.Stats, ms []*raftpb.Message) {
	for _, m := range ms {
		if m.GetType() == raftpb.MsgApp {
			last := uint64(0)
			if n := len(m.GetEntries()); n > 0 {
				last = m.GetEntries()[n-1].GetIndex()
			}
			stats.Sent(m.GetTo(), last, sizeOf(m))
		}
	}
}

// countReceived counts a message from another member.
func countReceived(stats *peerstats.Stats, m *raftpb.Message) {
	switch {
	case m.GetType() == raftpb.MsgApp:
		stats.Received(sizeOf(m))
	case m.GetType() == raftpb.MsgAppResp && !m.GetReject():
		stats.Acknowledged(m.GetFrom(), m.GetIndex())
	}
}

// sizeOf is about how many bytes an append takes.
func sizeOf(m *raftpb.Message) int {
	const head, entryHead = 40, 12
	size := head
	for _, e := range m.GetEntries() {
		size += entryHead + len(e.GetData())
	}
	return size
}
