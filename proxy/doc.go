// Package proxy passes the requests of clients on to the members of a cluster, and keeps itself informed of who they are.
//
// It promises what etcd's proxy does (server spec, section 6): its flags, its answers where there is no member, its file
// DATA/proxy/cluster. Beyond that:
//
//   - Bytes go through as they come, in both directions: a watch's headers at once, an event when it happens. Of a request or
//     an answer no more than a buffer is in memory.
//   - A write is sent once. Another member is tried only where nothing could be sent to the first, as when it cannot be
//     connected to; if the answer is lost, the client is told. Reads are tried everywhere.
//   - Members are asked for the member list all at once, at intervals and when one of them has failed. Most votes win, and a
//     list is never exchanged for none: what was known last is what is tried.
//
// It asks of its caller: an HTTP server that keeps the limits of a client port; StopWatches, then the end of that server, then
// Close.
package proxy

import (
	"context"
	"net"
	"net/http"
	"time"

	"go.uber.org/zap"

	"pando/fsys"
)

// Config is what a proxy has to know.
type Config struct {
	FS      fsys.FS
	DataDir string // the file is DataDir/proxy/cluster
	// Bootstrap returns the peer URLs to begin with. It is called by New, if there is no file, and may take its time.
	Bootstrap func(context.Context) ([]string, error)
	// Ask reads the member list from a peer URL. It is called from several goroutines and keeps the context's deadline.
	Ask func(ctx context.Context, peerURL string) (Cluster, error)
	// Transport makes the transport to the members around a function that connects, and decides about TLS. New sets its other
	// fields. nil is net/http's.
	Transport func(Connect) *http.Transport
	// CORS says that the caller adds CORS headers: those of the members are dropped, since browsers take no two.
	CORS bool

	FailureWait, RefreshInterval           time.Duration // as config.Proxy has them
	DialTimeout, WriteTimeout, ReadTimeout time.Duration
	Logger                                 *zap.Logger
}

// Connect opens a connection, as net.Dialer.DialContext does.
type Connect = func(ctx context.Context, network, address string) (net.Conn, error)

// Cluster is what a member says of its cluster.
type Cluster struct {
	ID         uint64
	PeerURLs   []string // of all members
	ClientURLs []string // of those that have published them
}

// Proxy is a running proxy: an http.Handler for the client port. Any goroutine may call its methods.
type Proxy struct {
	cfg       Config
	log       *zap.Logger
	file      clusterFile
	endpoints endpoints
	transport *http.Transport
	forward   http.Handler
	metrics   *metrics
	pace      time.Duration // paceTimeout

	// These are the refresher's: the peer URLs as known last, whose they are, what the file holds, and that nobody answers.
	peers, written []string
	id             uint64
	silent         bool

	looked  chan struct{} // closed when the members have been asked once
	hurry   chan struct{} // holds one wish to ask them soon
	life    context.Context
	cancel  context.CancelFunc
	watches context.Context // ends when watches are to end
	stop    context.CancelFunc
	done    chan struct{} // closed when the refresher has ended
}

// New reads the file, or asks for peer URLs to begin with, and begins to look for the members. It does not wait until one has
// been found.
func New(ctx context.Context, cfg Config) (*Proxy, error) {
	p := &Proxy{
		cfg: cfg, log: cfg.Logger, file: newClusterFile(cfg.FS, cfg.DataDir),
		transport: newTransport(cfg), metrics: newMetrics(), pace: paceTimeout,
		looked: make(chan struct{}), hurry: make(chan struct{}, 1), done: make(chan struct{}),
	}
	peers, found, err := p.file.load()
	switch {
	case err != nil:
		return nil, err
	case found:
		p.log.Info("proxy: using peer urls from the cluster file", zap.Strings("urls", peers), zap.String("file", p.file.name))
		p.written = peers
	default:
		if peers, err = cfg.Bootstrap(ctx); err != nil {
			return nil, err
		}
		if err := p.file.makeDir(); err != nil {
			return nil, err
		}
		p.log.Info("proxy: using peer urls", zap.Strings("urls", peers))
	}
	p.peers = peers
	p.forward = p.forwarder()
	p.life, p.cancel = context.WithCancel(context.Background())
	p.watches, p.stop = context.WithCancel(context.Background())
	go p.keepInformed()
	return p, nil
}

// StopWatches cuts all watches, and refuses none that follow: nothing else would end them.
func (p *Proxy) StopWatches() { p.stop() }

// Close ends the search for members and waits for it. Requests must have ended.
func (p *Proxy) Close() {
	p.stop()
	p.cancel()
	<-p.done
	p.transport.CloseIdleConnections()
}
