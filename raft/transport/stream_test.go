package transport

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"golang.org/x/sys/unix"

	"pando/socket"
	"pando/test/certs"
)

func appendOf(from, to uint64, size int) *raftpb.Message {
	return &raftpb.Message{
		Type: raftpb.MsgApp.Enum(), From: &from, To: &to, Term: new(uint64(3)), Index: new(uint64(7)), LogTerm: new(uint64(2)),
		Entries: []*raftpb.Entry{{Index: new(uint64(8)), Term: new(uint64(3)), Data: make([]byte, size)}},
	}
}

// TestMessagesAlongThePresence: all arrive, in order, whatever their size, also when the receiver is slow.
func TestMessagesAlongThePresence(t *testing.T) {
	nodes := startNodes(t, 2)
	a, b := nodes[0], nodes[1]
	b.SetKind(1, Pando)
	b.awaitPresence(1, 1)
	sizes := make(chan int, 1000)
	b.h.setProcess(func(_ context.Context, m *raftpb.Message) error {
		if len(m.GetEntries()[0].GetData()) > 100_000 {
			<-time.After(time.Millisecond)
		}
		sizes <- len(m.GetEntries()[0].GetData())
		return nil
	})
	await(t, "the connection", func() bool { return a.held.send(appendOf(1, 2, 1)) })
	if got := <-sizes; got != 1 {
		t.Fatalf("%d bytes come first", got)
	}
	var sent []int
	for i := range 200 {
		size := []int{10, 5000, 200_000}[i%3] + i
		if !a.held.send(appendOf(1, 2, size)) {
			t.Fatalf("message %d is not taken", i)
		}
		sent = append(sent, size)
	}
	for i, want := range sent {
		select {
		case got := <-sizes:
			if got != want {
				t.Fatalf("message %d has %d bytes, not %d", i, got, want)
			}
		case <-time.After(testTimeout):
			t.Fatalf("message %d does not arrive", i)
		}
	}
}

// TestPendingIsBounded: of what waits for a peer that does not read.
func TestPendingIsBounded(t *testing.T) {
	here, there := net.Pipe()
	defer there.Close()
	s := newStream(here, []byte("head."))
	taken := 0
	for s.send(appendOf(1, 2, 1<<20)) {
		if taken++; taken > 200 {
			t.Fatal("200 MB wait for a peer that does not read")
		}
		if taken == 10 {
			s.take() // they are being written
		}
	}
	if taken < maxPending>>20 {
		t.Errorf("only %d MB can wait", taken)
	}
	s.end()
	if s.pending != nil || s.send(heartbeat(1, 2, 3)) {
		t.Error("something waits for a peer that is gone")
	}
}

// TestPeerThatDoesNotRead: nobody waits for it, and what does not wait for appends goes another way. Its end is reported.
func TestPeerThatDoesNotRead(t *testing.T) {
	nodes := startNodes(t, 2)
	a, b := nodes[0], nodes[1]
	release, heartbeats := make(chan struct{}), make(chan struct{}, 1000)
	b.h.setProcess(func(_ context.Context, m *raftpb.Message) error {
		if m.GetType() == raftpb.MsgHeartbeat {
			heartbeats <- struct{}{}
			return nil
		}
		<-release
		return nil
	})
	b.SetKind(1, Pando)
	b.awaitPresence(1, 1)
	b.awaitActive(1)
	a.awaitActive(2)
	await(t, "the connection", func() bool { return a.held.send(appendOf(1, 2, 1)) })
	for range 16 { // more than the system takes
		_ = a.held.send(appendOf(1, 2, 1<<20)) // a connection that stands still is given up after a while
	}
	a.hear(2) // as if it spoke
	a.Send([]*raftpb.Message{heartbeat(1, 2, 3)})
	receive(t, "a heartbeat", heartbeats)
	close(release)
	b.close()
	await(t, "the end of the connection", func() bool { return !a.held.send(appendOf(1, 2, 1)) })
	if id := receive(t, "word that messages may be lost", a.h.unreachable); id != 2 {
		t.Errorf("%d is unreachable", id)
	}
}

// TestSilentPeer gets messages both ways, but no proposal twice.
func TestSilentPeer(t *testing.T) {
	nodes := startNodes(t, 2)
	a, b := nodes[0], nodes[1]
	b.SetKind(1, Pando)
	b.awaitPresence(1, 1)
	b.awaitActive(1)
	a.awaitActive(2)
	came := make(chan string, 100)
	b.h.setProcess(func(_ context.Context, m *raftpb.Message) error {
		what := m.GetType().String()
		if m.GetType() == raftpb.MsgProp {
			what += string(m.GetEntries()[0].GetData())
		}
		came <- what
		return nil
	})
	message := func(kind raftpb.MessageType) *raftpb.Message {
		return &raftpb.Message{Type: kind.Enum(), From: new(uint64(1)), To: new(uint64(2)), Term: new(uint64(3))}
	}
	proposal := func(data string) *raftpb.Message {
		m := message(raftpb.MsgProp)
		m.Term, m.Entries = nil, []*raftpb.Entry{{Data: []byte(data)}}
		return m
	}
	// count sends a heartbeat and a proposal, and others behind them, whose coming says that those have come as often as they do.
	count := func(silent bool) (heartbeats, proposals int) {
		a.mu.RLock()
		a.peers[2].heard.Store(int64(time.Since(epoch)))
		ends := 2
		if silent {
			a.peers[2].heard.Add(-int64(a.cfg.Silence))
			ends++
		}
		a.mu.RUnlock()
		a.Send([]*raftpb.Message{message(raftpb.MsgHeartbeat), proposal("1"), message(raftpb.MsgVoteResp), proposal("2")})
		for ends > 0 {
			switch receive(t, "messages", came) {
			case "MsgHeartbeat":
				heartbeats++
			case "MsgProp1":
				proposals++
			case "MsgVoteResp", "MsgProp2":
				ends--
			}
		}
		return heartbeats, proposals
	}
	if heartbeats, proposals := count(false); heartbeats != 1 || proposals != 1 {
		t.Errorf("%d heartbeats and %d proposals for one each", heartbeats, proposals)
	}
	if heartbeats, proposals := count(true); heartbeats != 2 || proposals != 1 {
		t.Errorf("%d heartbeats and %d proposals for a silent peer", heartbeats, proposals)
	}
}

// TestWhoPostsIsHeard: a peer that can open no stream here is no less there than others. It would get everything twice.
func TestWhoPostsIsHeard(t *testing.T) {
	n := startNode(t, 2, "127.0.0.1:0")
	if err := n.AddPeer(1, []string{"http://127.0.0.1:1"}); err != nil {
		t.Fatal(err)
	}
	peer := n.peers[1]
	peer.heard.Store(-int64(time.Hour))
	answer := ask(t, n, http.MethodPost, "/raft", nil, bytes.NewReader(marshal(t, heartbeat(1, 2, 3))))
	if status, text := answered(t, answer); status != http.StatusNoContent {
		t.Fatalf("status %d, %s", status, text)
	}
	if n.silent(peer) {
		t.Error("it was not heard")
	}
}

// TestConnectionsToARemovedMember are not kept, not even those of rafthttp that nothing is sent along.
func TestConnectionsToARemovedMember(t *testing.T) {
	states := make(chan http.ConnState, 10)
	var posting sync.Map // addresses
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Server-Version", ServerVersion)
		if _, err := io.Copy(io.Discard, r.Body); err != nil || r.Method != http.MethodPost {
			http.Error(w, "no stream", http.StatusNotFound)
			return
		}
		posting.Store(r.RemoteAddr, true)
		w.WriteHeader(http.StatusNoContent)
	}))
	server.Config.ConnState = func(c net.Conn, state http.ConnState) {
		if _, ok := posting.Load(c.RemoteAddr().String()); ok {
			states <- state
		}
	}
	server.Start()
	defer server.Close()
	n := startNode(t, 1, "127.0.0.1:0")
	if err := n.AddPeer(2, []string{server.URL}); err != nil {
		t.Fatal(err)
	}
	m := snapshotMessage(1, 2)
	m.Snapshot.Data = []byte("x")
	n.Send([]*raftpb.Message{m})
	for state := http.StateNew; state != http.StateIdle; state = receive(t, "a connection that is kept", states) {
	}
	if !receive(t, "word that it was sent", n.h.snapshots) {
		t.Fatal("it was not sent")
	}
	n.RemovePeer(2)
	for state := http.StateNew; state != http.StateClosed; state = receive(t, "its end", states) {
	}
}

// TestProposalsKeepTheirOrder: they wait behind each other where a message has to be handed to the writer, and do not overtake by
// another way: the leader would drop them. A heartbeat does not wait behind much.
func TestProposalsKeepTheirOrder(t *testing.T) {
	here, there := net.Pipe()
	defer there.Close()
	s := newStream(here, []byte("head."))
	defer s.end()
	if !s.send(heartbeat(1, 2, 3)) {
		t.Error("a heartbeat is not taken behind the head of an answer")
	}
	proposal := appendOf(1, 2, 1000)
	proposal.Type, proposal.Term = raftpb.MsgProp.Enum(), nil
	for i := range 100 {
		if !s.send(proposal) {
			t.Fatalf("proposal %d has to go another way", i)
		}
	}
	if s.send(heartbeat(1, 2, 3)) {
		t.Error("a heartbeat waits behind 100 KB")
	}
}

// TestImpostor: whoever holds a presence speaks for himself alone.
func TestImpostor(t *testing.T) {
	n := startNode(t, 2, "127.0.0.1:0")
	var said []byte
	for _, from := range []uint64{1, 4, 1} {
		data := marshal(t, heartbeat(from, 2, 3))
		said = append(binary.LittleEndian.AppendUint32(said, uint32(len(data))), data...)
	}
	if err := n.listenTo(t.Context(), 1, bytes.NewReader(said)); !errors.Is(err, errImpostor) {
		t.Errorf("it ends with: %v", err)
	}
	if len(n.h.inbox) != 1 {
		t.Errorf("%d messages are processed", len(n.h.inbox))
	}
}

// TestUnansweredStream: a connection on which nothing comes back ends soon, and is reported, while others may do well.
func TestUnansweredStream(t *testing.T) {
	t.Parallel()
	nodes := startNodes(t, 2)
	a, b := nodes[0], nodes[1]
	b.SetKind(1, Pando)
	b.awaitPresence(1, 1)
	a.held.mu.RLock()
	mine := a.held.own[2]
	a.held.mu.RUnlock()
	dropAll(t, mine.stream.now)
	a.hear(2)
	a.Send([]*raftpb.Message{heartbeat(1, 2, 3)})
	began := time.Now()
	await(t, "the end of the connection", func() bool {
		mine.stream.mu.Lock()
		defer mine.stream.mu.Unlock()
		return mine.stream.closed
	})
	if took := time.Since(began); took > 2*ackTimeout {
		t.Errorf("it took %v", took)
	}
	if id := receive(t, "word that messages may be lost", a.h.unreachable); id != 2 {
		t.Errorf("%d is unreachable", id)
	}
}

// TestPresenceOfARemovedMember ends when it is removed, whatever it does about that itself.
func TestPresenceOfARemovedMember(t *testing.T) {
	nodes := startNodes(t, 2)
	a, b := nodes[0], nodes[1]
	b.SetKind(1, Pando)
	b.awaitPresence(1, 1)
	a.h.remove(2)
	a.RemovePeer(2)
	if id := receive(t, "the end of the presence", b.broken); id != 1 {
		t.Errorf("the connection to %d broke", id)
	}
	await(t, "nothing to be held", func() bool {
		a.held.mu.RLock()
		defer a.held.mu.RUnlock()
		return len(a.held.own) == 0
	})
}

// dropAll has the system drop whatever comes for a connection, unread and unanswered.
func dropAll(t *testing.T, c *socket.Conn) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	nothing := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K}
	var failed error
	if err := raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &nothing})
	}); err != nil || failed != nil {
		t.Fatal(err, failed)
	}
}

// TestEncryptedStream: nothing is written past TLS.
func TestEncryptedStream(t *testing.T) {
	authority := certs.NewAuthority(t, "members")
	own := authority.Sign(t, certs.Leaf{Name: "member"}).TLS
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	read := make(chan *raftpb.Message, 10)
	go func() {
		defer close(read)
		c, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{RootCAs: authority.Pool(), ServerName: "127.0.0.1"})
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		in := bufio.NewReader(c)
		if head, err := in.ReadString('.'); head != "head." {
			t.Error(head, err)
		}
		for range cap(read) {
			m, err := readNext(in)
			if err != nil {
				t.Error(err)
				return
			}
			read <- m
		}
	}()
	c, err := NewListener(l).Accept()
	if err != nil {
		t.Fatal(err)
	}
	s := newStream(tls.Server(c, &tls.Config{Certificates: []tls.Certificate{own}}), []byte("head."))
	var served sync.WaitGroup
	served.Go(func() { s.serve(t.Context()) })
	for i := range cap(read) {
		if !s.send(appendOf(1, 2, 100_000*i)) {
			t.Fatal("no room")
		}
		if m := receive(t, "a message", read); len(m.GetEntries()[0].GetData()) != 100_000*i {
			t.Errorf("message %d has %d bytes", i, len(m.GetEntries()[0].GetData()))
		}
	}
	served.Wait() // the other end has hung up
}

// FuzzListen: what comes along a presence connection.
func FuzzListen(f *testing.F) {
	n := fuzzed(f)
	add := func(m *raftpb.Message) {
		data := marshal(f, m)
		f.Add(append(binary.LittleEndian.AppendUint32(nil, uint32(len(data))), data...))
	}
	add(heartbeat(1, 2, 3))
	add(appendOf(1, 2, 100))
	add(appendOf(1, 2, 2*listenBuffer))
	f.Add([]byte("\xff\xff\xff\xff"))
	f.Add([]byte("\xff\xff\xff\x00\x00"))
	f.Fuzz(func(t *testing.T, body []byte) {
		if err := n.listenTo(t.Context(), 1, bytes.NewReader(body)); err == nil {
			t.Error("it has no end")
		}
	})
}
