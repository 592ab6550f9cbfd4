package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"go.uber.org/zap"

	"pando/auth"
	"pando/config"
	"pando/eventhistory"
	"pando/front"
	"pando/httpapi"
	"pando/metrics"
	"pando/raft"
	"pando/raft/transport"
	"pando/store"
)

// noContext marks the few calls that nobody can give up on.
var noContext = context.Background()

// server is one running node: the engine, the state machine and the ports. It
// is what httpapi asks for (httpapi.Server).
type server struct {
	service
	cfg     *config.Config
	certs   certificates
	store   *store.Store
	auth    *auth.Service
	machine *machine
	node    *raft.Node
	peers   *peers
	metrics *metrics.Metrics
	// transport is the way to the other members; peers decides who they are.
	transport *transport.Transport

	clients                 listeners // bound sockets of the client port
	front                   *front.Server
	clientPort, membersPort *http.Server

	life   context.Context // ends when the server begins to stop
	cancel context.CancelFunc
	open   chan struct{} // closed when keys may be served
	// published: this member's attributes are in the tree. Housekeeping's own.
	published bool
	elected   chan struct{} // capacity 1: another leader, or none; wakes housekeeping
	synced    time.Time     // when the clock was last proposed; housekeeping's own
	mixed     mixedReport
}

// start binds the ports, opens the data directory and begins to serve. Keys wait
// until the log has been replayed; version, health and members answer at once.
func start(cfg *config.Config, o Options) (*server, error) {
	connections, err := config.CheckFDLimit(cfg.Limits.Connections)
	if err != nil {
		return nil, err
	}
	parts := newService(o.Logger)
	certs, err := loadCertificates(cfg, parts.log)
	if err != nil {
		return nil, err
	}
	clients, err := listen(cfg.ListenClient, parts.log)
	if err != nil {
		return nil, err
	}
	peers, err := listen(cfg.ListenPeer, parts.log)
	if err != nil {
		clients.close()
		return nil, err
	}
	s := &server{
		service: parts, cfg: cfg, certs: certs, clients: clients,
		store: store.New(store.Options{HistorySize: cfg.EventHistory, Now: hostTime}),
		open:  make(chan struct{}), elected: make(chan struct{}, 1),
	}
	s.metrics = metrics.New(config.VersionName(), s.store.Hub().Span, s.state)
	s.life, s.cancel = context.WithCancel(noContext)
	s.peers = newPeers(s.store, s.log)
	s.peers.certs, s.peers.transportLog = certs.peers, s.logs.Named(logTransport)
	s.machine = &machine{store: s.store, peers: s.peers, log: s.log}
	if err := s.startNode(); err != nil {
		clients.close()
		peers.close()
		return nil, err
	}
	o.opening()
	clients.limit(connections)
	peers.wrap(transport.NewListener)
	peers.limit(peerConnections)
	s.auth = auth.NewService(s, s.log)
	s.serveAPI(s.api(o.SetLogLevel))
	s.membersPort = httpapi.NewHTTPServer(s.peerHandler(), s.log, peerLimits())
	follow := s.membersPort.ConnState
	s.membersPort.ConnState = func(c net.Conn, state http.ConnState) {
		follow(c, state)
		s.certs.peers.ConnState(c, state)
	}
	s.serve(peers, s.membersPort, "peer", s.certs.peers.Server()) // HTTP/1.1 only, as rafthttp speaks it
	s.wg.Add(1)
	go s.housekeeping()
	return s, nil
}

// serveAPI begins to answer clients.
func (s *server) serveAPI(api http.Handler) {
	limits := portLimits(s.cfg)
	s.clientPort = httpapi.NewHTTPServer(api, s.log, limits)
	s.front = front.New(api, front.Options{
		HeaderTimeout: limits.HeaderTimeout, IdleTimeout: limits.IdleTimeout, BodyTimeout: bodyTimeout,
		HeaderBytes: limits.HeaderBytes, Logger: s.logs.Named(logAPI),
		Elsewhere: func(path string) bool { return strings.HasPrefix(path, "/debug/") }, // a profile lasts as long as asked for
	})
	s.serveClients(s.clients, s.front, s.clientPort, s.certs.clients.Server(clientProtocols(s.cfg.ClientTLS)...))
}

// bodyTimeout is how long the body of a plain request may take: it is no longer than a chunk of those that httpapi reads.
const bodyTimeout = 30 * time.Second

// startNode opens the data directory, starts the engine and connects it to the
// other members.
func (s *server) startNode() error {
	cfg := s.cfg
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // what is read from the disk stays: there is nothing to collect
	begin := &beginning{cfg: cfg, log: s.log, client: s.certs.peerClient(joinTimeout)}
	node, err := raft.Start(raft.Config{
		FS: hostFS(), DataDir: cfg.DataDir, WALDir: cfg.WALDir,
		Bootstrap: begin.bootstrap, ForceNewCluster: forceNewCluster(cfg), TakeOver: s.tryOut,
		Heartbeat: cfg.Heartbeat, Election: cfg.Election,
		Transport: s.peers, Snapshots: s.peers,
		Barrier:       barrier,
		SnapshotCount: cfg.SnapshotCount, MaxSnapshots: cfg.MaxSnapshots, MaxWALs: cfg.MaxWALs,
		Logger: s.logs.Named(logEngine), Observer: engineObserver{s.metrics, s.elected},
	}, s.machine)
	if err != nil {
		return err
	}
	s.node = node
	if cfg.Discovery.URL != "" && !begin.empty {
		s.log.Warn(fmt.Sprintf("discovery token ignored since a cluster has already been initialized. Valid log found at %q", cfg.WALDir))
	}
	if cfg.ForceNewCluster {
		s.peers.alone = node.Ready()
	}
	if s.transport, err = s.peers.start(node, cfg.AdvertisePeer, cfg.Election, begin.joined); err != nil {
		return errors.Join(err, node.Close())
	}
	return nil
}

// peerHandler serves the other members: the engine's messages, and what etcd's
// members and proxies ask.
func (s *server) peerHandler() http.Handler {
	mux := http.NewServeMux()
	messages, others := s.transport.HTTP(), httpapi.NewPeer(s, hostTime)
	mux.Handle("/raft", messages)
	mux.Handle("/raft/", messages)
	mux.Handle(membersPath, s.transport.Questions(s.takeChange))
	mux.Handle("/raft/probing", others) // which tells the host's clock
	mux.Handle("/", others)
	return mux
}

// peerConnections bounds the connections to the peer port, out of the descriptors
// that are kept for files and peers.
const peerConnections = 100

// drain is how long requests that are under way may take when the server stops.
const drain = 3 * time.Second

// Close implements Process. The order matters: the leadership is handed over while
// this member can still vouch for it; watches are ended, because nothing else
// would end them; the requests under way get their answers, which need the
// engine and its connections; then the engine writes its last word and lets go
// of the data directory.
func (s *server) Close() error {
	s.cancel()
	ctx, cancel := context.WithTimeout(noContext, drain)
	defer cancel()
	s.handOver(ctx)
	s.store.StopWatches()
	s.front.Shutdown(ctx)
	shutdown(ctx, s.clientPort)
	s.transport.Stop()
	shutdown(ctx, s.membersPort)
	err := s.node.Close()
	s.front.Wait()
	s.wg.Wait()
	if err = s.why(err); err == nil {
		s.log.Info("stopped: everything that was acknowledged is on disk")
	}
	return err
}

// shutdown ends a port and waits for its requests, but not longer than ctx.
func shutdown(ctx context.Context, port *http.Server) {
	if port.Shutdown(ctx) != nil {
		port.Close()
	}
}

// handOver gives the leadership away before a planned stop, so that the others
// need no election.
func (s *server) handOver(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Election)
	defer cancel()
	if err := s.node.HandOver(ctx); err != nil && !errors.Is(err, raft.ErrStopped) {
		s.log.Warn("the leadership was not handed over", zap.Error(err))
	}
}

// requestTimeout bounds a write or quorum read: 5 s and two election timeouts,
// as in the reference (cluster-api spec, "RT"), unless --request-timeout says otherwise.
func (s *server) requestTimeout() time.Duration {
	if t := s.cfg.Limits.RequestTimeout; t > 0 {
		return t
	}
	return 5*time.Second + 2*s.cfg.Election
}

// Do proposes a write and waits until it has been applied here.
func (s *server) Do(ctx context.Context, c store.Command) (store.Result, error) {
	c.ID = s.node.NextID()
	began := time.Now()
	var t raft.Timing
	r, err := s.node.ProposeTimed(ctx, c.ID, c.Marshal(), s.requestTimeout(), &t)
	s.observed(ctx, began, t, err)
	if err != nil {
		return store.Result{}, s.failure(err, began)
	}
	return r.(store.Result), nil
}

// ReadBarrier waits until a read of the View is linearizable.
func (s *server) ReadBarrier(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.requestTimeout())
	defer cancel()
	began := time.Now()
	if err := s.node.ReadIndex(ctx); err != nil {
		return s.failure(err, began)
	}
	return nil
}

// failure turns an error of the engine into the reference's answer (keys-api
// spec, sections 13 and 17). A request that never entered the log is 503: it may
// be repeated anywhere. An unknown outcome is 500.
func (s *server) failure(err error, began time.Time) error {
	const timedOut = "etcdserver: request timed out"
	switch {
	case errors.Is(err, raft.ErrStopped):
		return httpapi.ErrStopped
	case errors.Is(err, raft.ErrTooManyRequests):
		return &httpapi.Failure{Status: http.StatusServiceUnavailable, Cause: "etcdserver: too many requests"}
	case errors.Is(err, raft.ErrDiskFull):
		return &httpapi.Failure{Status: http.StatusServiceUnavailable, Cause: "etcdserver: no space left on the disk of the log: writes are refused, reads go on"}
	case errors.Is(err, raft.ErrTooLarge):
		return &httpapi.Failure{Status: http.StatusRequestEntityTooLarge, Cause: "etcdserver: request is too large"}
	case errors.Is(err, context.DeadlineExceeded):
		st := s.node.Status()
		if st.Leader == 0 || st.LeaderSince.After(began.Add(-s.cfg.Election)) {
			return &httpapi.Failure{Status: http.StatusInternalServerError, Cause: timedOut + ", possibly due to previous leader failure"}
		}
		if st.OutOfTouch {
			return &httpapi.Failure{Status: http.StatusInternalServerError, Cause: timedOut + ", possibly due to connection lost"}
		}
		return &httpapi.Failure{Status: http.StatusInternalServerError, Cause: timedOut}
	default:
		return err // the client has left
	}
}

// WaitReady waits until keys may be served.
func (s *server) WaitReady(ctx context.Context) error {
	select {
	case <-s.open:
		return nil
	default:
	}
	ctx, cancel := context.WithTimeout(ctx, s.requestTimeout())
	defer cancel()
	began := time.Now()
	select {
	case <-s.open:
		return nil
	case <-s.life.Done():
		return httpapi.ErrStopped
	case <-ctx.Done():
		return s.failure(ctx.Err(), began)
	}
}

// View is the published state.
func (s *server) View() *store.View { return s.store.View() }

// Watch registers a watcher.
func (s *server) Watch(path string, recursive, stream bool, waitIndex uint64, wake func()) (*eventhistory.Watcher, error) {
	return s.store.Watch(path, recursive, stream, waitIndex, wake)
}

// ClusterID is the cluster's ID.
func (s *server) ClusterID() uint64 { return s.node.Status().ClusterID }

// MemberID is this member's ID.
func (s *server) MemberID() uint64 { return s.node.Status().MemberID }

// Leader is the leader's ID, 0 if none is known.
func (s *server) Leader() uint64 { return s.node.Status().Leader }

// Healthy reports whether writes can be expected to succeed now: somebody leads
// and the log can grow.
func (s *server) Healthy() bool {
	st := s.node.Status()
	return st.Leader != 0 && !st.DiskFull && !st.OutOfTouch
}

// barrier is what reads wait for in a cluster with etcd members: a SYNC at a time
// before every expiration, which all of them take and which changes nothing.
func barrier(id uint64) []byte {
	c := store.Command{ID: id, Method: store.MethodSync}
	return c.Marshal()
}
