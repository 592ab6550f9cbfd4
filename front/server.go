package front

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"pando/socket"
)

// Conn is a connection as the listeners give it.
type Conn interface {
	net.Conn
	// NetConn is the system's connection, which plain requests are read from and answered on.
	NetConn() net.Conn
	// Unread makes b what is read from the Conn next. It keeps b.
	Unread(b []byte)
	// Refused says that the connection is one too many. It is handed on at once.
	Refused() bool
}

// Options are what a Server can be told. No time may be 0.
type Options struct {
	// HeaderTimeout is how long a head may take, from its first byte, or from the connection's start.
	HeaderTimeout time.Duration
	// IdleTimeout is how long a connection may wait for its next request; some have a quarter and five seconds more.
	IdleTimeout time.Duration
	// BodyTimeout is how long the body of a plain request may take.
	BodyTimeout time.Duration
	// HeaderBytes bounds a head, if it is less than a plain one may have. What is longer is handed on.
	HeaderBytes int
	// Elsewhere says which paths are handed on, though plain: those whose handler waits for the end of r.Context(). nil: none.
	Elsewhere func(path string) bool
	// Logger is told of a handler's panics.
	Logger *zap.Logger
}

// Server serves plain requests, and hands on what it does not serve.
type Server struct {
	handler http.Handler
	o       Options
	others  *handedOn
	lot     *lot // nil: nothing can be parked, so everything is handed on
	crew    crew
	// restAfter is the constant, but in tests.
	restAfter time.Duration

	stopping  atomic.Bool // nobody waits for a request any more
	cutting   atomic.Bool // nor for an event
	mu        sync.Mutex
	listeners []net.Listener
	conns     map[*conn]struct{}
	done      chan struct{} // closed when it is over
	empty     chan struct{} // closed when there is no connection any more, after stopping
	wg        sync.WaitGroup
}

// New returns a Server. It has to be shut down, once, even if it never served.
func New(h http.Handler, o Options) *Server {
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	s := &Server{
		handler: h, o: o, others: &handedOn{conns: make(chan net.Conn), closed: make(chan struct{})},
		conns: map[*conn]struct{}{}, done: make(chan struct{}), empty: make(chan struct{}), restAfter: restAfter,
	}
	s.crew.server = s
	var err error
	if s.lot, err = newLot(); err != nil {
		o.Logger.Warn("requests are served by net/http alone, which costs more", zap.Error(err))
	} else {
		s.wg.Go(s.lot.watch)
		s.wg.Go(s.sweep)
	}
	return s
}

// Others accepts what is handed on. An http.Server has to serve it.
func (s *Server) Others() net.Listener { return s.others }

// Serve accepts connections until l fails, or until Shutdown closes it; then the error is http.ErrServerClosed.
func (s *Server) Serve(l net.Listener) error {
	if !s.opened(l) {
		l.Close()
		return http.ErrServerClosed
	}
	var wait time.Duration
	for {
		c, err := l.Accept()
		if err != nil {
			if s.stopping.Load() {
				return http.ErrServerClosed
			}
			var system net.Error
			if errors.As(err, &system) && system.Temporary() { //nolint:staticcheck // no descriptor is left, or the client is gone already
				wait = min(max(2*wait, 5*time.Millisecond), time.Second)
				time.Sleep(wait)
				continue
			}
			return err
		}
		wait = 0
		s.accept(c)
	}
}

func (s *Server) opened(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners = append(s.listeners, l)
	return !s.stopping.Load()
}

func (s *Server) accept(c net.Conn) {
	ours, ok := c.(Conn)
	if !ok || s.lot == nil || ours.Refused() {
		s.others.give(c)
		return
	}
	tcp, ok := ours.NetConn().(system)
	if !ok {
		s.others.give(c)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping.Load() {
		c.Close()
		return
	}
	n := newConn(s, ours, socket.Direct(tcp).(system))
	s.conns[n] = struct{}{}
	s.wg.Go(n.serve)
}

// remove forgets a connection that has been closed or handed on.
func (s *Server) remove(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	s.tellEmpty()
}

func (s *Server) tellEmpty() {
	if s.stopping.Load() && len(s.conns) == 0 {
		select {
		case <-s.empty:
		default:
			close(s.empty)
		}
	}
}

// Shutdown closes the listeners and the connections that wait for a request, and waits for the answers that are under way until
// ctx ends; then it cuts them. What waits in a handler goes on until the handler returns: Wait waits for it.
func (s *Server) Shutdown(ctx context.Context) {
	s.mu.Lock()
	s.stopping.Store(true)
	for _, l := range s.listeners {
		l.Close()
	}
	s.tellEmpty()
	open := s.open()
	s.mu.Unlock()
	for _, c := range open {
		c.closeIdle()
	}
	select {
	case <-s.empty:
	case <-ctx.Done():
		s.cutting.Store(true)
		s.mu.Lock()
		open = s.open()
		s.mu.Unlock()
		for _, c := range open {
			c.cut()
		}
	}
	if s.lot != nil {
		s.lot.close()
	}
	close(s.done)
}

// sweep closes parked connections whose client has asked for nothing in IdleTimeout, or in a quarter more.
func (s *Server) sweep() {
	every := time.NewTicker(s.o.IdleTimeout / 4)
	defer every.Stop()
	for {
		select {
		case now := <-every.C:
			s.mu.Lock()
			open := s.open()
			s.mu.Unlock()
			for _, c := range open {
				c.expire(now.Add(-s.o.IdleTimeout))
			}
		case <-s.done:
			return
		}
	}
}

// Wait waits for the goroutines of all connections, after Shutdown.
func (s *Server) Wait() { s.wg.Wait() }

// open lists the connections. The caller holds the mutex.
func (s *Server) open() []*conn {
	open := make([]*conn, 0, len(s.conns))
	for c := range s.conns {
		open = append(open, c)
	}
	return open
}

// handedOn is the listener of the connections that are handed on.
type handedOn struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

// give waits until the connection is accepted. After Close it is closed.
func (h *handedOn) give(c net.Conn) {
	select {
	case h.conns <- c:
	case <-h.closed:
		c.Close()
	}
}

// Accept implements net.Listener.
func (h *handedOn) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (h *handedOn) Close() error {
	h.once.Do(func() { close(h.closed) })
	return nil
}

// Addr implements net.Listener: these connections have been accepted elsewhere.
func (h *handedOn) Addr() net.Addr { return handedOnAddr{} }

type handedOnAddr struct{}

// Network implements net.Addr.
func (handedOnAddr) Network() string { return "handed on" }

// String implements net.Addr.
func (handedOnAddr) String() string { return "handed on" }
