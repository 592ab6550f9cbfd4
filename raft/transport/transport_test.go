package transport

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// TestMessagesArriveWhole: each kind of message, through the stream that is for it, as it was sent.
func TestMessagesArriveWhole(t *testing.T) {
	nodes := startNodes(t, 2)
	a, b := nodes[0], nodes[1]
	a.delivers(b)
	b.delivers(a)
	snapshot := snapshotMessage(1, 2)
	snapshot.Snapshot.Data = []byte("store")
	for name, m := range map[string]*raftpb.Message{
		"vote": {Type: raftpb.MsgVote.Enum(), Term: new(uint64(3)), LogTerm: new(uint64(2)), Index: new(uint64(9))},
		"proposal with a term": {
			Type: raftpb.MsgProp.Enum(), Term: new(uint64(3)), Entries: []*raftpb.Entry{{Data: []byte("x")}},
		},
		"append": {
			Type: raftpb.MsgApp.Enum(), Term: new(uint64(3)), LogTerm: new(uint64(3)), Index: new(uint64(9)), Commit: new(uint64(8)),
			Entries: []*raftpb.Entry{{Index: new(uint64(10)), Term: new(uint64(3)), Type: raftpb.EntryNormal.Enum(), Data: []byte("y")}},
		},
		"snapshot": snapshot,
	} {
		m.From, m.To = new(uint64(1)), new(uint64(2))
		drain(b.h.inbox)
		a.Send([]*raftpb.Message{m})
		got := receive(t, name, b.h.inbox)
		for got.GetType() == raftpb.MsgHeartbeat { // by which delivers has found out that it does; they may be late
			got = receive(t, name, b.h.inbox)
		}
		if !proto.Equal(got, m) {
			t.Errorf("%s: sent %v, arrived %v", name, m, got)
		}
	}
	if !receive(t, "the report", a.h.snapshots) {
		t.Error("a snapshot that went as a message is reported as failed")
	}
}

func drain[T any](c chan T) {
	for len(c) > 0 {
		<-c
	}
}

func TestAppendsKeepTheirOrder(t *testing.T) {
	nodes := startNodes(t, 2)
	a, b := nodes[0], nodes[1]
	a.awaitActive(2)
	a.delivers(b)
	drain(b.h.inbox)
	const count = 1000
	for i := range uint64(count) {
		a.Send([]*raftpb.Message{{
			Type: raftpb.MsgApp.Enum(), From: new(uint64(1)), To: new(uint64(2)), Term: new(uint64(1)), LogTerm: new(uint64(1)), Index: new(i + 1),
			Entries: []*raftpb.Entry{{Index: new(i + 2), Term: new(uint64(1)), Data: []byte{byte(i)}}},
		}})
	}
	for i := range uint64(count) {
		m := receive(t, "an append", b.h.inbox)
		for m.GetType() == raftpb.MsgHeartbeat { // as in TestMessagesArriveWhole
			m = receive(t, "an append", b.h.inbox)
		}
		if m.GetIndex() != i+1 {
			t.Fatalf("the append behind %d arrived in place of the one behind %d", m.GetIndex(), i+1)
		}
	}
}

func TestThreeMembers(t *testing.T) {
	nodes := startNodes(t, 3)
	for _, from := range nodes {
		for _, to := range nodes {
			if from != to {
				from.delivers(to)
			}
		}
	}
	nodes[0].awaitActive(2, 3)
	nodes[0].RemovePeer(2)
	if !nodes[0].ActiveSince(2).IsZero() {
		t.Error("a removed peer is active")
	}
	nodes[0].delivers(nodes[2])
	nodes[0].RemoveAll() // and with them what they had to report
	drain(nodes[0].h.unreachable)
	nodes[0].Send([]*raftpb.Message{heartbeat(1, 3, 1)})
	if id := receive(t, "a report", nodes[0].h.unreachable); id != 3 {
		t.Errorf("member %d is reported as unreachable instead of 3", id)
	}
}

func TestRestartOnTheSamePort(t *testing.T) {
	nodes := startNodes(t, 2)
	a, b := nodes[0], nodes[1]
	a.delivers(b)
	b.close()
	await(t, "the peer to be noticed as gone", func() bool {
		a.Send([]*raftpb.Message{heartbeat(1, 2, 1)})
		return a.ActiveSince(2).IsZero() && len(a.h.unreachable) > 0
	})
	again := startNode(t, 2, strings.TrimPrefix(b.url, "http://"))
	again.connect(a)
	a.delivers(again)
	again.delivers(a)
	a.awaitActive(2)
}

func TestUpdatePeer(t *testing.T) {
	a, b := startNode(t, 1, "127.0.0.1:0"), startNode(t, 2, "127.0.0.1:0")
	if err := a.AddPeer(2, []string{"http://127.0.0.1:1"}); err != nil {
		t.Fatal(err)
	}
	b.connect(a)
	if err := a.UpdatePeer(2, []string{b.url}); err != nil {
		t.Fatal(err)
	}
	a.delivers(b)
}

// TestRemote: a member can be answered before it is a peer.
func TestRemote(t *testing.T) {
	a, b := startNode(t, 1, "127.0.0.1:0"), startNode(t, 2, "127.0.0.1:0")
	if err := a.AddRemote(2, []string{b.url}); err != nil {
		t.Fatal(err)
	}
	a.delivers(b)
}

func TestBadURLs(t *testing.T) {
	a := startNode(t, 1, "127.0.0.1:0")
	for _, urls := range [][]string{nil, {""}, {"127.0.0.1:2380"}, {"ftp://127.0.0.1:1"}, {"http://nowhere"}} {
		if a.AddPeer(2, urls) == nil || a.AddRemote(2, urls) == nil || a.UpdatePeer(2, urls) == nil {
			t.Errorf("the URLs %q were taken", urls)
		}
	}
}

// TestSendDoesNotBlock: a peer that accepts connections and then says nothing costs no time, and losses are reported.
func TestSendDoesNotBlock(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	a := startNode(t, 1, "127.0.0.1:0")
	if err := a.AddPeer(2, []string{"http://" + silent.Addr().String()}); err != nil {
		t.Fatal(err)
	}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for range 20000 {
			a.Send([]*raftpb.Message{heartbeat(1, 2, 1)})
		}
	}()
	receive(t, "Send", sent)
	if id := receive(t, "a report", a.h.unreachable); id != 2 {
		t.Errorf("member %d is reported as unreachable instead of 2", id)
	}
}

// TestExpelled: a member learns from its peers that it was removed.
func TestExpelled(t *testing.T) {
	a, b := startNode(t, 1, "127.0.0.1:0"), startNode(t, 2, "127.0.0.1:0")
	b.h.remove(1)
	a.connect(b)
	if err := receive(t, "the news", a.expelled); err == nil {
		t.Error("no error says why")
	}
}

// TestStopLeavesNothing: not a goroutine is left, though a Handler waits, messages are on their way and peers are dead.
func TestStopLeavesNothing(t *testing.T) {
	check := leakCheck(t)
	nodes := startNodes(t, 3)
	a, b := nodes[0], nodes[1]
	a.SetKind(2, Pando)
	a.SetKind(3, Pando)
	a.delivers(b)
	waiting := make(chan struct{}, 100)
	b.h.setProcess(func(ctx context.Context, _ *raftpb.Message) error {
		waiting <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	})
	nodes[2].cut()
	for range 500 {
		a.Send([]*raftpb.Message{heartbeat(1, 2, 1), heartbeat(1, 3, 1)})
	}
	receive(t, "a message to be processed", waiting)
	for _, n := range nodes {
		n.close()
		n.close()
	}
	check()
	late := make(chan struct{}, 1)
	b.h.setProcess(func(context.Context, *raftpb.Message) error {
		late <- struct{}{}
		return nil
	})
	if err := (&receiver{b.Transport}).Process(context.Background(), heartbeat(1, 2, 1)); !errors.Is(err, errStopped) || len(late) > 0 {
		t.Errorf("a message was processed after Stop: %v", err)
	}
	if err := a.AddPeer(4, []string{"http://127.0.0.1:1"}); err != nil {
		t.Errorf("AddPeer after Stop: %v", err)
	}
	a.RemoveAll()
	a.SetKind(2, Etcd)
	check()
}

func TestNewWantsAWholeConfig(t *testing.T) {
	if _, err := New(Config{MemberID: 1, ClusterID: 1, Handler: newHandler()}); err == nil {
		t.Error("a configuration without callbacks was taken")
	}
	n := startNode(t, 1, "127.0.0.1:0")
	cfg := n.cfg
	cfg.MemberID = 0
	if _, err := New(cfg); err == nil {
		t.Error("a configuration without a member id was taken")
	}
	cfg = n.cfg
	cfg.PeerURLs = []string{"nonsense"}
	if _, err := New(cfg); err == nil {
		t.Error("nonsense was taken for a URL")
	}
	unstarted, err := New(n.cfg)
	if err != nil {
		t.Fatal(err)
	}
	stopped := make(chan struct{})
	go func() { unstarted.Stop(); close(stopped) }()
	receive(t, "Stop", stopped)
	if since := unstarted.ActiveSince(2); since != (time.Time{}) {
		t.Errorf("an unknown peer is active since %v", since)
	}
}
