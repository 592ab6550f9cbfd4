package transport

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/types"
	"go.etcd.io/etcd/server/v3/etcdserver/api/rafthttp"
	stats "go.etcd.io/etcd/server/v3/etcdserver/api/v2stats"
	"go.uber.org/zap"
	"golang.org/x/time/rate"
)

var errStopped = errors.New("transport: stopped")

// Transport is one member's end of the connections to all others. Its methods may be called from any goroutine, between Start
// and Stop.
type Transport struct {
	cfg    Config
	log    *zap.Logger
	raft   *rafthttp.Transport
	routes http.Handler
	client *http.Transport // for presence, clocks and snapshots

	probers   []prober        // of rafthttp
	pipelines *http.Transport // likewise: the client for messages that have no stream

	ctx     context.Context // ends when Stop begins
	cancel  context.CancelFunc
	running sync.WaitGroup // whatever must not outlive Stop; joined through enter
	stop    sync.Once

	messages  slots // bodies of POST /raft that are read at a time
	snapshots slots // snapshots that are received at a time

	held     presences
	streams  streams
	refusals rate.Sometimes // which of them are logged: anybody can cause them

	mu      sync.RWMutex
	stopped bool
	peers   map[uint64]*peer
	remotes map[uint64]bool
}

// New makes a transport that is not connected to anybody yet. The error names what is wrong with the configuration.
func New(cfg Config) (*Transport, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	urls, err := types.NewURLs(cfg.PeerURLs)
	if err != nil {
		return nil, fmt.Errorf("transport: this member's peer URLs: %w", err)
	}
	t := &Transport{
		cfg: cfg, log: cfg.Logger,
		client:    newClient(cfg.TLS, cfg.DialTimeout),
		messages:  make(slots, maxMessages),
		snapshots: make(slots, 1),
		peers:     map[uint64]*peer{},
		remotes:   map[uint64]bool{},
		refusals:  rate.Sometimes{First: 10, Interval: time.Second},
	}
	t.held.own = map[uint64]*presence{}
	t.streams.all = map[*http.ResponseController]uint64{}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	id := types.ID(cfg.MemberID)
	t.raft = &rafthttp.Transport{
		Logger:      cfg.Logger,
		DialTimeout: cfg.DialTimeout,
		ID:          id,
		URLs:        urls,
		ClusterID:   types.ID(cfg.ClusterID),
		Raft:        &receiver{t},
		ServerStats: stats.NewServerStats("", id.String()),
		LeaderStats: stats.NewLeaderStats(cfg.Logger, id.String()),
		ErrorC:      make(chan error, 1),
	}
	if err := t.raft.Start(); err != nil { // makes its HTTP clients, no goroutine
		return nil, fmt.Errorf("transport: %w", err)
	}
	if t.pipelines, err = secure(t.raft, cfg.TLS); err != nil {
		return nil, err
	}
	if t.probers, err = probersOf(t.raft); err != nil {
		return nil, err
	}
	t.routes = t.newRoutes()
	return t, nil
}

// Start comes before all other methods but Stop, once.
func (t *Transport) Start() {
	t.running.Add(2)
	go t.awaitExpulsion()
	go t.compareClocks()
}

// awaitExpulsion ends at the first critical error, which is always that this member was removed, or at Stop.
func (t *Transport) awaitExpulsion() {
	defer t.running.Done()
	select {
	case err := <-t.raft.ErrorC:
		t.cfg.Expelled(err)
	case <-t.ctx.Done():
	}
}

// Stop closes all connections, refuses new ones, and returns when nothing of the transport runs any more. It must not be
// called from a method of the Handler or from a callback. A second call waits for the first.
func (t *Transport) Stop() {
	t.stop.Do(func() {
		t.mu.Lock()
		t.stopped = true
		t.mu.Unlock()
		t.cancel()
		t.streams.cut(0)
		t.raft.Stop()
		t.running.Wait()
		t.client.CloseIdleConnections()
	})
}

// enter registers work that Stop has to wait for. If it returns false the transport has stopped; otherwise leave follows.
func (t *Transport) enter() bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.stopped {
		return false
	}
	t.running.Add(1)
	return true
}

func (t *Transport) leave() { t.running.Done() }

// whileRunning derives a context that also ends when the transport stops.
func (t *Transport) whileRunning(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	unregister := context.AfterFunc(t.ctx, cancel)
	return ctx, func() { unregister(); cancel() }
}

// HTTP serves /raft and everything below /raft/ on the peer port.
func (t *Transport) HTTP() http.Handler { return t.routes }

// ActiveSince returns since when the streams with that peer have been up; zero if they are not, or if it is no peer.
func (t *Transport) ActiveSince(id uint64) time.Time { return t.raft.ActiveSince(types.ID(id)) }
