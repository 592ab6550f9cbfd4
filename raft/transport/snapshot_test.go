package transport

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// file is what a sender opens: that many bytes of r.
func file(r io.Reader, size int64) func() (io.ReadCloser, int64, error) {
	return func() (io.ReadCloser, int64, error) { return io.NopCloser(r), size, nil }
}

func pandoPair(t *testing.T) (a, b *node) {
	nodes := startNodes(t, 2)
	nodes[0].SetKind(2, Pando)
	return nodes[0], nodes[1]
}

func TestSnapshotIsStreamed(t *testing.T) {
	const size = 100 << 20
	a, b := pandoPair(t)
	random := func() io.Reader { return io.LimitReader(rand.NewChaCha8([32]byte{7}), size) }
	want := sha256.New()
	if _, err := io.Copy(want, random()); err != nil {
		t.Fatal(err)
	}
	sent := snapshotMessage(1, 2)
	b.takeSnapshots(func(_ context.Context, m *raftpb.Message, r io.Reader) error {
		if !proto.Equal(m, sent) {
			t.Errorf("%v arrived in place of %v", m, sent)
		}
		got := sha256.New()
		n, err := io.Copy(got, r)
		if err != nil || n != size || !bytes.Equal(got.Sum(nil), want.Sum(nil)) {
			t.Errorf("%d bytes arrived, error %v", n, err)
		}
		return nil
	})
	if err := a.SendSnapshot(context.Background(), 2, sent, file(random(), size)); err != nil {
		t.Error(err)
	}
	if !receive(t, "the report", a.h.snapshots) {
		t.Error("it is reported as failed")
	}
}

// TestSnapshotFails: whatever goes wrong is the error of SendSnapshot, and reported, unless nothing could be sent.
func TestSnapshotFails(t *testing.T) {
	a, b := pandoPair(t)
	ten := func() (io.ReadCloser, int64, error) { return io.NopCloser(strings.NewReader("0123456789")), 10, nil }
	swallow := func(_ context.Context, _ *raftpb.Message, r io.Reader) error {
		_, err := io.Copy(io.Discard, r)
		return err
	}
	refuse := func(context.Context, *raftpb.Message, io.Reader) error { return errors.New("no room on the disk") }
	vote := &raftpb.Message{Type: raftpb.MsgVote.Enum(), From: new(uint64(1)), To: new(uint64(2)), Term: new(uint64(3))}
	full := snapshotMessage(1, 2)
	full.Snapshot.Data = []byte("store")
	for name, c := range map[string]struct {
		to      uint64
		m       *raftpb.Message
		open    func() (io.ReadCloser, int64, error)
		receive receiveFunc
		want    string
	}{
		"cannot open":     {2, snapshotMessage(1, 2), func() (io.ReadCloser, int64, error) { return nil, 0, errors.New("gone") }, swallow, "gone"},
		"refused":         {2, snapshotMessage(1, 2), ten, refuse, "no room on the disk"},
		"too short":       {2, snapshotMessage(1, 2), file(strings.NewReader("01234"), 10), swallow, ""},
		"sender invented": {2, snapshotMessage(4, 2), ten, swallow, errImpostor.body},
		"no snapshot":     {2, vote, ten, swallow, "not a snapshot message"},
		"with data":       {2, full, ten, swallow, "not a snapshot message"},
	} {
		awaitSlot(t, b)
		b.takeSnapshots(c.receive)
		err := a.SendSnapshot(context.Background(), c.to, c.m, c.open)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v", name, err)
		}
		if receive(t, "the report", a.h.snapshots) {
			t.Errorf("%s: reported as sent", name)
		}
	}
	if err := a.SendSnapshot(context.Background(), 3, snapshotMessage(1, 3), ten); !errors.Is(err, ErrNotPando) || len(a.h.snapshots) > 0 {
		t.Errorf("unknown peer: error %v, %d reports", err, len(a.h.snapshots))
	}
	for name, head := range map[string]string{"huge length": "\xff\xff\xff\xff\xff\xff\xff\xff", "garbage": "\x00\x00\x00\x00\x00\x00\x00\x02ab"} {
		awaitSlot(t, b)
		if status, text := answered(t, ask(t, b, http.MethodPost, "/raft/snapshot", nil, strings.NewReader(head))); status != 400 {
			t.Errorf("%s: %d %q", name, status, text)
		}
	}
}

// awaitSlot waits until the receiver of the snapshot before has ended: a sender does not always wait for it.
func awaitSlot(t *testing.T, n *node) {
	t.Helper()
	await(t, "the receiver of the one before to end", func() bool { return len(n.snapshots) == 0 })
}

// TestSnapshotTriesAllURLs: one that nobody listens on does not matter.
func TestSnapshotTriesAllURLs(t *testing.T) {
	a, b := startNode(t, 1, "127.0.0.1:0"), startNode(t, 2, "127.0.0.1:0")
	if err := a.AddPeer(2, []string{"http://127.0.0.1:1", b.url}); err != nil {
		t.Fatal(err)
	}
	a.SetKind(2, Pando)
	b.takeSnapshots(func(_ context.Context, _ *raftpb.Message, r io.Reader) error {
		data, err := io.ReadAll(r)
		if string(data) != "0123456789" {
			t.Errorf("%q arrived", data)
		}
		return err
	})
	open := func() (io.ReadCloser, int64, error) { return io.NopCloser(strings.NewReader("0123456789")), 10, nil }
	if err := a.SendSnapshot(context.Background(), 2, snapshotMessage(1, 2), open); err != nil {
		t.Error(err)
	}
}

// TestSnapshotUnderWay: a second one is refused meanwhile, and Stop on either side ends the first.
func TestSnapshotUnderWay(t *testing.T) {
	for name, stop := range map[string]func(a, b *node){
		"sender stops":   func(a, _ *node) { a.Stop() },
		"receiver stops": func(_, b *node) { b.Stop() },
		"receiver dies":  func(_, b *node) { b.cut() },
	} {
		t.Run(name, func(t *testing.T) {
			check := leakCheck(t)
			a, b := pandoPair(t)
			begun, ended := make(chan struct{}, 1), make(chan error, 1)
			b.takeSnapshots(func(_ context.Context, _ *raftpb.Message, r io.Reader) error {
				begun <- struct{}{}
				_, err := io.Copy(io.Discard, r)
				ended <- err
				return err
			})
			sent := make(chan error, 1)
			go func() {
				sent <- a.SendSnapshot(context.Background(), 2, snapshotMessage(1, 2), file(zeros{}, 1<<40))
			}()
			receive(t, "the snapshot to begin", begun)
			if err := a.SendSnapshot(context.Background(), 2, snapshotMessage(1, 2), file(strings.NewReader("x"), 1)); err == nil ||
				!strings.Contains(err.Error(), errBusy.body) {
				t.Errorf("a second snapshot: %v", err)
			}
			stop(a, b)
			if receive(t, "the receiver", ended) == nil || receive(t, "the sender", sent) == nil {
				t.Error("half a snapshot counts as a whole one")
			}
			a.close()
			b.close()
			check()
		})
	}
}
