package transport

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/http"

	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"
)

// maxEnvelope bounds the message in front of a streamed snapshot, which has no data in it: an id is 11 bytes at most.
const maxEnvelope = 1 << 20

var errBusy = &refusal{status: http.StatusServiceUnavailable, body: "another snapshot is being received"}

// receiveSnapshot serves POST /raft/snapshot: eight bytes of length, big-endian, a MsgSnap without data of that length, and
// then the bytes of the .snap file up to the end of the body.
func (t *Transport) receiveSnapshot(w http.ResponseWriter, r *http.Request, from uint64) *refusal {
	if !t.snapshots.tryAcquire() {
		return errBusy
	}
	defer t.snapshots.release()
	ctx, cancel := t.whileRunning(r.Context())
	defer cancel()
	in := t.newBody(w, r)
	defer in.interruptAtStop()()
	m, err := readEnvelope(in)
	if err != nil {
		return badRequest("cannot read the snapshot message: %v", err)
	}
	if refused := t.accept(m, from); refused != nil {
		return refused
	}
	if m.GetType() != raftpb.MsgSnap || len(m.GetSnapshot().GetData()) > 0 {
		return badRequest("not a snapshot message without data")
	}
	if err := t.cfg.ReceiveSnapshot(ctx, m, in); err != nil {
		t.log.Warn("cannot take the snapshot of a peer", zap.String("from", hex(from)), zap.Error(err))
		return &refusal{status: http.StatusInternalServerError, body: "cannot take the snapshot: " + err.Error()}
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func readEnvelope(r io.Reader) (*raftpb.Message, error) {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint64(head[:])
	if n > maxEnvelope {
		return nil, fmt.Errorf("its length is %d", n)
	}
	data := make([]byte, n)
	if _, err := io.ReadFull(r, data); err != nil {
		return nil, err
	}
	var m raftpb.Message
	return &m, proto.Unmarshal(data, &m)
}

func envelope(m *raftpb.Message) ([]byte, error) {
	data, err := proto.Marshal(m)
	if err != nil {
		return nil, err
	}
	return append(binary.BigEndian.AppendUint64(nil, uint64(len(data))), data...), nil
}
