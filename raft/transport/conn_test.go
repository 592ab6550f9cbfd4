package transport

import (
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"go.etcd.io/raft/v3/raftpb"
)

// TestSilentStreamIsGivenUp: a peer says something on each stream, however little there is to say. Where nothing comes its
// host may have vanished, and the stream is asked for anew.
func TestSilentStreamIsGivenUp(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	streams := make(chan string, 100)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Server-Version", ServerVersion)
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		streams <- r.URL.Path
		<-r.Context().Done()
	})}
	go server.Serve(listener)
	t.Cleanup(func() { _ = server.Close() })
	n := startNode(t, 1, "127.0.0.1:0")
	if err := n.AddPeer(2, []string{"http://" + listener.Addr().String()}); err != nil {
		t.Fatal(err)
	}
	for range 4 { // two at once, and both again
		receive(t, "a stream", streams)
	}
}

// standstill opens the stream of appends to a peer that reads nothing of it, and sends that peer more than the system keeps for it.
func standstill(t *testing.T) (n *node, answer *http.Response) {
	n = startNode(t, 2, "127.0.0.1:0")
	if err := n.AddPeer(1, []string{"http://127.0.0.1:1"}); err != nil {
		t.Fatal(err)
	}
	answer = ask(t, n, http.MethodGet, "/raft/stream/msgapp/1", nil, nil)
	t.Cleanup(func() { answer.Body.Close() })
	send := func(index uint64, size int) {
		n.Send([]*raftpb.Message{{
			Type: raftpb.MsgApp.Enum(), From: new(uint64(2)), To: new(uint64(1)), Term: new(uint64(1)), LogTerm: new(uint64(1)), Index: &index,
			Entries: []*raftpb.Entry{{Index: new(index + 1), Term: new(uint64(1)), Data: make([]byte, size)}},
		}})
	}
	begun := make(chan error)
	go func() {
		_, err := answer.Body.Read(make([]byte, 1))
		begun <- err
	}()
	await(t, "the stream", func() bool {
		send(1, 1)
		select {
		case err := <-begun:
			return err == nil
		default:
			return false
		}
	})
	for i := range uint64(100) {
		send(i+2, 256<<10)
	}
	drain(n.h.unreachable)
	return n, answer
}

// TestPeerThatStandsStillHoldsNobodyUp: neither who removes it, nor what is sent to others, nor Stop.
func TestPeerThatStandsStillHoldsNobodyUp(t *testing.T) {
	for name, end := range map[string]func(*node){
		"removed": func(n *node) { n.RemovePeer(1) },
		"stopped": func(n *node) { n.Stop() },
	} {
		n, _ := standstill(t)
		began := time.Now()
		end(n)
		if took := time.Since(began); took > time.Second {
			t.Errorf("it was %s in %v", name, took)
		}
	}
}

// TestPeerThatStandsStillIsGivenUp: when it comes back, under a connection of its own, nobody is still busy with the old one.
func TestPeerThatStandsStillIsGivenUp(t *testing.T) {
	t.Parallel()
	n, answer := standstill(t)
	for lost := false; !lost; {
		lost = receive(t, "a report", n.h.unreachable) == 1
	}
	_, err := io.Copy(io.Discard, answer.Body)
	if err == nil {
		t.Error("the stream has a regular end")
	}
}
