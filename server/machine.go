package server

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"

	"pando/raft"
	"pando/snapshot"
	"pando/store"
)

// machine is the state machine that raft applies the log to: the store, plus
// what a log may hold that the store does not know. Its methods are called by
// raft's apply goroutine.
type machine struct {
	store *store.Store
	peers *peers
	log   *zap.Logger

	members *store.Node // the records that levels was read from
	levels  raft.Levels

	mu      sync.Mutex
	skipped map[string]int // entries of etcd 3's own API, by kind
}

// Apply carries out a v2 request. Entries of etcd 3's API are counted and
// skipped; anything else that is not understood stops the node, because a
// member that skips what others apply would differ from them for ever.
func (m *machine) Apply(index, term uint64, data []byte) (uint64, any, error) {
	c, err := store.Unmarshal(data)
	switch {
	case err == nil:
		return c.ID, m.store.Apply(index, term, c), nil
	case errors.Is(err, store.ErrNotCommand):
		kind, ok := v3Kind(data)
		if !ok {
			return 0, nil, fmt.Errorf("it is neither a v2 request nor one of etcd 3: %w", err)
		}
		m.skip(kind)
		return 0, nil, nil
	default:
		return 0, nil, fmt.Errorf("it was written by a later version, which this one must not guess at: %w", err)
	}
}

// Replay is Apply for an entry whose result nobody waits for.
func (m *machine) Replay(index, term uint64, data []byte) error {
	c, err := store.UnmarshalShared(data)
	if err != nil {
		_, _, err = m.Apply(index, term, data)
		return err
	}
	m.store.Replay(index, term, c)
	return nil
}

// Light reports whether data writes one key.
func (m *machine) Light(data []byte) bool { return store.Light(data) }

func (m *machine) skip(kind string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.skipped == nil {
		m.skipped = map[string]int{}
	}
	m.skipped[kind]++
}

// takeSkipped returns the counts since the last call.
func (m *machine) takeSkipped() map[string]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.skipped
	m.skipped = nil
	return s
}

// ApplyConfChange writes a membership change into the tree, if it is valid there.
func (m *machine) ApplyConfChange(cc *raftpb.ConfChange) bool {
	return m.store.ApplyMember(store.MemberChange{
		Kind: store.MemberChangeKind(cc.GetType()), ID: cc.GetNodeId(), Context: cc.GetContext(),
	})
}

// Levels are those that members have published.
func (m *machine) Levels() raft.Levels {
	records, members := m.store.Members()
	if m.levels == nil || records != m.members {
		m.members, m.levels = records, raft.Levels{}
		for _, member := range members() {
			if member.Pando > 0 {
				m.levels[member.ID] = member.Pando
			}
		}
	}
	return m.levels
}

// Publish makes a batch visible, and the connections follow its member list.
func (m *machine) Publish(index, term uint64) {
	m.store.Publish(index, term)
	m.peers.follow()
}

// Notify wakes watchers.
func (m *machine) Notify() { m.store.Notify() }

// Image is what a snapshot of the published state holds.
func (m *machine) Image() snapshot.Payload { return m.store.Image() }

// Prepare reads a snapshot, on any goroutine; install, called by the apply goroutine, replaces the state by it.
func (m *machine) Prepare(r io.Reader) (install func(), err error) { return m.store.Prepare(r) }
