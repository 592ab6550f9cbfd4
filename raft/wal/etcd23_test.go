package wal

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"sort"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// readAsEtcd23 reads a log by the rules of etcd 2.3 (etcd-compat spec, section 2) and by nothing else: no padding, no
// zeros, no end but the end of the file. It shares no code with the package.
func readAsEtcd23(dir string) (ents []Entry, st HardState, err error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.wal"))
	if err != nil {
		return nil, st, err
	}
	sort.Strings(names)
	var all []byte
	for i, name := range names {
		var seq, index uint64
		if _, err := fmt.Sscanf(filepath.Base(name), "%016x-%016x.wal", &seq, &index); err != nil || seq != uint64(i) {
			return nil, st, fmt.Errorf("%s is number %d: %v", name, i, err)
		}
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, st, err
		}
		all = append(all, b...)
	}
	r := etcd23{}
	for len(all) > 0 {
		if len(all) < 8 {
			return nil, st, fmt.Errorf("%d bytes at the end", len(all))
		}
		n := int64(binary.LittleEndian.Uint64(all))
		if n < 0 || n > int64(len(all)-8) {
			return nil, st, fmt.Errorf("a frame of %d bytes, %d left", n, len(all)-8)
		}
		if n > 10_000_000 {
			return nil, st, fmt.Errorf("a frame of %d bytes, which 3.4 refuses", n)
		}
		if err := r.record(all[8 : 8+n]); err != nil {
			return nil, st, err
		}
		all = all[8+n:]
	}
	return r.ents, r.state, nil
}

type etcd23 struct {
	crc      uint32
	metadata []byte
	snapshot bool
	ents     []Entry
	state    HardState
}

func fieldsOf(b []byte) (nums map[protowire.Number]uint64, data map[protowire.Number][]byte, err error) {
	nums, data = map[protowire.Number]uint64{}, map[protowire.Number][]byte{}
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return nil, nil, protowire.ParseError(n)
		}
		b = b[n:]
		if typ == protowire.VarintType {
			nums[num], n = protowire.ConsumeVarint(b)
		} else if typ == protowire.BytesType {
			data[num], n = protowire.ConsumeBytes(b)
		} else {
			return nil, nil, fmt.Errorf("wire type %d", typ)
		}
		if n < 0 {
			return nil, nil, protowire.ParseError(n)
		}
		b = b[n:]
	}
	return nums, data, nil
}

func (r *etcd23) record(b []byte) error {
	nums, data, err := fieldsOf(b)
	if err != nil {
		return err
	}
	crc, body := uint32(nums[2]), data[3]
	if nums[1] == 4 {
		if r.crc != 0 && r.crc != crc {
			return fmt.Errorf("crc mismatch")
		}
		r.crc = crc
		return nil
	}
	r.crc = crc32.Update(r.crc, crc32.MakeTable(crc32.Castagnoli), body)
	if r.crc != crc {
		return fmt.Errorf("crc mismatch")
	}
	v, d, err := fieldsOf(body)
	if err != nil {
		return err
	}
	switch nums[1] {
	case 1:
		if r.metadata != nil && !bytes.Equal(r.metadata, body) {
			return fmt.Errorf("metadata conflict")
		}
		r.metadata = body
	case 2:
		if r.metadata == nil || !r.snapshot || v[3] < 1 || v[3] > uint64(len(r.ents))+1 {
			return fmt.Errorf("entry %d after %d entries", v[3], len(r.ents))
		}
		r.ents = append(r.ents[:v[3]-1], Entry{Type: uint8(v[1]), Term: v[2], Index: v[3], Data: d[4]})
	case 3:
		r.state = HardState{Term: v[1], Vote: v[2], Commit: v[3]}
	case 5:
		r.snapshot = true
	default:
		return fmt.Errorf("unexpected block type %d", nums[1])
	}
	return nil
}

// After every single write etcd 2.3 must be able to take over.
func TestEtcd23ReadsEveryState(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "wal")
	w := create(t, dir, Options{SegmentSize: 16 << 10})
	check := func(ents []Entry, st HardState) {
		t.Helper()
		got, state, err := readAsEtcd23(dir)
		if err == nil {
			err = equal(got, ents)
		}
		if err != nil || state != st {
			t.Fatalf("%v; state %+v, want %+v", err, state, st)
		}
	}
	check(nil, HardState{})
	var want []Entry
	var st HardState
	for i := uint64(1); i < 600; {
		n := i%5 + 1
		b := Batch{Entries: entries(i, i+n-1), Sync: true}
		if i%7 == 0 {
			b.Entries[0].Data = make([]byte, i*4) // sectors of zeros
		}
		if i%3 == 0 {
			st = HardState{Term: i / 100, Vote: i, Commit: i}
			b.State = &st
		}
		want, i = append(want, b.Entries...), i+n
		appendTo(t, w, b)
		check(want, st)
		for range i % 4 {
			st.Commit++
			appendTo(t, w, Batch{State: &HardState{Term: st.Term, Vote: st.Vote, Commit: st.Commit}})
			check(want, st)
		}
		if i%50 == 0 {
			w.Close()
			w, _ = open(t, dir, Position{}, Options{SegmentSize: 16 << 10})
			check(want, st)
		}
	}
	big := Entry{Term: 9, Index: uint64(len(want)) + 1, Data: bytes.Repeat([]byte("0123456789abcdef"), 3000)}
	want = append(want, big)
	appendTo(t, w, Batch{Entries: []Entry{big}, Sync: true})
	check(want, st)
	appendTo(t, w, Batch{Entries: []Entry{{Term: 9, Index: big.Index + 1}}, Sync: true})
	check(append(want, Entry{Term: 9, Index: big.Index + 1}), st)
}
