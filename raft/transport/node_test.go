package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"pando/tlsconfig"
)

const (
	testCluster = 0xc1
	testTimeout = 10 * time.Second
)

// handler records what a transport tells its member.
type handler struct {
	mu      sync.Mutex
	members map[uint64]bool
	removed map[uint64]bool
	process func(ctx context.Context, m *raftpb.Message) error // instead of inbox, if it is set
	admits  func()                                             // called, if it is set, when a member has been found to be one

	inbox       chan *raftpb.Message
	unreachable chan uint64
	snapshots   chan bool
}

func newHandler(members ...uint64) *handler {
	h := &handler{
		members: map[uint64]bool{}, removed: map[uint64]bool{},
		inbox:       make(chan *raftpb.Message, 10000),
		unreachable: make(chan uint64, 100000),
		snapshots:   make(chan bool, 100),
	}
	for _, id := range members {
		h.members[id] = true
	}
	return h
}

func (h *handler) Process(ctx context.Context, m *raftpb.Message) error {
	h.mu.Lock()
	process := h.process
	h.mu.Unlock()
	if process != nil {
		return process(ctx, m)
	}
	h.inbox <- m
	return nil
}

func (h *handler) setProcess(f func(context.Context, *raftpb.Message) error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.process = f
}

func (h *handler) ReportUnreachable(id uint64) {
	select {
	case h.unreachable <- id:
	default:
	}
}

func (h *handler) ReportSnapshot(_ uint64, ok bool) { h.snapshots <- ok }

func (h *handler) Removed(id uint64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.removed[id]
}

func (h *handler) Member(id uint64) bool {
	h.mu.Lock()
	is, admits := h.members[id], h.admits
	h.admits = nil
	h.mu.Unlock()
	if admits != nil {
		admits()
	}
	return is
}

func (h *handler) admit(id uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.members[id] = true
}

func (h *handler) remove(id uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.removed[id] = true
	delete(h.members, id)
}

// node is a member: a transport behind a real socket.
type node struct {
	*Transport
	t        testing.TB
	id       uint64
	url      string
	h        *handler
	server   *http.Server
	broken   chan uint64
	expelled chan error
	logs     *observer.ObservedLogs
	receiver atomic.Pointer[receiveFunc]
}

type receiveFunc func(ctx context.Context, m *raftpb.Message, r io.Reader) error

// takeSnapshots says what the member does with a snapshot.
func (n *node) takeSnapshots(f receiveFunc) { n.receiver.Store(&f) }

// startNode starts a member that knows the members 1 to 5, at an address or a free port.
func startNode(t testing.TB, id uint64, address string) *node {
	t.Helper()
	return startMember(t, id, testCluster, address)
}

func startMember(t testing.TB, id, cluster uint64, address string) *node {
	t.Helper()
	return startSecured(t, id, cluster, address, nil)
}

// startSecured starts a member with TLS, if there are certificates.
func startSecured(t testing.TB, id, cluster uint64, address string, certificates *tlsconfig.Source) *node {
	t.Helper()
	n := &node{
		t: t, id: id, h: newHandler(1, 2, 3, 4, 5),
		broken: make(chan uint64, 100), expelled: make(chan error, 1),
	}
	n.takeSnapshots(func(context.Context, *raftpb.Message, io.Reader) error { return errors.New("unexpected") })
	core, logs := observer.New(zap.DebugLevel)
	n.logs = logs
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	n.url, listener = "http://"+listener.Addr().String(), NewListener(listener)
	if certificates != nil {
		n.url, listener = "https://"+listener.Addr().String(), tls.NewListener(listener, certificates.Server())
	}
	n.Transport, err = New(Config{
		MemberID: id, ClusterID: cluster, PeerURLs: []string{n.url}, Handler: n.h, Logger: zap.New(core), TLS: certificates,
		Broken:   func(id uint64) { n.broken <- id },
		Expelled: func(err error) { n.expelled <- err },
		ReceiveSnapshot: func(ctx context.Context, m *raftpb.Message, r io.Reader) error {
			return (*n.receiver.Load())(ctx, m, r)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	n.Start()
	n.server = &http.Server{Handler: n.HTTP()}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = n.server.Serve(listener) // ends with the server
	}()
	t.Cleanup(func() {
		n.close()
		<-served
	})
	return n
}

func (n *node) close() {
	n.Stop()
	_ = n.server.Close()
}

// cut does to the member's connections what the death of its process does.
func (n *node) cut() {
	_ = n.server.Close()
	n.held.mu.Lock()
	defer n.held.mu.Unlock()
	for _, p := range n.held.own {
		_ = p.stream.conn.Close()
	}
}

func startNodes(t testing.TB, count uint64) []*node {
	t.Helper()
	var all []*node
	for id := uint64(1); id <= count; id++ {
		all = append(all, startNode(t, id, "127.0.0.1:0"))
	}
	for _, n := range all {
		for _, other := range all {
			if n != other {
				n.connect(other)
			}
		}
	}
	return all
}

func (n *node) connect(other *node) {
	n.t.Helper()
	if err := n.AddPeer(other.id, []string{other.url}); err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) awaitActive(ids ...uint64) {
	n.t.Helper()
	for _, id := range ids {
		await(n.t, "streams to come up", func() bool { return !n.ActiveSince(id).IsZero() })
	}
}

// awaitPresence waits until a presence connection to that peer is up for the nth time.
func (n *node) awaitPresence(id uint64, nth int) {
	n.t.Helper()
	await(n.t, "a presence connection", func() bool {
		return n.logs.FilterMessage("connected to a peer").FilterField(zap.String("peer", hex(id))).Len() >= nth
	})
}

// delivers sends a message until it arrives, as raft does: streams that are coming up may lose some.
func (n *node) delivers(to *node) {
	n.t.Helper()
	m := heartbeat(n.id, to.id, 7)
	await(n.t, "a message to arrive", func() bool {
		n.Send([]*raftpb.Message{m})
		select {
		case got := <-to.h.inbox:
			return got.GetFrom() == n.id
		case <-time.After(50 * time.Millisecond):
			return false
		}
	})
}

func heartbeat(from, to, term uint64) *raftpb.Message {
	return &raftpb.Message{Type: raftpb.MsgHeartbeat.Enum(), From: new(from), To: new(to), Term: new(term)}
}

func receive[T any](t testing.TB, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(testTimeout):
		t.Fatalf("waited in vain for %s", what)
		panic("unreachable")
	}
}

func await(t testing.TB, what string, reached func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(testTimeout); !reached(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// leakCheck is called first and what it returns last: then as many goroutines are left as there were.
func leakCheck(t *testing.T) func() {
	t.Helper()
	before := runtime.NumGoroutine()
	return func() {
		t.Helper()
		defer func() {
			if t.Failed() {
				stacks := make([]byte, 1<<20)
				t.Logf("%s", stacks[:runtime.Stack(stacks, true)])
			}
		}()
		await(t, "goroutines to end", func() bool { return runtime.NumGoroutine() <= before })
	}
}

// freeURLs are addresses that nobody listens on yet.
func freeURLs(t testing.TB, count int) []string {
	t.Helper()
	var urls []string
	for range count {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		urls = append(urls, "http://"+listener.Addr().String())
	}
	return urls
}
