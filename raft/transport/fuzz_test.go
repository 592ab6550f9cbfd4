package transport

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"
)

// serve is the answer to a request of member 1, or of whom the headers name. One that reads nothing has gone already, so that
// no presence connection is held.
func serve(h http.Handler, method, path string, headers map[string]string, body []byte) *httptest.ResponseRecorder {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if method == http.MethodGet {
		cancel()
	}
	r := (&http.Request{
		Method: method, URL: &url.URL{Path: path}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Host: "h",
		Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}).WithContext(ctx)
	for name, value := range map[string]string{
		"X-Server-From": "1", "X-Server-Version": "2.3.8", "X-Min-Cluster-Version": "2.2.0", "X-Etcd-Cluster-ID": hex(testCluster), "X-Raft-To": "2",
	} {
		r.Header.Set(name, value)
	}
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// fuzzed is member 2, whose engine takes what holds together and nothing else.
func fuzzed(f *testing.F) *node {
	n := startNode(f, 2, "127.0.0.1:0")
	n.h.setProcess(func(_ context.Context, m *raftpb.Message) error {
		if err := check(m, 2); err != nil {
			panic(fmt.Sprintf("%v came through: %v", m, err))
		}
		return nil
	})
	n.h.remove(3)
	return n
}

func marshal(f testing.TB, m *raftpb.Message) []byte {
	data, err := proto.Marshal(m)
	if err != nil {
		f.Fatal(err)
	}
	return data
}

// FuzzGuard: whoever asks for whatever, naming itself as it likes.
func FuzzGuard(f *testing.F) {
	for _, path := range []string{"/raft", "/raft/snapshot", presencePath, "/raft/stream/message/1", "/raft/stream/msgapp/5", "/raft/probing", "/raft//../x"} {
		for _, method := range []string{"GET", "POST", "PUT"} {
			f.Add(method, path, "1", "2.3.8", hex(testCluster), "2", []byte("x"))
		}
	}
	f.Add("POST", "/raft", "ffffffffffffffffff", "9.9.9-alpha+x", "C1", "", []byte{})
	n := fuzzed(f)
	f.Fuzz(func(t *testing.T, method, path, from, version, cluster, to string, body []byte) {
		w := serve(n.HTTP(), method, path, map[string]string{
			"X-Server-From": from, "X-Server-Version": version, "X-Etcd-Cluster-ID": cluster, "X-Raft-To": to,
		}, body)
		if cluster != hex(testCluster) && w.Code == http.StatusNoContent {
			t.Errorf("%s %s of another cluster is served", method, path)
		}
	})
}

// FuzzPost: the body of POST /raft.
func FuzzPost(f *testing.F) {
	for _, m := range []*raftpb.Message{
		heartbeat(1, 2, 3), snapshotMessage(1, 2),
		{Type: raftpb.MsgProp.Enum(), From: new(uint64(1)), To: new(uint64(2)), Entries: []*raftpb.Entry{{Data: []byte("x")}}},
		{
			Type: raftpb.MsgApp.Enum(), From: new(uint64(1)), To: new(uint64(2)), Term: new(uint64(3)), Index: new(uint64(5)), LogTerm: new(uint64(2)),
			Entries: []*raftpb.Entry{entry(6, 2), entry(7, 3)},
		},
	} {
		f.Add(marshal(f, m))
	}
	n := fuzzed(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		if w := serve(n.HTTP(), http.MethodPost, "/raft", nil, body); w.Code != 204 && w.Code != 400 && w.Code != 403 {
			t.Fatal(w.Code, w.Body)
		}
	})
}

// FuzzReceiveSnapshot: the body of POST /raft/snapshot. The file in it is the member's to judge.
func FuzzReceiveSnapshot(f *testing.F) {
	whole, err := envelope(snapshotMessage(1, 2))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append(whole, "the file"...))
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff"))
	n := fuzzed(f)
	n.takeSnapshots(func(_ context.Context, m *raftpb.Message, r io.Reader) error {
		if err := check(m, 2); err != nil {
			panic(fmt.Sprintf("%v came through: %v", m, err))
		}
		_, err := io.Copy(io.Discard, r)
		return err
	})
	f.Fuzz(func(t *testing.T, body []byte) {
		if w := serve(n.HTTP(), http.MethodPost, "/raft/snapshot", nil, body); w.Code != 204 && w.Code != 400 {
			t.Fatal(w.Code, w.Body)
		}
	})
}

// FuzzEngine is TestEngineSurvivesWhatPasses, led by what has been reached.
func FuzzEngine(f *testing.F) { f.Fuzz(rapid.MakeFuzz(engineSurvives)) }
