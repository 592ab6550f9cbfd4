package server

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"go.uber.org/zap"

	"pando/config"
	"pando/httpapi"
)

// keepAlive is how often the system asks whether a silent client is still there
// (keys-api spec, section 17).
const keepAlive = 30 * time.Second

// listener is one bound socket. TLS, if it is spoken there, begins above it.
type listener struct {
	net.Listener
	secure bool
}

// listeners are the bound sockets of one port kind.
type listeners []listener

// listen binds all addresses, before anything of the data directory is touched.
// A default second port that somebody else has costs a warning; any other
// address that cannot be had is a reason not to start.
func listen(addrs []config.Listen, log *zap.Logger) (ls listeners, err error) {
	lc := net.ListenConfig{KeepAlive: keepAlive}
	for _, a := range addrs {
		l, err := lc.Listen(noContext, "tcp", a.Address)
		switch {
		case err == nil:
			ls = append(ls, listener{l, a.Secure()})
		case a.Optional:
			log.Warn("the default second port is not free and is left out", zap.String("url", a.URL), zap.Error(err))
		default:
			ls.close()
			return nil, fmt.Errorf("cannot listen on %s: %w", a.URL, err)
		}
	}
	if len(ls) == 0 {
		return nil, errors.New("none of the addresses to listen on could be bound")
	}
	return ls, nil
}

// turnedAway is how many connections beyond a limit are told so at the same time,
// and refusalTime how long each may take to hear it.
const (
	turnedAway  = 20
	refusalTime = time.Second
)

// wrap has the listeners accept what those that with makes of them accept.
func (ls listeners) wrap(with func(net.Listener) net.Listener) {
	for i, l := range ls {
		ls[i].Listener = with(l.Listener)
	}
}

// limit lets at most n connections be open over all the listeners together.
// turnedAway more are accepted for refusalTime and get no answer but that there
// are too many (httpapi.Conn); beyond that clients wait in the system's queue.
// File descriptors stay free for the log and the snapshots.
func (ls listeners) limit(n int) {
	slots, refusals, heads := make(chan struct{}, n), make(chan struct{}, turnedAway), httpapi.NewHeads()
	for i, l := range ls {
		ls[i].Listener = &limited{Listener: l.Listener, slots: slots, refusals: refusals, heads: heads, closed: make(chan struct{})}
	}
}

// limited shares its slots with the other listeners of the port kind, which is
// why it is not x/net's LimitListener.
type limited struct {
	net.Listener
	slots, refusals chan struct{}
	heads           *httpapi.Heads
	closed          chan struct{}
	once            sync.Once
}

// Accept waits for a connection, and for a slot of either kind.
func (l *limited) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	select {
	case l.slots <- struct{}{}:
		return l.admit(c, l.slots), nil
	default:
	}
	select {
	case l.slots <- struct{}{}:
		return l.admit(c, l.slots), nil
	case l.refusals <- struct{}{}:
		refused := l.admit(c, l.refusals)
		refused.end = time.AfterFunc(refusalTime, func() { _ = c.Close() })
		return refused, nil
	case <-l.closed:
		c.Close()
		return nil, net.ErrClosed
	}
}

func (l *limited) admit(c net.Conn, slot chan struct{}) *limitedConn {
	return &limitedConn{Conn: c, slot: slot, head: l.heads.New()}
}

// Close ends a waiting Accept as well.
func (l *limited) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

type limitedConn struct {
	net.Conn
	slot chan struct{}
	head *httpapi.Head
	end  *time.Timer // of one too many; nil if it may stay
	once sync.Once
	// unread is what package front has read of a request that it has handed on.
	unread []byte
}

// NetConn implements front.Conn.
func (c *limitedConn) NetConn() net.Conn { return c.Conn }

// Unread implements front.Conn.
func (c *limitedConn) Unread(b []byte) { c.unread = b }

// Read meters what a request's head takes.
func (c *limitedConn) Read(p []byte) (n int, err error) {
	if len(c.unread) > 0 {
		n = copy(p, c.unread)
		if c.unread = c.unread[n:]; len(c.unread) == 0 {
			c.unread = nil // or its memory stays as long as the connection
		}
	} else {
		n, err = c.Conn.Read(p)
	}
	if refused := c.head.Count(p[:n]); refused != nil {
		return 0, refused
	}
	return n, err
}

// Head implements httpapi.Conn.
func (c *limitedConn) Head() *httpapi.Head { return c.head }

// Refused implements httpapi.Conn and front.Conn.
func (c *limitedConn) Refused() bool { return c.end != nil }

// CloseWrite lets the HTTP server say that it is done before it closes a
// connection that the client still sends on: the answer gets through.
func (c *limitedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// Close gives the slot back, once.
func (c *limitedConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() {
		if c.end != nil {
			c.end.Stop()
		}
		c.head.Close()
		<-c.slot
	})
	return err
}

// url is where the listener is bound.
func (l listener) url() string {
	if l.secure {
		return "https://" + l.Addr().String()
	}
	return "http://" + l.Addr().String()
}

// accepting is what an HTTP server accepts from. It gets *tls.Conn from a secure one: net/http then does the handshake.
func (l listener) accepting(config *tls.Config) net.Listener {
	if l.secure {
		return tls.NewListener(l.Listener, config)
	}
	return l.Listener
}

func (ls listeners) close() {
	for _, l := range ls {
		l.Close()
	}
}

// portLimits are the limits of the client port, or of a proxy.
func portLimits(cfg *config.Config) httpapi.Limits {
	l := cfg.Limits
	return httpapi.Limits{
		HeaderBytes: l.HeaderBytes, HeaderTimeout: l.HeaderTimeout, IdleTimeout: l.IdleTimeout,
		BodyBytes: l.BodyBytes, Streams: l.Streams, Watchers: l.Watchers,
	}
}

// peerLimits are those of the peer port, where nobody has a use for more.
func peerLimits() httpapi.Limits {
	l := httpapi.DefaultLimits()
	l.HeaderBytes = 64 << 10
	return l
}
