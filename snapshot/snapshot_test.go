package snapshot

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/zap"
	"google.golang.org/protobuf/encoding/protowire"

	"pando/fsys"
	"pando/test/fixtures"
)

type text string

func (x text) WriteTo(w io.Writer) (int64, error) {
	n, err := io.WriteString(w, string(x))
	return int64(n), err
}

func every(index, term uint64) bool { return true }
func committed() error              { return nil }

func meta(index uint64) Meta {
	return Meta{Index: index, Term: 3, Voters: []uint64{1, 1 << 63}, Learners: []uint64{7}}
}

func write(t testing.TB, dir string, index uint64, payload string) string {
	t.Helper()
	f, err := Write(fsys.OS, dir, meta(index), text(payload), committed)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(f.Name); err != nil || info.Size() != f.Size {
		t.Fatalf("%+v: %v, %v", f, info, err)
	}
	return f.Name
}

// newest returns what the newest snapshot holds, "" if there is none.
func newest(t testing.TB, dir string) (string, Meta) {
	t.Helper()
	r, err := Newest(fsys.OS, dir, every, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r == nil {
		return "", Meta{}
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b), r.Meta
}

func TestWriteAndRead(t *testing.T) {
	dir := t.TempDir()
	if got, _ := newest(t, dir); got != "" {
		t.Errorf("an empty directory has %q", got)
	}
	for i, payload := range []string{"one", "", string(bytes.Repeat([]byte("x"), 1<<20))} {
		write(t, dir, uint64(i+1), payload)
		got, m := newest(t, dir)
		if got != payload || !reflect.DeepEqual(m, meta(uint64(i+1))) {
			t.Errorf("%d bytes, want %d; %+v", len(got), len(payload), m)
		}
	}
	names, err := Names(fsys.OS, dir)
	if want := []string{"0000000000000003-0000000000000003.snap", "0000000000000003-0000000000000002.snap", "0000000000000003-0000000000000001.snap"}; err != nil || !reflect.DeepEqual(names, want) {
		t.Errorf("%v, %v", names, err)
	}
	if err := Purge(fsys.OS, dir, 0); err != nil {
		t.Error(err)
	}
	if err := Purge(fsys.OS, dir, 2); err != nil {
		t.Error(err)
	}
	if names, _ := Names(fsys.OS, dir); len(names) != 2 || names[0] != fileName(meta(3)) {
		t.Errorf("after Purge: %v", names)
	}
}

// Every snapshot that etcd wrote can be read.
func TestFixtures(t *testing.T) {
	n := 0
	for _, archive := range []string{fixtures.Etcd238, fixtures.Etcd34, fixtures.Etcd35} {
		for _, v := range fixtures.Variants(t, fixtures.Unpack(t, archive)) {
			dir := filepath.Join(v.Dir, "member", "snap")
			names, err := Names(fsys.OS, dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range names {
				want, _ := ParseName(name)
				r, err := Newest(fsys.OS, dir, func(index, term uint64) bool { return index == want.Index && term == want.Term }, zap.NewNop())
				if err != nil || r == nil {
					t.Fatalf("%s %s: %v", archive, name, err)
				}
				b, err := io.ReadAll(r)
				if err != nil || !bytes.HasPrefix(b, []byte(`{"Root":`)) || !bytes.HasSuffix(b, []byte("}")) || len(r.Meta.Voters) != 1 {
					t.Errorf("%s %s: %.20q, %+v, %v", archive, name, b, r.Meta, err)
				}
				r.Close()
				n++
			}
		}
	}
	if n < 12 {
		t.Errorf("only %d snapshots", n)
	}
}

func TestNewestSkips(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, 1, "one")
	damaged := write(t, dir, 2, "two")
	write(t, dir, 3, "three")
	if err := os.WriteFile(damaged, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := Newest(fsys.OS, dir, func(index, term uint64) bool { return index < 3 && term == 3 }, nil)
	if err != nil || r == nil || r.Meta.Index != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	r.Close()
	if _, err := os.Stat(damaged + ".broken"); err != nil {
		t.Error(err)
	}
	if got, _ := newest(t, dir); got != "three" {
		t.Errorf("one that was only left out is gone: %q", got)
	}
}

func discard(payload io.Reader) error {
	_, err := io.Copy(io.Discard, payload)
	return err
}

// Load gives the payload away as it is, in pieces of any size and read to its end or not, and the error of who uses it back.
func TestLoad(t *testing.T) {
	dir := t.TempDir()
	want := strings.Repeat("payload ", 20_000)
	file := File{Name: write(t, dir, 5, want), Meta: meta(5)}
	for _, size := range []int{1 << 10, 64 << 10, 1 << 20} {
		var got []byte
		found, err := Load(fsys.OS, file, func(payload io.Reader) error {
			b := make([]byte, size)
			for {
				n, err := payload.Read(b)
				got = append(got, b[:n]...)
				if err != nil {
					return err
				}
			}
		})
		if !errors.Is(err, io.EOF) || string(got) != want || found.Size != 0 {
			t.Errorf("pieces of %d bytes: %d bytes, %+v, %v", size, len(got), found, err)
		}
	}
	found, err := Load(fsys.OS, file, func(payload io.Reader) error {
		_, err := io.ReadFull(payload, make([]byte, 10))
		return err
	})
	if err != nil || !reflect.DeepEqual(found.Meta, file.Meta) || found.Size < int64(len(want)) {
		t.Errorf("%+v, %v", found, err)
	}
	b, err := os.ReadFile(file.Name)
	if err == nil {
		b[len(b)/2] ^= 1
		err = os.WriteFile(file.Name, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Load(fsys.OS, file, discard); !errors.Is(err, errFrame) {
		t.Errorf("damaged where nobody but the crc can tell: %v", err)
	}
}

// Damage anywhere is seen: a flipped bit, a missing end, something behind the end.
func TestDamage(t *testing.T) {
	dir := t.TempDir()
	name := write(t, dir, 5, `{"Root":{}}`)
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	check := func(what string, b []byte) {
		t.Helper()
		at, err := parse(bytes.NewReader(b), int64(len(b)), nil)
		used, usedErr := parse(bytes.NewReader(b), int64(len(b)), discard)
		if !reflect.DeepEqual(used, at) || fmt.Sprint(usedErr) != fmt.Sprint(err) {
			t.Errorf("%s: %+v, %v; when the payload is used %+v, %v", what, at, err, used, usedErr)
		}
		if err == nil && (at.len != 11 || !reflect.DeepEqual(at.meta, meta(5))) || err != nil && !errors.Is(err, errFrame) {
			t.Errorf("%s: %+v, %v", what, at, err)
		}
	}
	for i := range whole {
		for bit := range 8 {
			b := bytes.Clone(whole)
			b[i] ^= 1 << bit
			check(fmt.Sprintf("byte %d bit %d", i, bit), b)
		}
		if _, err := parse(bytes.NewReader(whole[:i]), int64(i), nil); !errors.Is(err, errFrame) {
			t.Errorf("cut to %d bytes: %v", i, err)
		}
	}
	if _, err := parse(bytes.NewReader(append(whole, 0)), int64(len(whole)+1), nil); !errors.Is(err, errFrame) {
		t.Errorf("with something behind: %v", err)
	}
}

// A length that the file has no room for is refused, and nobody gets anything of it.
func TestLengthBeyondTheFile(t *testing.T) {
	for _, length := range []uint64{1, 1 << 31, 1 << 62, 1<<63 - 1, 1 << 63, 1<<64 - 1} {
		data := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.BytesType), length)
		file := appendFixed(protowire.AppendTag(nil, 1, protowire.VarintType), crc32.Checksum(data, castagnoli))
		file = protowire.AppendBytes(protowire.AppendTag(file, 2, protowire.BytesType), data)
		if _, err := parse(bytes.NewReader(file), int64(len(file)), nil); !errors.Is(err, errFrame) {
			t.Errorf("length %d: %v", length, err)
		}
		use := func(io.Reader) error { return errors.New("there is nothing to use") }
		if _, err := parse(bytes.NewReader(file), int64(len(file)), use); !errors.Is(err, errFrame) {
			t.Errorf("length %d: %v", length, err)
		}
	}
}

// A file under the name of another snapshot is none.
func TestOtherName(t *testing.T) {
	dir := t.TempDir()
	name := write(t, dir, 5, "five")
	file := File{Name: filepath.Join(dir, fileName(meta(6))), Meta: meta(6)}
	if err := os.Rename(name, file.Name); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(fsys.OS, file, discard); !errors.Is(err, errFrame) {
		t.Errorf("Load: %v", err)
	}
	if _, err := Open(fsys.OS, file); !errors.Is(err, errFrame) {
		t.Errorf("Open: %v", err)
	}
}

// big is a payload that is never in memory.
type big int

func (n big) WriteTo(w io.Writer) (int64, error) {
	chunk := bytes.Repeat([]byte("0123456789abcdef"), 256)
	for range int(n) {
		if _, err := w.Write(chunk); err != nil {
			return 0, err
		}
	}
	return int64(n) * int64(len(chunk)), nil
}

func TestConstantMemory(t *testing.T) {
	dir := t.TempDir()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := Write(fsys.OS, dir, meta(1), big(8<<10), committed); err != nil { // 32 MiB
		t.Fatal(err)
	}
	r, err := Newest(fsys.OS, dir, every, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 4<<20 {
		t.Errorf("%d bytes were allocated for a snapshot of 32 MiB", used)
	}
	if n, err := io.Copy(io.Discard, r); n != 32<<20 || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// changing is a payload that breaks the promise to be the same twice.
type changing struct{ n int }

func (c *changing) WriteTo(w io.Writer) (int64, error) {
	c.n++
	return text(fmt.Sprint(1 << (c.n * 8))).WriteTo(w)
}

func TestWriteFails(t *testing.T) {
	dir := t.TempDir()
	if _, err := Write(fsys.OS, dir, meta(1), &changing{}, committed); err == nil {
		t.Error("a payload that changed was written")
	}
	refused := errors.New("no record")
	if _, err := Write(fsys.OS, dir, meta(1), text("x"), func() error { return refused }); !errors.Is(err, refused) {
		t.Errorf("commit: %v", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("left behind: %v", entries)
	}
}

// Whatever call fails, and whatever a power cut leaves then: a snapshot that is there is whole, the one before it stays,
// and the new one is there only if commit was called when its bytes were durable.
func TestPowerCut(t *testing.T) {
	for at := 1; ; at++ {
		root := t.TempDir()
		write(t, root, 1, "old")
		f, err := fsys.NewFaulty(fsys.OS, root)
		if err != nil {
			t.Fatal(err)
		}
		f.OnCall(func(c fsys.Call) fsys.Fault {
			if c.Seq >= at {
				return fsys.Fault{Err: syscall.EIO, Short: 10}
			}
			return fsys.Fault{}
		})
		called := false
		_, writeErr := Write(f, root, meta(2), text("new"), func() error { called = true; return nil })
		for n := range 8 {
			image, calls := t.TempDir(), 0
			if err := f.Crash(image, func() bool { calls++; return n>>(calls%3)&1 == 1 }); err != nil {
				t.Fatal(err)
			}
			got, _ := newest(t, image)
			if got != "old" && (got != "new" || !called) || writeErr == nil && got != "new" {
				t.Errorf("call %d: %q, committed %v, %v", at, got, called, writeErr)
			}
			if broken, _ := filepath.Glob(filepath.Join(image, "*.broken")); len(broken) > 0 {
				t.Errorf("call %d: %v", at, broken)
			}
			write(t, image, 3, "next")
			if scratch, _ := filepath.Glob(filepath.Join(image, "*.tmp")); len(scratch) > 0 {
				t.Errorf("call %d: %v", at, scratch)
			}
		}
		if writeErr == nil {
			t.Logf("%d calls", at-1)
			return
		}
	}
}

// FuzzFrame parses any bytes: without a panic, and never beyond the file.
func FuzzFrame(f *testing.F) {
	dir := f.TempDir()
	for i, payload := range []string{"", "x", `{"Root":{}}`} {
		b, err := os.ReadFile(write(f, dir, uint64(i+1), payload))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		at, err := parse(bytes.NewReader(b), int64(len(b)), nil)
		used, usedErr := parse(bytes.NewReader(b), int64(len(b)), discard)
		if !reflect.DeepEqual(used, at) || fmt.Sprint(usedErr) != fmt.Sprint(err) {
			t.Fatalf("%+v, %v; when the payload is used %+v, %v", at, err, used, usedErr)
		}
		if err != nil {
			if !errors.Is(err, errFrame) {
				t.Fatal(err)
			}
			return
		}
		if at.start < 0 || at.len < 0 || at.start+at.len > int64(len(b)) {
			t.Errorf("%+v in %d bytes", at, len(b))
		}
	})
}
