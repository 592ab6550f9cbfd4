package transport

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"

	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"
)

var (
	errTooLarge   = &refusal{status: http.StatusRequestEntityTooLarge, body: "raft message too large"}
	errReading    = badRequest("error reading raft message")
	errParsing    = badRequest("error unmarshalling raft message")
	errProcessing = &refusal{status: http.StatusInternalServerError, body: "error processing raft message"}
	errImpostor   = badRequest("raft message of another sender")
)

// post serves POST /raft: one message, which peers send this way when there is no stream yet, and etcd its snapshots always.
func (t *Transport) post(w http.ResponseWriter, r *http.Request, from uint64) *refusal {
	ctx, cancel := t.whileRunning(r.Context())
	defer cancel()
	data, release, refused := t.readMessage(ctx, w, r)
	defer release()
	if refused != nil {
		return refused
	}
	var m raftpb.Message
	if err := proto.Unmarshal(data, &m); err != nil {
		return errParsing
	}
	if isLocal(&m) { // etcd drops them without a word, and so answers an empty body
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	if refused := t.accept(&m, from); refused != nil {
		return refused
	}
	if err := t.take(ctx, &m, from); err != nil {
		t.log.Warn("cannot process a raft message", zap.String("from", hex(from)), zap.Error(err))
		return errProcessing
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// readMessage reads a body whole. While there is a body in memory its slot is taken; release gives it back.
func (t *Transport) readMessage(ctx context.Context, w http.ResponseWriter, r *http.Request) (data []byte, release func(), refused *refusal) {
	in := t.newBody(w, r)
	defer in.interruptAtStop()()
	buffered := bufio.NewReader(in)
	limit, slot := int64(maxMessage), t.messages
	if beginsAsSnapshot(buffered) {
		limit, slot = maxMemorySnapshot, t.snapshots
	}
	if !slot.acquire(ctx) {
		return nil, func() {}, errStopping
	}
	data, err := io.ReadAll(io.LimitReader(buffered, limit+1))
	switch {
	case int64(len(data)) > limit:
		return nil, slot.release, errTooLarge
	case errors.Is(err, errStopped):
		return nil, slot.release, errStopping
	case err != nil:
		return nil, slot.release, errReading
	}
	return data, slot.release, nil
}

// beginsAsSnapshot looks at the first field of a message, which is its type.
func beginsAsSnapshot(r *bufio.Reader) bool {
	head, _ := r.Peek(2) // a body that ends before is found out by whoever reads it
	return bytes.Equal(head, []byte{1 << 3, byte(raftpb.MsgSnap)})
}

// accept checks a message together with the member that delivered it. Proposals and questions for the read index may be
// those of a third member, which had them forwarded.
func (t *Transport) accept(m *raftpb.Message, from uint64) *refusal {
	if err := check(m, t.cfg.MemberID); err != nil {
		return badRequest("invalid raft message: %v", err)
	}
	if m.GetFrom() == from {
		return nil
	}
	switch m.GetType() {
	case raftpb.MsgProp, raftpb.MsgReadIndex:
		if t.cfg.Handler.Removed(m.GetFrom()) {
			return errRemoved
		}
		if t.cfg.Handler.Member(m.GetFrom()) {
			return nil
		}
	}
	return errImpostor
}
