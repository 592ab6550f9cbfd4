package raft

import (
	"testing"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

func entries(from, n uint64, size int) []*raftpb.Entry {
	es := make([]*raftpb.Entry, n)
	for i := range es {
		es[i] = &raftpb.Entry{Index: proto.Uint64(from + uint64(i)), Term: proto.Uint64(1), Data: make([]byte, size)}
	}
	return es
}

func TestLogInMemoryIsBoundedByCount(t *testing.T) {
	s := newLogStorage(Config{})
	for i := uint64(0); i < 100; i++ {
		if err := s.append(entries(1+i*1000, 1000, 10)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.compact((i + 1) * 1000); err != nil {
			t.Fatal(err)
		}
		first, _ := s.FirstIndex()
		last, _ := s.LastIndex()
		if held := last - first + 1; held > 2*keepEntries {
			t.Fatalf("%d entries are held", held)
		} else if want := int(held) * 10; s.bytes != want {
			t.Fatalf("%d bytes are counted for %d", s.bytes, want)
		}
		if last >= keepEntries && last-first+1 < keepEntries {
			t.Fatalf("only %d entries are kept for lagging followers", last-first+1)
		}
	}
}

func TestLogInMemoryIsBoundedByBytes(t *testing.T) {
	s := newLogStorage(Config{})
	for i := uint64(1); i <= 64; i++ {
		if err := s.append(entries(i, 1, 8<<20)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.compact(i); err != nil {
			t.Fatal(err)
		}
		if s.bytes > 2*keepBytes {
			t.Fatalf("%d MiB are held", s.bytes>>20)
		}
	}
}

func TestLogInMemoryCountsWhatIsOverwritten(t *testing.T) {
	s := newLogStorage(Config{})
	for _, es := range [][]*raftpb.Entry{entries(1, 10, 100), entries(6, 2, 1)} {
		if err := s.append(es); err != nil {
			t.Fatal(err)
		}
	}
	if want := 5*100 + 2; s.bytes != want {
		t.Errorf("%d bytes are counted, want %d", s.bytes, want)
	}
}
