package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// ask sends a request as member 1 would send it to a node. Headers that are given replace those; "" leaves one out.
func ask(t testing.TB, n *node, method, path string, headers map[string]string, body io.Reader) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, n.url+path, body)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"X-Server-From": "1", "X-Server-Version": "2.3.8", "X-Min-Cluster-Version": "2.2.0", "X-Etcd-Cluster-ID": hex(testCluster),
		"X-Raft-To": hex(n.id), "X-PeerURLs": "http://127.0.0.1:1",
	} {
		r.Header.Set(name, value)
	}
	for name, value := range headers {
		r.Header.Del(name)
		if value != "" {
			r.Header.Set(name, value)
		}
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// answered is the status and the text of an answer that ends.
func answered(t testing.TB, answer *http.Response) (int, string) {
	t.Helper()
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, strings.TrimSpace(string(text))
}

// TestGuard: the statuses and texts of etcd's peers (etcd-compat spec, section 7; cluster-api spec, section 11).
func TestGuard(t *testing.T) {
	n := startNode(t, 2, "127.0.0.1:0")
	n.h.remove(3)
	type headers map[string]string
	const streams = "/raft/stream/message/"
	for name, c := range map[string]struct {
		method, path string
		headers      headers
		status       int
		text         string
	}{
		"no version":             {"POST", "/raft", headers{"X-Server-Version": ""}, 412, "incompatible version"},
		"old version":            {"POST", "/raft", headers{"X-Server-Version": "2.1.3"}, 412, "incompatible version"},
		"bogus version":          {"POST", "/raft", headers{"X-Server-Version": "bogus"}, 412, "incompatible version"},
		"long version":           {"POST", "/raft", headers{"X-Server-Version": strings.Repeat("9", 400) + ".1.1"}, 412, "incompatible version"},
		"bogus minimum":          {"POST", "/raft", headers{"X-Min-Cluster-Version": "1"}, 412, "incompatible version"},
		"etcd 3":                 {"POST", "/raft", headers{"X-Server-Version": "3.4.0", "X-Min-Cluster-Version": "3.0.0"}, 412, "incompatible version"},
		"another cluster":        {"POST", "/raft", headers{"X-Etcd-Cluster-ID": "c2"}, 412, "cluster ID mismatch"},
		"no cluster":             {"POST", "/raft", headers{"X-Etcd-Cluster-ID": ""}, 412, "cluster ID mismatch"},
		"nobody":                 {"POST", "/raft", headers{"X-Server-From": ""}, 404, "invalid from"},
		"a stranger":             {"POST", "/raft", headers{"X-Server-From": "99"}, 404, "error sender not found"},
		"ourselves":              {"POST", "/raft", headers{"X-Server-From": "2"}, 404, "error sender not found"},
		"removed":                {"POST", "/raft", headers{"X-Server-From": "3"}, 403, `{"message":"cannot process message from removed member"}`},
		"empty":                  {"POST", "/raft", nil, 204, ""},
		"wrong verb":             {"PUT", "/raft", nil, 405, "Method Not Allowed"},
		"snapshot of a stranger": {"POST", "/raft/snapshot", headers{"X-Server-From": "99"}, 404, "error sender not found"},
		"snapshot, version":      {"POST", "/raft/snapshot", headers{"X-Server-Version": "x"}, 412, "incompatible version"},
		"empty snapshot":         {"POST", "/raft/snapshot", nil, 400, "cannot read the snapshot message: EOF"},
		"stream version":         {"GET", streams + "1", headers{"X-Server-Version": "x.y.z"}, 412, "incompatible version"},
		"stream cluster":         {"GET", streams + "1", headers{"X-Etcd-Cluster-ID": "c2"}, 412, "cluster ID mismatch"},
		"stream to another":      {"GET", streams + "4", headers{"X-Raft-To": "7"}, 412, "to field mismatch"},
		"stream of another kind": {"GET", "/raft/stream/other/1", nil, 404, "invalid path"},
		"stream of garbage":      {"GET", streams + "xyz", nil, 404, "invalid from"},
		"stream of a stranger":   {"GET", streams + "99", nil, 404, "error sender not found"},
		"stream before AddPeer":  {"GET", streams + "5", nil, 404, "error sender not found"},
		"stream of a removed":    {"GET", streams + "3", nil, 410, "removed member"},
		"stream, wrong verb":     {"POST", streams + "1", nil, 405, "Method Not Allowed"},
		"presence of a stranger": {"GET", presencePath, headers{"X-Server-From": "99"}, 404, "error sender not found"},
		"presence of a removed":  {"GET", presencePath, headers{"X-Server-From": "3"}, 410, "removed member"},
		"presence to another":    {"GET", presencePath, headers{"X-Raft-To": "7"}, 412, "to field mismatch"},
		"nothing there":          {"GET", "/raft/other", nil, 404, "404 page not found"},
	} {
		if err := n.AddPeer(4, []string{"http://127.0.0.1:1"}); err != nil {
			t.Fatal(err)
		}
		status, text := answered(t, ask(t, n, c.method, c.path, c.headers, nil))
		if status != c.status || text != c.text {
			t.Errorf("%s: %d %q instead of %d %q", name, status, text, c.status, c.text)
		}
	}
	if status, text := answered(t, ask(t, n, http.MethodGet, "/raft/probing", nil, nil)); status != 200 || !strings.Contains(text, `"OK":true`) {
		t.Errorf("probing answers %d %q", status, text)
	}
}

// TestPost: what is in a message decides who gets to see it.
func TestPost(t *testing.T) {
	n := startNode(t, 2, "127.0.0.1:0")
	n.h.remove(3)
	forwarded := &raftpb.Message{
		Type: raftpb.MsgProp.Enum(), From: new(uint64(4)), To: new(uint64(2)), Entries: []*raftpb.Entry{{Data: []byte("x")}},
	}
	for name, c := range map[string]struct {
		m      *raftpb.Message
		status int
	}{
		"heartbeat":                    {heartbeat(1, 2, 1), 204},
		"forwarded proposal":           {forwarded, 204},
		"local message":                {&raftpb.Message{Type: raftpb.MsgCheckQuorum.Enum()}, 204},
		"heartbeat of another":         {heartbeat(4, 2, 1), 400},
		"heartbeat to another":         {heartbeat(1, 4, 1), 400},
		"empty proposal":               {&raftpb.Message{Type: raftpb.MsgProp.Enum(), From: new(uint64(1)), To: new(uint64(2))}, 400},
		"proposal of a removed member": {mutate(forwarded, func(m *raftpb.Message) { m.From = new(uint64(3)) }), 403},
		"proposal of a stranger":       {mutate(forwarded, func(m *raftpb.Message) { m.From = new(uint64(99)) }), 400},
	} {
		drain(n.h.inbox)
		if status, text := post(t, n, c.m); status != c.status {
			t.Errorf("%s: %d %q instead of %d", name, status, text, c.status)
		}
		if got, want := len(n.h.inbox), c.status == 204 && name != "local message"; (got > 0) != want {
			t.Errorf("%s: %d messages were processed", name, got)
		}
	}
	if status, text := answered(t, ask(t, n, http.MethodPost, "/raft", nil, strings.NewReader("garbage"))); status != 400 {
		t.Errorf("garbage: %d %q", status, text)
	}
	n.h.setProcess(func(context.Context, *raftpb.Message) error { return errors.New("no") })
	if status, text := post(t, n, heartbeat(1, 2, 1)); status != 500 {
		t.Errorf("an error of Process: %d %q", status, text)
	}
}

func mutate(m *raftpb.Message, change func(*raftpb.Message)) *raftpb.Message {
	other := proto.Clone(m).(*raftpb.Message)
	change(other)
	return other
}

func post(t testing.TB, n *node, m *raftpb.Message) (int, string) {
	t.Helper()
	data, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return answered(t, ask(t, n, http.MethodPost, "/raft", nil, bytes.NewReader(data)))
}

// TestPostTooLarge: more than 64 MiB is refused as soon as it is seen, and nothing is kept of it.
func TestPostTooLarge(t *testing.T) {
	n := startNode(t, 2, "127.0.0.1:0")
	sent := &counted{r: io.LimitReader(zeros{}, 10*maxMessage)}
	r, err := n.newRequest(context.Background(), http.MethodPost, n.url+"/raft", sent, 2)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Server-From", "1")
	answer, err := n.client.RoundTrip(r)
	if err == nil { // the connection may break before the answer was read
		if status, _ := answered(t, answer); status != http.StatusRequestEntityTooLarge {
			t.Errorf("status %d", status)
		}
	}
	if n := sent.n.Load(); n > 2*maxMessage {
		t.Errorf("%d bytes were taken", n)
	}
	await(t, "the slot to be free again", func() bool { return len(n.messages) == 0 })
	if status, _ := post(t, n, heartbeat(1, 2, 1)); status != http.StatusNoContent {
		t.Errorf("status %d after that", status)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

type counted struct {
	r io.Reader
	n atomic.Int64 // the client may still be reading when it has its answer
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// TestStrangersLeaveNothing: 2,000 invented senders, each with URLs of its own, leave no goroutine, no peer, and few lines
// in the log.
func TestStrangersLeaveNothing(t *testing.T) {
	n := startNode(t, 2, "127.0.0.1:0")
	check := leakCheck(t)
	for i := range 2000 {
		headers := map[string]string{
			"X-Server-From": hex(uint64(1000 + i)), "X-PeerURLs": fmt.Sprintf("http://127.0.0.1:%d", 1+i),
		}
		if status, text := answered(t, ask(t, n, http.MethodPost, "/raft", headers, strings.NewReader("x"))); status != 404 {
			t.Fatalf("%d %q", status, text)
		}
	}
	if lines := n.logs.Len(); lines > 100 {
		t.Errorf("%d lines were logged", lines)
	}
	check()
}

// TestMembersCannotInventRemotes: a member's X-PeerURLs is dropped too.
func TestMembersCannotInventRemotes(t *testing.T) {
	n := startNode(t, 2, "127.0.0.1:0")
	check := leakCheck(t)
	for range 10 {
		answered(t, ask(t, n, http.MethodPost, "/raft", nil, nil))
		answered(t, ask(t, n, http.MethodGet, "/raft/stream/msgapp/1", nil, nil))
	}
	check()
}
