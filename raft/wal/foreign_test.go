package wal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"pando/fsys"
	"pando/test/nosync"
)

// foreignLog builds the bytes of a segment as etcd writes it: with padding to eight bytes (3.x) or without (2.3).
type foreignLog struct {
	file   []byte
	crc    uint32
	padded bool
}

func (l *foreignLog) record(typ byte, data []byte) {
	l.crc = crc32.Update(l.crc, castagnoli, data)
	b := protowire.AppendVarint([]byte{8, typ, 16}, uint64(l.crc))
	if data != nil {
		b = protowire.AppendBytes(append(b, 26), data)
	}
	length := uint64(len(b))
	if pad := -len(b) & 7; l.padded && pad > 0 {
		length |= uint64(0x80|pad) << 56
		b = append(b, make([]byte, pad)...)
	}
	l.file = append(binary.LittleEndian.AppendUint64(l.file, length), b...)
}

func (l *foreignLog) entry(e Entry) {
	b := appendNumbers(nil, uint64(e.Type), e.Term, e.Index)
	l.record(typeEntry, protowire.AppendBytes(append(b, 34), e.Data))
}

func newForeign(padded bool) *foreignLog {
	l := &foreignLog{padded: padded}
	l.record(typeCRC, nil)
	l.record(typeMetadata, appendNumbers(nil, testMetadata.NodeID, testMetadata.ClusterID))
	l.record(typeSnapshot, appendNumbers(nil, 0, 0))
	return l
}

// put writes the segment, with zeros behind it, to a new directory.
func (l *foreignLog) put(t testing.TB, zeros int) (root, name string) {
	t.Helper()
	root = t.TempDir()
	name = filepath.Join(root, "wal", segmentName(0, 0))
	if err := errors.Join(os.Mkdir(filepath.Dir(name), 0o700), os.WriteFile(name, append(l.file, make([]byte, zeros)...), 0o600)); err != nil {
		t.Fatal(err)
	}
	return root, name
}

// A directory of etcd gets a new segment before anything is written. Killed at any moment, it opens.
func TestTakeOver(t *testing.T) {
	for _, padded := range []bool{false, true} {
		for at := 1; ; at++ {
			l := newForeign(padded)
			for _, e := range entries(1, 20) {
				l.entry(e)
			}
			behind := 0
			if padded {
				behind = 5000
			}
			root, _ := l.put(t, behind)
			if !killedAt(t, root, at, entries(1, 20)) {
				t.Logf("padded %v: %d calls", padded, at)
				break
			}
		}
	}
}

// killedAt opens the log in root, with a kill before the call number at. It reports whether there was one.
func killedAt(t *testing.T, root string, at int, want []Entry) bool {
	f, err := fsys.NewFaulty(nosync.FS, root)
	if err != nil {
		t.Fatal(err)
	}
	f.OnCall(func(c fsys.Call) fsys.Fault {
		if c.Seq >= at {
			return fsys.Fault{Err: syscall.EIO}
		}
		return fsys.Fault{}
	})
	w, _, openErr := openLog(f, filepath.Join(root, "wal"), Position{}, small)
	if openErr == nil {
		w.Close()
	}
	for _, kept := range []bool{true, false} {
		image := t.TempDir()
		if err := f.Crash(image, func() bool { return kept }); err != nil {
			t.Fatal(err)
		}
		w, r, err := openLog(nosync.FS, filepath.Join(image, "wal"), Position{}, small)
		if err != nil {
			t.Fatalf("call %d, kept %v: %v", at, kept, err)
		}
		next := Entry{Term: 1, Index: uint64(len(want)) + 1}
		if err := errors.Join(equal(r.Entries, want), w.Append(Batch{Entries: []Entry{next}}), w.Close()); err != nil {
			t.Errorf("call %d, kept %v: %v", at, kept, err)
		}
	}
	return openErr != nil
}

// What etcd wrote last may be torn, but only its last record.
func TestForeignEnds(t *testing.T) {
	for what, c := range map[string]struct {
		change  func(l *foreignLog, last int) []byte
		entries int // -1: refused
	}{
		"whole":                  {func(l *foreignLog, last int) []byte { return l.file }, 20},
		"zeros behind":           {func(l *foreignLog, last int) []byte { return append(l.file, make([]byte, 9000)...) }, 20},
		"cut in the last record": {func(l *foreignLog, last int) []byte { return l.file[:len(l.file)-10] }, 19},
		"cut in its length":      {func(l *foreignLog, last int) []byte { return l.file[:last+5] }, 19},
		"sector of zeros in it":  {func(l *foreignLog, last int) []byte { clear(l.file[last+100 : last+1200]); return l.file }, 19},
		"flipped bit in it":      {func(l *foreignLog, last int) []byte { l.file[last+100] ^= 1; return l.file }, -1},
		"flipped length in it":   {func(l *foreignLog, last int) []byte { l.file[last+2] ^= 1; return l.file }, -1},
		"flipped bit in front":   {func(l *foreignLog, last int) []byte { l.file[last-50] ^= 1; return l.file }, -1},
		"zeros and data behind":  {func(l *foreignLog, last int) []byte { return append(append(l.file, make([]byte, 900)...), 1) }, -1},
		"a length beyond all sense": {func(l *foreignLog, last int) []byte {
			binary.LittleEndian.PutUint64(l.file[last:], 1<<50)
			return l.file
		}, -1},
	} {
		t.Run(what, func(t *testing.T) {
			l := newForeign(false)
			last, want := 0, entries(1, 20)
			want[19].Data = make([]byte, 2000)
			for i := range want[19].Data {
				want[19].Data[i] = byte(i%7) + 1
			}
			for _, e := range want {
				last = len(l.file)
				l.entry(e)
			}
			l.file = c.change(l, last)
			_, name := l.put(t, 0)
			r, err := reopen(t, name, l.file)
			switch {
			case c.entries < 0 && !errors.Is(err, ErrDamaged):
				t.Errorf("%v", err)
			case c.entries >= 0 && err != nil:
				t.Error(err)
			case c.entries >= 0:
				if err := equal(r.Entries, want[:c.entries]); err != nil || (r.Repaired != nil) != (c.entries < 20) {
					t.Errorf("%v; repaired %+v", err, r.Repaired)
				}
			}
		})
	}
}

// etcd 2.3 goes on behind our filler.
func TestEtcd23WroteBehindFiller(t *testing.T) {
	name, file, want, _ := smallLog(t)
	w, _ := open(t, filepath.Dir(name), Position{}, small)
	l := foreignLog{file: file, crc: w.crc}
	w.Close()
	for _, e := range entries(10, 12) {
		l.entry(e)
		want = append(want, e)
	}
	r, err := reopen(t, name, l.file)
	if err == nil {
		err = equal(r.Entries, want)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, r := open(t, filepath.Dir(name), Position{}, small); equal(r.Entries, want) != nil {
		t.Errorf("%d entries the second time", len(r.Entries))
	}
}

// memoryFile is a file that can only be read.
type memoryFile struct {
	fsys.File
	r *bytes.Reader
}

func (f memoryFile) ReadAt(b []byte, off int64) (int, error) { return f.r.ReadAt(b, off) }
func (memoryFile) Name() string                              { return "fuzz" }

// FuzzRead reads a segment of any bytes: it is read or refused, and what is to be cut off is not all of it.
func FuzzRead(f *testing.F) {
	for _, padded := range []bool{false, true} {
		l := newForeign(padded)
		for _, e := range entries(1, 4) {
			l.entry(e)
		}
		f.Add(l.file)
	}
	var e encoder
	e.reset(0)
	e.record(typeCRC, nil, nil)
	e.record(typeMetadata, appendNumbers(nil, 1, 2), nil)
	e.batch(&Batch{Snapshot: &Position{}, Entries: entries(1, 3)})
	own, _ := e.seal(&segment{size: 2000}, 0)
	f.Add(append(append([]byte(nil), own...), make([]byte, 2000-len(own))...))
	f.Fuzz(func(t *testing.T, file []byte) {
		s := &segment{name: "fuzz", size: int64(len(file)), file: memoryFile{r: bytes.NewReader(file)}}
		w := &WAL{segments: []*segment{s}}
		r := &replayer{}
		end, bad, err := w.read(r)
		if err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Fatal(err)
			}
			return
		}
		if end.off < 1 || end.off+end.filler > s.size || bad != nil && bad.off != end.off {
			t.Errorf("the log of %d bytes ends at %d, filler %d, %v", len(file), end.off, end.filler, bad)
		}
		for i, e := range r.Entries {
			if e.Index != uint64(i)+1 || len(e.Data) > len(file) {
				t.Fatalf("entry %d is %d, with %d bytes", i, e.Index, len(e.Data))
			}
		}
		if err := w.wholeBehind(end); err != nil && !errors.Is(err, ErrDamaged) {
			t.Fatal(err)
		}
	})
}

// etcdctl backup writes the record of the snapshot behind the entries that follow it.
func TestBackupOfEtcdctl(t *testing.T) {
	l := newForeign(true)
	for _, e := range entries(51, 70) {
		l.entry(e)
	}
	l.record(typeState, appendNumbers(nil, 1, 0, 70))
	l.record(typeSnapshot, appendNumbers(nil, 50, 1))
	root, _ := l.put(t, 5000)
	w, r, err := openLog(nosync.FS, filepath.Join(root, "wal"), Position{Index: 50, Term: 1}, small)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(equal(r.Entries, entries(51, 70)), w.Close()); err != nil {
		t.Error(err)
	}
}
