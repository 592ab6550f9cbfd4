package transport

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"go.etcd.io/etcd/client/pkg/v3/types"
	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"
)

// Kind is what a peer is, as far as the caller knows.
type Kind int

const (
	// Etcd is a peer that is not Pando. A new peer counts as one.
	Etcd Kind = iota
	// Pando is watched for its end (Config.Broken) and gets snapshots as a stream.
	Pando
	// Newcomer has not said yet that it is Pando, in a cluster of Pandos: it is one, or must not become a member. An etcd 2.3
	// does not survive the entries of such a cluster. It is treated as a Pando, but gets no entries before it has answered as one.
	Newcomer
)

// peer is a member that this one dials.
type peer struct {
	urls     []string
	kind     Kind
	proven   bool               // it has answered as only Pando does
	stranger bool               // it has answered as Pando does not
	cancel   context.CancelFunc // ends the presence connection; nil if there is none
	heard    atomic.Int64       // when its last message came, in nanoseconds since epoch
	knock    chan struct{}      // capacity 1: it is there, and worth another try
}

// mayGet reports whether entries and snapshots may be sent to the peer.
func (p *peer) mayGet() bool { return p.kind != Newcomer || p.proven }

// Send hands messages over to their receivers' queues and returns at once. A message to an unknown member, or for which
// there is no room, is reported to the Handler as lost. Local messages of the engine must not be among them.
func (t *Transport) Send(ms []*raftpb.Message) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.stopped {
		return
	}
	for i, m := range ms {
		id := m.GetTo()
		p := t.peers[id]
		if p == nil && !t.remotes[id] || p != nil && !p.mayGet() && hasEntries(m) {
			t.lost(m)
			continue
		}
		if p == nil || !t.sendAlong(p, m) {
			t.raft.Send(ms[i : i+1])
		}
	}
}

// sendAlong sends a message along the presence connection, if that is fit for it and enough. A proposal is sent once: an etcd that
// has just become a Pando may not know it again.
func (t *Transport) sendAlong(p *peer, m *raftpb.Message) (enough bool) {
	switch m.GetType() {
	case raftpb.MsgSnap:
		return false
	case raftpb.MsgProp:
		return !t.silent(p) && t.held.send(m)
	}
	return t.held.send(m) && !t.silent(p)
}

func hasEntries(m *raftpb.Message) bool {
	return m.GetType() == raftpb.MsgApp || m.GetType() == raftpb.MsgSnap
}

func (t *Transport) lost(m *raftpb.Message) {
	t.cfg.Handler.ReportUnreachable(m.GetTo())
	if m.GetType() == raftpb.MsgSnap {
		t.cfg.Handler.ReportSnapshot(m.GetTo(), false)
	}
}

// AddPeer connects to a member and stays connected. A peer that is there already is left as it is. The error says what is
// wrong with the URLs.
func (t *Transport) AddPeer(id uint64, urls []string) error {
	if _, err := types.NewURLs(urls); err != nil {
		return fmt.Errorf("transport: peer URLs of member %x: %w", id, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stopped || t.peers[id] != nil {
		return nil
	}
	t.peers[id] = &peer{urls: urls, knock: make(chan struct{}, 1)}
	t.raft.AddPeer(types.ID(id), urls)
	t.silence()
	return nil
}

// AddRemote makes a member reachable for answers before the log names it, without streams: a member that joins needs
// that until it knows its peers. A remote lives until Stop, and is unused once it is a peer.
func (t *Transport) AddRemote(id uint64, urls []string) error {
	if _, err := types.NewURLs(urls); err != nil {
		return fmt.Errorf("transport: peer URLs of member %x: %w", id, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stopped || t.peers[id] != nil || t.remotes[id] {
		return nil
	}
	t.remotes[id] = true
	t.raft.AddRemote(types.ID(id), urls)
	return nil
}

// UpdatePeer gives a peer new URLs. An unknown one is left alone.
func (t *Transport) UpdatePeer(id uint64, urls []string) error {
	if _, err := types.NewURLs(urls); err != nil {
		return fmt.Errorf("transport: peer URLs of member %x: %w", id, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.peers[id]
	if t.stopped || p == nil {
		return nil
	}
	p.urls, p.proven = urls, false // whoever answers there may be another process
	t.raft.UpdatePeer(types.ID(id), urls)
	t.silence()
	t.attend(id, p)
	return nil
}

// SetKind says what a peer is. An unknown one is left alone.
func (t *Transport) SetKind(id uint64, kind Kind) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.peers[id]
	if t.stopped || p == nil || p.kind == kind {
		return
	}
	watched := p.kind != Etcd && kind != Etcd
	p.kind = kind
	if !watched {
		t.attend(id, p)
	}
}

// answeredAs notes how a peer has answered to the request for a presence connection.
func (t *Transport) answeredAs(id uint64, pando bool, url string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.peers[id]
	if p == nil || !slices.Contains(p.urls, url) { // it has got others meanwhile
		return
	}
	if !pando && !p.stranger && p.kind == Newcomer {
		t.log.Error("the process that wants to join is not pando, and nothing else can join a cluster of pandos. Stop it and start pando there, or remove the member",
			zap.String("member", hex(id)), zap.String("url", url))
	}
	p.proven, p.stranger = pando, !pando
}

// lostSight: whoever answers next may be another process.
func (t *Transport) lostSight(id uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p := t.peers[id]; p != nil {
		p.proven = false
	}
}

// isProven reports whether a member may open streams. One that cannot yet is asked who it is.
func (t *Transport) isProven(id uint64) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	p := t.peers[id]
	if p == nil || p.mayGet() {
		return true
	}
	select {
	case p.knock <- struct{}{}:
	default:
	}
	return false
}

// isStranger reports whether a member must not take part.
func (t *Transport) isStranger(id uint64) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	p := t.peers[id]
	return p != nil && p.kind == Newcomer && p.stranger
}

// RemovePeer ends the connections to a member. Its last call of Broken may still be under way.
func (t *Transport) RemovePeer(id uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.remove(id)
}

// RemoveAll removes every peer.
func (t *Transport) RemoveAll() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id := range t.peers {
		t.remove(id)
	}
}

// remove wants the lock held.
func (t *Transport) remove(id uint64) {
	p := t.peers[id]
	if t.stopped || p == nil {
		return
	}
	if p.cancel != nil {
		p.cancel()
	}
	delete(t.peers, id)
	t.streams.cut(id)
	t.held.cut(id)
	t.raft.RemovePeer(types.ID(id))
	t.pipelines.CloseIdleConnections() // those to others too, which are seldom used
}
