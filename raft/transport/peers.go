package transport

import (
	"context"
	"fmt"

	"go.etcd.io/etcd/client/pkg/v3/types"
	"go.etcd.io/raft/v3/raftpb"
)

// peer is a member that this one dials.
type peer struct {
	urls   []string
	pando  bool
	cancel context.CancelFunc // ends the presence connection; nil if there is none
}

// Send hands messages over to their receivers' queues and returns at once. A message to an unknown member, or for which
// there is no room, is reported to the Handler as lost. Local messages of the engine must not be among them.
func (t *Transport) Send(ms []*raftpb.Message) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.stopped {
		return
	}
	for i, m := range ms {
		if id := m.GetTo(); t.peers[id] == nil && !t.remotes[id] {
			t.lost(m)
			continue
		}
		t.raft.Send(ms[i : i+1])
	}
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
	t.peers[id] = &peer{urls: urls}
	t.raft.AddPeer(types.ID(id), urls)
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
	p.urls = urls
	t.raft.UpdatePeer(types.ID(id), urls)
	t.attend(id, p)
	return nil
}

// SetPando says whether a peer is Pando, as far as the caller knows: only then it is watched for its end (Broken), and
// SendSnapshot may be used. A new peer counts as etcd. An unknown one is left alone.
func (t *Transport) SetPando(id uint64, is bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.peers[id]
	if t.stopped || p == nil || p.pando == is {
		return
	}
	p.pando = is
	t.attend(id, p)
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
	t.raft.RemovePeer(types.ID(id))
}
