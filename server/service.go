package server

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"

	"go.uber.org/zap"

	"pando/front"
)

// The loggers' names.
const (
	logServer    = "etcdserver"
	logAPI       = "etcdhttp"
	logEngine    = "raft"
	logTransport = "rafthttp"
)

// service is what a member and a proxy have in common: ports that are served, and an end.
type service struct {
	logs *zap.Logger     // of which each package gets one with its name
	log  *zap.Logger     // the server's own
	wg   *sync.WaitGroup // its goroutines

	fatal   chan struct{} // closed at the first fatal error
	reason  error         // it; read after fatal is closed
	failing *sync.Once
}

func newService(logs *zap.Logger) service {
	return service{logs: logs, log: logs.Named(logServer), wg: new(sync.WaitGroup), fatal: make(chan struct{}), failing: new(sync.Once)}
}

// serve answers on the listeners until the port is shut down.
func (s *service) serve(ls listeners, port *http.Server, kind string, secured *tls.Config) {
	for _, l := range ls {
		s.log.Info("serving " + kind + " requests on " + l.url())
		s.accept(port.Serve, l.accepting(secured))
	}
}

// serveClients is serve for the client port of a member, where plain requests are served by f, and only what it hands on, and
// what comes over TLS, by port.
func (s *service) serveClients(ls listeners, f *front.Server, port *http.Server, secured *tls.Config) {
	s.accept(port.Serve, f.Others())
	for _, l := range ls {
		s.log.Info("serving client requests on " + l.url())
		if l.secure {
			s.accept(port.Serve, l.accepting(secured))
		} else {
			s.accept(f.Serve, l.Listener)
		}
	}
}

// accept runs what accepts from a listener. If that fails before the port is shut down, the service does.
func (s *service) accept(serve func(net.Listener) error, from net.Listener) {
	s.wg.Go(func() {
		if err := serve(from); err != nil && !errors.Is(err, http.ErrServerClosed) {
			s.fail(err)
		}
	})
}

// fail ends the service because of err; only the first one counts.
func (s *service) fail(err error) {
	s.failing.Do(func() {
		s.reason = err
		close(s.fatal)
	})
}

// Failed implements Process.
func (s *service) Failed() <-chan struct{} { return s.fatal }

// why is the reason if the service has failed, or else how it ended.
func (s *service) why(err error) error {
	select {
	case <-s.fatal:
		return s.reason
	default:
		return err
	}
}
