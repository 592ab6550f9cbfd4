package transport

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"
)

// listenBuffer is the memory of a presence connection, in bytes. Larger messages get theirs.
const listenBuffer = 16 << 10

// listenTo hands on the messages that come along a presence connection, until its end, whose reason it returns.
func (t *Transport) listenTo(ctx context.Context, from uint64, body io.Reader) error {
	in := bufio.NewReaderSize(body, listenBuffer)
	for {
		m, err := readNext(in)
		if err != nil {
			return err
		}
		if refused := t.accept(m, from); refused != nil {
			return refused
		}
		if !t.isMember(from) {
			return errNotAMember
		}
		if err := t.take(ctx, m, from); err != nil {
			t.log.Warn("cannot process a raft message", zap.String("from", hex(from)), zap.Error(err))
		}
	}
}

// readNext reads the next message of a stream.
func readNext(in *bufio.Reader) (*raftpb.Message, error) {
	head, err := in.Peek(4)
	if err != nil {
		return nil, err
	}
	size := int(binary.LittleEndian.Uint32(head))
	if size > maxMessage {
		return nil, fmt.Errorf("a message of %d bytes", size)
	}
	m := new(raftpb.Message)
	if 4+size <= in.Size() {
		whole, err := in.Peek(4 + size)
		if err == nil {
			err = proto.Unmarshal(whole[4:], m) // which copies
		}
		_, _ = in.Discard(len(whole)) // it is buffered
		return m, err
	}
	_, _ = in.Discard(4)
	var data bytes.Buffer // grows with what comes, not with what was announced
	if _, err := io.CopyN(&data, in, int64(size)); err != nil {
		return nil, err
	}
	return m, proto.Unmarshal(data.Bytes(), m)
}

// silent reports whether the peer has said nothing for so long that its connections may be dead.
func (t *Transport) silent(p *peer) bool {
	return time.Since(epoch)-time.Duration(p.heard.Load()) > t.cfg.Silence
}

// epoch is what silences are measured from.
var epoch = time.Now()

// hear notes that a peer is there.
func (t *Transport) hear(id uint64) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if p := t.peers[id]; p != nil {
		p.heard.Store(int64(time.Since(epoch)))
	}
}
