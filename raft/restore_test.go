package raft

import (
	"fmt"
	"runtime"
	"testing"
	"weak"

	"go.etcd.io/raft/v3/raftpb"

	"pando/raft/wal"
)

// Packed entries are those that were read, and a large one does not keep the data of its neighbours.
func TestPackedEntries(t *testing.T) {
	var read []wal.Entry
	var data []weak.Pointer[byte]
	for i := range 300 {
		e := wal.Entry{Term: 1, Index: uint64(i + 1), Type: uint8(i % 2), Data: fmt.Append(make([]byte, i%3*5000), i)}
		read, data = append(read, e), append(data, weak.Make(&e.Data[0]))
	}
	ents := packed(read)
	for i, e := range ents {
		want := read[i]
		if e.GetIndex() != want.Index || e.GetTerm() != want.Term || e.GetType() != raftpb.EntryType(want.Type) || string(e.GetData()) != string(want.Data) {
			t.Fatalf("entry %d is %v", i, e)
		}
	}
	last := ents[len(ents)-1]
	read, ents = nil, nil
	runtime.GC()
	for i, d := range data[:len(data)-1] {
		if d.Value() != nil && i%3 > 0 {
			t.Errorf("the last entry keeps the %d bytes of entry %d", i%3*5000, i)
		}
	}
	runtime.KeepAlive(last)
}
