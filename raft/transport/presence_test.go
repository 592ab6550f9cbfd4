package transport

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/raft/v3/raftpb"
)

// childEnv makes the test binary a member of its own process, to be killed.
const childEnv = "TRANSPORT_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) == "" {
		os.Exit(m.Run())
	}
	if err := child(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// child is member 2: it says its URL and serves until it is killed.
func child() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	member, err := New(Config{
		MemberID: 2, ClusterID: testCluster, PeerURLs: []string{"http://" + listener.Addr().String()}, Handler: newHandler(1, 2, 3),
		Broken: func(uint64) {}, Expelled: func(error) {},
		ReceiveSnapshot: func(context.Context, *raftpb.Message, io.Reader) error { return nil },
	})
	if err != nil {
		return err
	}
	member.Start()
	fmt.Println("http://" + listener.Addr().String())
	return http.Serve(listener, member.HTTP())
}

func startChild(t *testing.T) (*exec.Cmd, string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(self)
	c.Env = append(os.Environ(), childEnv+"=1")
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill() // it may be dead already
		_ = c.Wait()         // killed
	})
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return c, strings.TrimSpace(url)
}

// TestBrokenWhenKilled: a process that is killed is missed within 100 ms, in the median of five.
func TestBrokenWhenKilled(t *testing.T) {
	var took []time.Duration
	for range 5 {
		process, url := startChild(t)
		a := startNode(t, 1, "127.0.0.1:0")
		if err := a.AddPeer(2, []string{url}); err != nil {
			t.Fatal(err)
		}
		a.SetKind(2, Pando)
		a.awaitPresence(2, 1)
		start := time.Now()
		if err := process.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if id := receive(t, "Broken", a.broken); id != 2 {
			t.Fatalf("member %d is said to be broken instead of 2", id)
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	if took[2] > 100*time.Millisecond {
		t.Errorf("the end of a killed process was noticed after %v", took)
	}
}

// TestBrokenOnceForEachConnection: also for a second death of the same peer, and not for what we do ourselves.
func TestBrokenOnceForEachConnection(t *testing.T) {
	nodes := startNodes(t, 3)
	a, b, c := nodes[0], nodes[1], nodes[2]
	for _, peer := range []*node{b, c} {
		a.SetKind(peer.id, Pando)
		a.awaitPresence(peer.id, 1)
	}
	b.close()
	if id := receive(t, "Broken", a.broken); id != 2 {
		t.Fatalf("member %d is said to be broken instead of 2", id)
	}
	again := startNode(t, 2, strings.TrimPrefix(b.url, "http://"))
	a.awaitPresence(2, 2)
	again.cut()
	receive(t, "Broken again", a.broken)

	a.SetKind(3, Etcd)
	await(t, "the connection to end", func() bool {
		c.held.mu.Lock()
		defer c.held.mu.Unlock()
		return len(c.held.own) == 0
	})
	a.SetKind(3, Pando)
	a.awaitPresence(3, 2)
	a.RemovePeer(3)
	a.Stop()
	select {
	case id := <-a.broken:
		t.Errorf("member %d is said to be broken after it was removed", id)
	default:
	}
}

// TestPresenceIsOnePerSender: whoever asks again and again, the last connection of a member is the one that is held.
func TestPresenceIsOnePerSender(t *testing.T) {
	check := leakCheck(t)
	b := startNode(t, 2, "127.0.0.1:0")
	var open []*http.Response
	for range 20 {
		answer := ask(t, b, http.MethodGet, presencePath, nil, nil)
		defer answer.Body.Close()
		open = append(open, answer)
	}
	for _, older := range open[:19] {
		if _, err := io.ReadAll(older.Body); err != nil {
			t.Errorf("an older connection ended with %v", err)
		}
	}
	b.held.mu.Lock()
	if len(b.held.own) != 1 {
		t.Errorf("%d connections are held", len(b.held.own))
	}
	b.held.mu.Unlock()
	b.Stop()
	if _, err := io.ReadAll(open[19].Body); err != nil {
		t.Errorf("the last connection ended with %v", err)
	}
	b.close()
	check()
}

// TestPresenceAtTheMomentOfARemoval: who is removed between being admitted and being held is not held.
func TestPresenceAtTheMomentOfARemoval(t *testing.T) {
	a := startNode(t, 1, "127.0.0.1:0")
	if err := a.AddPeer(2, []string{"http://127.0.0.1:1"}); err != nil {
		t.Fatal(err)
	}
	a.h.mu.Lock()
	a.h.admits = func() {
		a.h.remove(2)
		a.RemovePeer(2)
	}
	a.h.mu.Unlock()
	c, err := net.Dial("tcp", strings.TrimPrefix(a.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(testTimeout)) // on a connection that has just been made
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: a\r\nX-Server-From: 2\r\nX-Server-Version: 2.3.8\r\nX-Min-Cluster-Version: 2.2.0\r\n"+
		"X-Etcd-Cluster-ID: %s\r\nX-Raft-To: 1\r\n\r\n", presencePath, hex(testCluster))
	if text, err := io.ReadAll(c); errors.Is(err, os.ErrDeadlineExceeded) || strings.Contains(string(text), " 40") {
		t.Errorf("it is answered %q, %v", text, err)
	}
	if !a.h.Removed(2) {
		t.Error("it was not admitted")
	}
}

// TestPresenceOfWhoIsNoMember: whatever answers under the URL of a peer, its going away is not that of the peer.
func TestPresenceOfWhoIsNoMember(t *testing.T) {
	a := startNode(t, 1, "127.0.0.1:0")
	stranger := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "hello") // as to everybody
	}))
	defer stranger.Close()
	if err := a.AddPeer(2, []string{stranger.URL}); err != nil {
		t.Fatal(err)
	}
	a.SetKind(2, Pando)
	await(t, "attempts", func() bool {
		return a.logs.FilterMessage("no connection to a peer").Len()+a.logs.FilterMessage("the connection to a peer broke").Len() > 1
	})
	if len(a.broken) > 0 {
		t.Error("its connection broke")
	}
}

// TestNewcomerProvesItself: a newcomer gets no entries before it has answered as only Pando does; an etcd, which has no such page,
// never does, and is told why.
func TestNewcomerProvesItself(t *testing.T) {
	a := startNode(t, 1, "127.0.0.1:0")
	stranger := httptest.NewServer(http.NotFoundHandler())
	defer stranger.Close()
	if err := a.AddPeer(3, []string{stranger.URL}); err != nil {
		t.Fatal(err)
	}
	a.SetKind(3, Newcomer)
	await(t, "the stranger to be known", func() bool { return a.isStranger(3) })
	answer := ask(t, a, http.MethodGet, "/raft/stream/message/3", map[string]string{"X-Server-From": "3"}, nil)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusPreconditionFailed || !strings.Contains(string(text), "only pando can join") {
		t.Errorf("a stranger is answered %s, %q, %v", answer.Status, text, err)
	}

	b := startNode(t, 2, "127.0.0.1:0")
	if err := a.AddPeer(2, []string{b.url}); err != nil {
		t.Fatal(err)
	}
	a.SetKind(2, Newcomer)
	a.awaitPresence(2, 1)
	await(t, "the newcomer to be proven", func() bool {
		a.mu.RLock()
		defer a.mu.RUnlock()
		return a.peers[2].mayGet()
	})
	if err := a.UpdatePeer(2, []string{stranger.URL}); err != nil {
		t.Fatal(err)
	}
	a.mu.RLock()
	defer a.mu.RUnlock()
	for _, id := range []uint64{2, 3} {
		if a.peers[id].mayGet() {
			t.Errorf("member %d gets entries, under the URL of a stranger", id)
		}
	}
}
