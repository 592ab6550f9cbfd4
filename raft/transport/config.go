package transport

import (
	"context"
	"errors"
	"io"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"

	"pando/tlsconfig"
)

// Handler is what the transport needs of the member that it serves. Its methods are called from many goroutines.
type Handler interface {
	// Process takes a message from another member. A MsgProp may carry a term, and its sender may have it from a third
	// member. It gives up when ctx ends. An error is logged, and for POST /raft it becomes a 500.
	Process(ctx context.Context, m *raftpb.Message) error
	// ReportUnreachable says that a message to that member was lost. It must not block: Send calls it.
	ReportUnreachable(id uint64)
	// ReportSnapshot says how the sending of a snapshot to that member ended. It must not block: Send calls it.
	ReportSnapshot(id uint64, ok bool)
	// Removed reports whether that id was a member and was removed.
	Removed(id uint64) bool
	// Member reports whether messages are accepted from that id: it is a member, or, while this member is joining, one of
	// the peers it was given.
	Member(id uint64) bool
}

// Config is what New needs. All functions are required.
type Config struct {
	MemberID  uint64
	ClusterID uint64
	PeerURLs  []string    // this member's own, announced to peers; an etcd that lags behind answers to them
	Handler   Handler     //
	Logger    *zap.Logger // nil = none
	// TLS has the certificates for https peer URLs; nil: none, and the system's authorities.
	TLS *tlsconfig.Source
	// DialTimeout bounds how long it takes to connect to a peer; 0 = 1 s.
	DialTimeout time.Duration
	// Silence is how long a peer may say nothing before it gets messages both ways; 0 = 500 ms. Of two that have to do with
	// each other both speak at each heartbeat, and one that hears nothing for an election timeout gives the other up.
	Silence time.Duration

	// ReceiveSnapshot takes a snapshot that a Pando streams: m is the MsgSnap without data, r the bytes of the .snap file. The
	// sender sees success when it returns nil: the snapshot is on disk and m stepped by then. A stream that breaks makes a
	// Read fail. One call at a time. Its error goes to the sender as text.
	ReceiveSnapshot func(ctx context.Context, m *raftpb.Message, r io.Reader) error
	// Broken says that the process of a peer that is Pando has just ended, or that the connection to it broke. A false alarm is
	// possible. It must not block.
	Broken func(id uint64)
	// Expelled says that a peer told us that this member was removed from the cluster. It comes once at most.
	Expelled func(err error)
}

func (c *Config) check() error {
	switch {
	case c.MemberID == 0 || c.ClusterID == 0:
		return errors.New("transport: no member id or no cluster id")
	case c.Handler == nil:
		return errors.New("transport: no handler")
	case c.ReceiveSnapshot == nil || c.Broken == nil || c.Expelled == nil:
		return errors.New("transport: a callback is missing")
	}
	if c.Logger == nil {
		c.Logger = zap.NewNop()
	}
	if c.DialTimeout == 0 {
		c.DialTimeout = time.Second
	}
	if c.Silence == 0 {
		c.Silence = 500 * time.Millisecond
	}
	if c.TLS == nil {
		var err error
		if c.TLS, err = tlsconfig.Load(tlsconfig.Options{Port: "peer"}); err != nil {
			return err
		}
	}
	return nil
}
