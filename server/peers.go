package server

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"

	"pando/peerstats"
	"pando/raft"
	"pando/raft/transport"
	"pando/store"
	"pando/tlsconfig"
)

// peers keeps the connections to the other members as the tree lists them. It
// stands between the engine, which starts first, and the transport, which needs
// to know who we are: messages that come before are lost, as on a network.
type peers struct {
	log          *zap.Logger
	store        *store.Store
	stats        *peerstats.Stats
	node         *raft.Node
	certs        *tlsconfig.Source // for https peer URLs; set before start, as is the transport's logger
	transportLog *zap.Logger

	transport atomic.Pointer[transport.Transport]

	// alone, if it is not nil, is closed when the members that --force-new-cluster
	// drops are gone from the list. Until then they are not heard.
	alone <-chan struct{}

	mu    sync.Mutex
	known map[uint64][]string // peer URLs of the members connected to
	given map[uint64]bool     // who this member may hear while it knows no member list
}

// newPeers returns peers without connections. given are the members of the
// cluster that this one joins, and their URLs.
func newPeers(s *store.Store, log *zap.Logger) *peers {
	return &peers{log: log, store: s, stats: peerstats.New(nil), known: map[uint64][]string{}, given: map[uint64]bool{}}
}

// start connects to the members, whose election timeout is that long. From then on follow keeps up with the list.
func (p *peers) start(node *raft.Node, own []string, election time.Duration, joining []store.Member) (*transport.Transport, error) {
	p.node = node
	st := node.Status()
	t, err := transport.New(transport.Config{
		MemberID: st.MemberID, ClusterID: st.ClusterID, PeerURLs: own,
		Handler: p, Logger: p.transportLog.WithOptions(zap.IncreaseLevel(zap.WarnLevel)), Broken: node.ConnectionLost, TLS: p.certs,
		Silence:         election / 2,
		ReceiveSnapshot: node.ReceiveSnapshot,
		Expelled:        func(error) { node.Expelled() },
	})
	if err != nil {
		return nil, err
	}
	t.Start()
	p.mu.Lock()
	for _, m := range joining {
		p.given[m.ID] = true
		if err := t.AddRemote(m.ID, m.PeerURLs); err != nil {
			p.log.Warn("a member of the cluster cannot be answered yet", zap.String("id", raft.FormatID(m.ID)), zap.Error(err))
		}
	}
	p.mu.Unlock()
	p.transport.Store(t)
	p.follow()
	return t, nil
}

// follow makes the connections equal to the member list of the published state.
// The apply goroutine calls it after each batch.
func (p *peers) follow() {
	t := p.transport.Load()
	if t == nil || p.deaf() {
		return
	}
	self := p.node.Status().MemberID
	p.mu.Lock()
	defer p.mu.Unlock()
	listed := map[uint64]bool{}
	for _, m := range p.store.View().Members() {
		if m.ID == self {
			continue
		}
		listed[m.ID] = true
		p.connect(t, m)
		t.SetKind(m.ID, p.kind(m))
	}
	for id := range p.known {
		if !listed[id] {
			t.RemovePeer(id)
			p.stats.Forget(id)
			delete(p.known, id)
		}
	}
}

// kind is what a member is. Where all that vote are Pando, another one is new, and may
// have been started as anything.
func (p *peers) kind(m store.Member) transport.Kind {
	switch {
	case m.Pando > 0:
		return transport.Pando
	case p.node.Level() > 0:
		return transport.Newcomer
	}
	return transport.Etcd
}

func (p *peers) connect(t *transport.Transport, m store.Member) {
	urls, connected := p.known[m.ID]
	var err error
	switch {
	case !connected:
		err = t.AddPeer(m.ID, m.PeerURLs)
	case !slices.Equal(urls, m.PeerURLs):
		err = t.UpdatePeer(m.ID, m.PeerURLs)
	}
	if err != nil {
		p.log.Error("a member cannot be reached under its peer URLs", zap.String("id", raft.FormatID(m.ID)), zap.Strings("urls", m.PeerURLs), zap.Error(err))
	}
	p.known[m.ID] = m.PeerURLs
}

// Send implements raft.Transport.
func (p *peers) Send(ms []*raftpb.Message) {
	if t := p.transport.Load(); t != nil {
		countSent(p.stats, ms)
		t.Send(ms)
	}
}

// SendSnapshot implements raft.SnapshotSender.
func (p *peers) SendSnapshot(ctx context.Context, to uint64, m *raftpb.Message, open func() (io.ReadCloser, int64, error)) error {
	t := p.transport.Load()
	if t == nil {
		return errNotConnected
	}
	err := t.SendSnapshot(ctx, to, m, open)
	if errors.Is(err, transport.ErrNotPando) {
		return raft.ErrOneMessage
	}
	return err
}

var errNotConnected = errors.New("this member is not connected to the others yet")

// Process implements transport.Handler.
func (p *peers) Process(ctx context.Context, m *raftpb.Message) error {
	countReceived(p.stats, m)
	return p.node.Process(ctx, m)
}

// ReportUnreachable implements transport.Handler.
func (p *peers) ReportUnreachable(id uint64) {
	p.stats.Lost(id)
	p.node.ReportUnreachable(id)
}

// ReportSnapshot implements transport.Handler.
func (p *peers) ReportSnapshot(id uint64, ok bool) { p.node.ReportSnapshot(id, ok) }

// Removed implements transport.Handler.
func (p *peers) Removed(id uint64) bool { return p.store.View().Removed(id) }

// deaf reports whether this member hears nobody yet.
func (p *peers) deaf() bool {
	if p.alone == nil {
		return false
	}
	select {
	case <-p.alone:
		return false
	default:
		return true
	}
}

// Member implements transport.Handler.
func (p *peers) Member(id uint64) bool {
	if p.deaf() {
		return false
	}
	members := p.store.View().Members()
	if slices.ContainsFunc(members, func(m store.Member) bool { return m.ID == id }) {
		return true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.given[id]
}
