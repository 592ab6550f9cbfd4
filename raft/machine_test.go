package raft

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"sync"
	"sync/atomic"

	"go.etcd.io/raft/v3/raftpb"

	"pando/snapshot"
)

// list is a state machine that remembers every command in order. A command is
// eight bytes of ID and a text.
type list struct {
	mu        sync.Mutex
	applying  []string // applied, perhaps not published
	published []string
	index     uint64
	restored  int         // how many commands came from a snapshot
	large     atomic.Bool // snapshots are largeImages
	members   int
	refuse    func(*raftpb.ConfChange) bool // optional: changes that are not valid
	replayed  atomic.Uint64                 // index of the last entry that Replay got
	levels    atomic.Pointer[Levels]        // optional: what members have published; otherwise all are Pando
}

// allPando are the levels of members that have all published theirs.
var allPando = Levels{1: 1, 2: 1, 3: 1, 4: 1, 5: 1, 6: 1, 7: 1, 8: 1, 9: 1}

func (l *list) Levels() Levels {
	if p := l.levels.Load(); p != nil {
		return *p
	}
	return allPando
}

// Light lets both ways of applying happen.
func (l *list) Light(data []byte) bool { return len(data)%2 == 0 }

var errPoison = errors.New("a command that must not be skipped")

func command(id uint64, text string) []byte {
	return append(binary.BigEndian.AppendUint64(nil, id), text...)
}

func (l *list) Apply(_, _ uint64, data []byte) (uint64, any, error) {
	text := string(data[8:])
	if text == "poison" {
		return 0, nil, errPoison
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.applying = append(l.applying, text)
	return binary.BigEndian.Uint64(data), len(l.applying), nil
}

func (l *list) Replay(index, term uint64, data []byte) error {
	l.replayed.Store(index)
	_, _, err := l.Apply(index, term, data)
	return err
}

func (l *list) ApplyConfChange(cc *raftpb.ConfChange) bool {
	if l.refuse != nil && l.refuse(cc) {
		return false
	}
	l.members++
	return true
}

func (l *list) Publish(index, _ uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.published, l.index = slices.Clone(l.applying), index
}

func (l *list) Notify() {}

func (l *list) Image() snapshot.Payload {
	if l.large.Load() {
		return largeImage{}
	}
	return image(l.texts())
}

func (l *list) Prepare(r io.Reader) (install func(), err error) {
	var texts []string
	if l.large.Load() {
		n, err := io.Copy(io.Discard, r)
		return func() { l.setRestored(nil, int(n)) }, err
	}
	if err := json.NewDecoder(r).Decode(&texts); err != nil {
		return nil, err
	}
	return func() { l.setRestored(texts, len(texts)) }, nil
}

func (l *list) setRestored(texts []string, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.applying, l.published, l.restored = texts, slices.Clone(texts), n
}

// restoredFrom is the size of the last snapshot that was installed.
func (l *list) restoredFrom() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.restored
}

// texts is what readers see.
func (l *list) texts() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.published)
}

// len is how many commands readers see.
func (l *list) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.published)
}

type image []string

func (i image) WriteTo(w io.Writer) (int64, error) {
	b, err := json.Marshal([]string(i))
	if err != nil {
		return 0, err
	}
	n, err := w.Write(b)
	return int64(n), err
}
