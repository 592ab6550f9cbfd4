package transport

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"pando/socket"
)

// Between Pandos messages go along the presence connection, from who holds it to who has asked for it (listen.go): each is four bytes of
// length, little-endian, and the message. Who sends one writes it to the socket himself, if there is room, and who reads it hands it
// to the engine: rafthttp has a goroutine more at both ends, and each costs more than the message. What rafthttp has is there for
// snapshots within a message, for etcd, and while a connection is not up, is congested or may be dead.

const (
	// maxPending bounds what waits for a peer to read, but for the last message, in bytes: somewhat more than the engine has on the way.
	maxPending = 32 << 20
	// maxAhead is behind how much a message waits that is none of those, in bytes.
	maxAhead = 16 << 10
	// keepPending is how much memory stays with a connection that nothing waits for, in bytes.
	keepPending = 1 << 20
	// maxUnsent is how much the system takes beyond what is on the way to the peer, in bytes.
	maxUnsent = 128 << 10
	// maxWrite is how much has to be read by the peer within writeTimeout, in bytes.
	maxWrite     = 64 << 10
	writeTimeout = 5 * time.Second
	// ackTimeout is how long the peer's system may leave unanswered what was sent to it: then what is lost on the way, in either
	// direction, is so on this connection at least, and others may do better.
	ackTimeout = 2 * time.Second
)

// stream is what messages for one peer are written to.
type stream struct {
	conn net.Conn
	now  *socket.Conn // the same, if it can be written to without waiting; nil with TLS
	raw  net.Conn     // the same, to be closed: TLS would say goodbye, and wait for room for that

	mu      sync.Mutex
	pending []byte
	writing int // bytes that were pending and are being written
	closed  bool
	wake    chan struct{} // capacity 1: there is something pending
}

// newStream returns a stream that begins with head. serve follows.
func newStream(c net.Conn, head []byte) *stream {
	s := &stream{conn: c, raw: c, pending: head, wake: make(chan struct{}, 1)}
	s.wake <- struct{}{}
	if secure, ok := c.(*tls.Conn); ok {
		s.raw = secure.NetConn()
	}
	if tcp := below(s.raw); tcp != nil {
		tcp.LimitUnsent(maxUnsent)
		tcp.LimitUnanswered(ackTimeout)
		if s.raw == c {
			s.now = tcp
		}
	}
	return s
}

// below finds the TCP connection that c is made of; nil if there is none.
func below(c net.Conn) *socket.Conn {
	for {
		if found, ok := c.(*socket.Conn); ok {
			return found
		}
		wrapped, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			return nil
		}
		c = wrapped.NetConn()
	}
}

// send writes a message, or has it written, and never waits. It reports whether there was room.
func (s *stream) send(m *raftpb.Message) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := len(s.pending)
	waiting := before + s.writing
	if s.closed || waiting > maxPending || waiting > maxAhead && !mayWait(m) {
		return false
	}
	b, err := proto.MarshalOptions{}.MarshalAppend(append(s.pending, 0, 0, 0, 0), m)
	if err != nil {
		return false
	}
	binary.LittleEndian.PutUint32(b[before:], uint32(len(b)-before-4))
	s.pending = b
	if waiting == 0 && s.now != nil && !s.flush() {
		return false
	}
	if len(s.pending) == 0 {
		return true
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return true
}

// mayWait reports whether a message waits behind however many others. A leader drops proposals that overtake others, and their sender
// waits for a tick before it sends them again; a heartbeat had better go another way.
func mayWait(m *raftpb.Message) bool {
	return m.GetType() == raftpb.MsgApp || m.GetType() == raftpb.MsgProp
}

// flush writes what there is room for. It wants the lock held.
func (s *stream) flush() bool {
	n, err := s.now.WriteNow(s.pending)
	if err != nil {
		s.close()
		return false
	}
	s.pending = s.pending[:copy(s.pending, s.pending[n:])]
	if len(s.pending) == 0 && cap(s.pending) > keepPending {
		s.pending = nil
	}
	return true
}

// close ends what serve does. It wants the lock held.
func (s *stream) close() {
	s.closed, s.pending = true, nil
	_ = s.raw.Close() // what failed before is what matters
}

// end is close, without the lock.
func (s *stream) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.close()
}

// writePending writes what could not be written at once, until ctx ends.
func (s *stream) writePending(ctx context.Context) {
	for {
		select {
		case <-s.wake:
		case <-ctx.Done():
			return
		}
		for b := s.take(); len(b) > 0; b = s.take() {
			if err := s.write(b); err != nil {
				s.end()
				return
			}
		}
	}
}

func (s *stream) take() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.pending
	s.pending, s.writing = nil, len(b)
	return b
}

// write waits for the peer to read, as long as it reads anything.
func (s *stream) write(b []byte) error {
	for len(b) > 0 {
		s.left(len(b))
		part := b[:min(len(b), maxWrite)]
		if err := s.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
			return err
		}
		if _, err := s.conn.Write(part); err != nil {
			return err
		}
		b = b[len(part):]
	}
	return s.conn.SetWriteDeadline(time.Time{})
}

// left notes how much of what is being written is left, the part under way included: until take nobody else writes.
func (s *stream) left(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writing = n
}

// serve holds the connection of a request for as long as ctx and the peer last.
func (s *stream) serve(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	var writer sync.WaitGroup
	defer writer.Wait()
	defer s.end()
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = s.raw.Close() })()
	writer.Go(func() { s.writePending(ctx) })
	_, _ = s.conn.Read(make([]byte, 1)) // the peer says nothing: this is its end, or ours
}

// hijack takes the connection of a request, and returns the answer's head, which is still to be written.
func hijack(w http.ResponseWriter) (c net.Conn, head []byte, err error) {
	if c, _, err = http.NewResponseController(w).Hijack(); err != nil {
		return nil, nil, err
	}
	head = []byte("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/octet-stream\r\n")
	for _, name := range []string{"X-Server-Version", "X-Etcd-Cluster-Id"} {
		head = fmt.Appendf(head, "%s: %s\r\n", name, w.Header().Get(name))
	}
	_ = c.SetDeadline(time.Time{}) // that of the request; if the connection has ended, who uses it finds out
	return c, append(head, '\r', '\n'), nil
}
