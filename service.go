package main

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"os"
	"sync"

	"go.uber.org/zap"

	"pando/front"
)

// process is what runs until it is told to stop: a member or a proxy.
type process interface {
	// signals are those that end it.
	signals() <-chan os.Signal
	// failed is closed when it cannot go on; close then says why.
	failed() <-chan struct{}
	// close stops it and waits until it has stopped.
	close() error
}

// service is what a member and a proxy have in common: ports that are served, and an end.
type service struct {
	log  *zap.Logger
	stop <-chan os.Signal
	wg   *sync.WaitGroup // its goroutines

	fatal   chan struct{} // closed at the first fatal error
	reason  error         // it; read after fatal is closed
	failing *sync.Once
}

func newService(log *zap.Logger) service {
	return service{log: log, wg: new(sync.WaitGroup), fatal: make(chan struct{}), failing: new(sync.Once)}
}

func (s *service) signals() <-chan os.Signal { return s.stop }

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

func (s *service) failed() <-chan struct{} { return s.fatal }

// why is the reason if the service has failed, or else how it ended.
func (s *service) why(err error) error {
	select {
	case <-s.fatal:
		return s.reason
	default:
		return err
	}
}
