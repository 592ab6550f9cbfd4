package raft

import (
	"encoding/binary"
	"encoding/json"
	"hash/fnv"
	"io"
	"maps"
	"slices"

	"go.etcd.io/raft/v3/raftpb"

	"pando/snapshot"
)

// ledger is the state machine of a simulated member: a running sum over all commands, the
// members, and what they have published.
type ledger struct {
	m         *simMember
	state     ledgerState
	published ledgerState // what readers see
}

type ledgerState struct {
	Index   uint64 // of the last command
	Count   int    // of commands
	Sum     uint64 // over all of them in order
	Members []uint64
	Removed []uint64
	Levels  Levels
}

// simCommand is eight bytes of ID and padding.
func simCommand(id uint64, padding int) []byte {
	return append(binary.BigEndian.AppendUint64(nil, id), make([]byte, padding)...)
}

// simPublish is the command by which a member publishes its level.
func simPublish(id uint64, member uint64, level int) []byte {
	return append(simCommand(id, 0), 'L', byte(member), byte(level))
}

func (s ledgerState) clone() ledgerState {
	s.Members, s.Removed, s.Levels = slices.Clone(s.Members), slices.Clone(s.Removed), maps.Clone(s.Levels)
	return s
}

func (g *ledger) Apply(index, term uint64, data []byte) (uint64, any, error) {
	g.m.meanwhile()
	h := fnv.New64a()
	h.Write(binary.BigEndian.AppendUint64(nil, g.state.Sum))
	h.Write(data)
	g.state.Sum = h.Sum64()
	g.state.Index = index
	g.state.Count++
	if len(data) == 11 && data[8] == 'L' {
		g.setLevel(uint64(data[9]), int(data[10]))
	}
	id := binary.BigEndian.Uint64(data)
	g.m.s.check.applied(g.m, index, term, id, g.state)
	return id, index, nil
}

func (g *ledger) Replay(index, term uint64, data []byte) error {
	_, _, err := g.Apply(index, term, data)
	return err
}

// setLevel keeps what Levels has returned as it is.
func (g *ledger) setLevel(id uint64, level int) {
	levels := maps.Clone(g.state.Levels)
	if levels == nil {
		levels = Levels{}
	}
	if level == 0 {
		delete(levels, id)
	} else {
		levels[id] = level
	}
	g.state.Levels = levels
}

func (g *ledger) Light([]byte) bool { return true }

func (g *ledger) Levels() Levels { return g.state.Levels }

// ApplyConfChange has the rules of the real one: ids are not used twice.
func (g *ledger) ApplyConfChange(cc *raftpb.ConfChange) bool {
	s, id := &g.state, cc.GetNodeId()
	there := slices.Contains(s.Members, id)
	switch cc.GetType() {
	case raftpb.ConfChangeAddNode, raftpb.ConfChangeAddLearnerNode:
		if there || slices.Contains(s.Removed, id) {
			return false
		}
		s.Members = append(s.Members, id)
	case raftpb.ConfChangeRemoveNode:
		if !there {
			return false
		}
		s.Members = slices.DeleteFunc(s.Members, func(m uint64) bool { return m == id })
		s.Removed = append(s.Removed, id)
		g.setLevel(id, 0)
	default:
		return there
	}
	return true
}

func (g *ledger) Publish(index, _ uint64) {
	g.published = g.state.clone()
	g.m.s.check.published(g.m, index, g.published)
}

func (g *ledger) Notify() {}

func (g *ledger) Image() snapshot.Payload {
	return ledgerImage(g.published)
}

type ledgerImage ledgerState

func (i ledgerImage) WriteTo(w io.Writer) (int64, error) {
	b, err := json.Marshal(i)
	if err != nil {
		return 0, err
	}
	n, err := w.Write(b)
	return int64(n), err
}

func (g *ledger) Prepare(r io.Reader) (install func(), err error) {
	var s ledgerState
	if err := json.NewDecoder(r).Decode(&s); err != nil {
		return nil, err
	}
	return func() { g.state, g.published = s, s.clone() }, nil
}

// removed reports whether a member was removed, as far as this one knows.
func (g *ledger) removed(id uint64) bool { return slices.Contains(g.published.Removed, id) }
