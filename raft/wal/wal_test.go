package wal

import (
	"bytes"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"pando/fsys"
	"pando/test/fixtures"
)

var testMetadata = Metadata{NodeID: 0xcafe, ClusterID: 0xf00d}

// small keeps test logs small: a segment holds a few batches.
var small = Options{SegmentSize: minSegment}

// openLog reads a log and makes it ready, as a start does.
func openLog(f fsys.FS, dir string, from Position, o Options) (*WAL, *Replay, error) {
	found, err := Look(f, dir, from, o)
	if err != nil {
		return nil, nil, err
	}
	w, err := found.Open()
	return w, found.Replay, err
}

func create(t testing.TB, dir string, o Options) *WAL {
	t.Helper()
	w, err := Create(fsys.OS, dir, testMetadata, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

func open(t testing.TB, dir string, from Position, o Options) (*WAL, *Replay) {
	t.Helper()
	w, r, err := openLog(fsys.OS, dir, from, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w, r
}

func appendTo(t testing.TB, w *WAL, b Batch) {
	t.Helper()
	if err := w.Append(b); err != nil {
		t.Fatal(err)
	}
}

// entries makes entries from..to of term 1, with data of different lengths.
func entries(from, to uint64) []Entry {
	var es []Entry
	for i := from; i <= to; i++ {
		es = append(es, Entry{Term: 1, Index: i, Data: bytes.Repeat([]byte{byte('a' + i%26)}, int(i*37%200))})
	}
	return es
}

// equal compares what was read with what was written.
func equal(got, want []Entry) error {
	if len(got) != len(want) {
		return fmt.Errorf("%d entries, want %d", len(got), len(want))
	}
	for i := range got {
		g, w := got[i], want[i]
		if g.Term != w.Term || g.Index != w.Index || g.Type != w.Type || !bytes.Equal(g.Data, w.Data) {
			return fmt.Errorf("entry %d is %+v, want %+v", i, g, w)
		}
	}
	return nil
}

func TestWriteAndRead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "wal")
	w := create(t, dir, small)
	for i := uint64(1); i <= 300; i += 3 {
		appendTo(t, w, Batch{Entries: entries(i, i+2), State: &HardState{Term: 1, Vote: 2, Commit: i}, Sync: true})
		appendTo(t, w, Batch{State: &HardState{Term: 1, Vote: 2, Commit: i + 1}})
	}
	appendTo(t, w, Batch{Snapshot: &Position{Index: 200, Term: 1}})
	appendTo(t, w, Batch{State: &HardState{Term: 2, Vote: 2, Commit: 300}})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		w, r := open(t, dir, Position{}, small)
		if r.Metadata != testMetadata || r.Repaired != nil {
			t.Fatalf("%+v", r)
		}
		if want := (HardState{Term: 2, Vote: 2, Commit: 300}); r.State != want {
			t.Errorf("state %+v, want %+v", r.State, want)
		}
		if err := equal(r.Entries, entries(1, 300)); err != nil {
			t.Error(err)
		}
		w.Close()
	}
	ps, err := Positions(fsys.OS, dir)
	if want := []Position{{}, {Index: 200, Term: 1}}; err != nil || !reflect.DeepEqual(ps, want) {
		t.Errorf("positions %v, %v", ps, err)
	}
	_, r := open(t, dir, Position{Index: 200, Term: 1}, small)
	if err := equal(r.Entries, entries(201, 300)); err != nil {
		t.Error(err)
	}
}

func TestFixtures(t *testing.T) {
	for _, archive := range []string{fixtures.Etcd238, fixtures.Etcd34, fixtures.Etcd35} {
		for _, v := range fixtures.Variants(t, fixtures.Unpack(t, archive)) {
			t.Run(archive+"/"+v.Name, func(t *testing.T) { testFixture(t, v) })
		}
	}
}

func testFixture(t *testing.T, v fixtures.Variant) {
	dir := filepath.Join(v.Dir, "member", "wal")
	ps, err := Positions(fsys.OS, dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range ps {
		w, r := open(t, dir, p, Options{})
		x := v.Index(t)
		if got := fmt.Sprintf("%x", r.Metadata.ClusterID); got != x.ClusterID {
			t.Errorf("cluster %s, want %s", got, x.ClusterID)
		}
		last := p.Index + uint64(len(r.Entries))
		if last < x.Raft && !strings.HasPrefix(v.Name, "torn") || r.State.Term > x.Term {
			t.Errorf("from %v: last entry %d, state %+v, recorded %+v", p, last, r.State, x)
		}
		if torn := r.Repaired != nil; torn != (v.Name == "torn" && p.Index == 0) {
			t.Errorf("repaired: %+v", r.Repaired)
		}
		appendTo(t, w, Batch{Entries: []Entry{{Term: r.State.Term, Index: last + 1}}})
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		w, again := open(t, dir, p, Options{})
		if err := equal(again.Entries[:len(r.Entries)], r.Entries); err != nil {
			t.Error(err)
		}
		w.Close()
	}
}
