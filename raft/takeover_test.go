package raft

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"pando/fsys"
	"pando/raft/wal"
	"pando/snapshot"
)

// etcd3Dir is a member directory as etcd 3.x leaves it: its records are padded.
type etcd3Dir struct {
	log   []byte
	crc   uint32
	texts []string
	snaps []uint64 // their indexes
}

func (d *etcd3Dir) record(kind byte, data []byte) {
	castagnoli := crc32.MakeTable(crc32.Castagnoli)
	d.crc = crc32.Update(d.crc, castagnoli, data)
	b := protowire.AppendVarint([]byte{8, kind, 16}, uint64(d.crc))
	if data != nil {
		b = protowire.AppendBytes(append(b, 26), data)
	}
	length := uint64(len(b))
	if pad := -len(b) & 7; pad > 0 {
		length |= uint64(0x80|pad) << 56
		b = append(b, make([]byte, pad)...)
	}
	d.log = append(binary.LittleEndian.AppendUint64(d.log, length), b...)
}

func fields(values ...uint64) (b []byte) {
	for i, v := range values {
		b = protowire.AppendVarint(append(b, byte(i+1)<<3), v)
	}
	return b
}

// write adds the entries up to an index, of which each is a text.
func (d *etcd3Dir) write(to uint64) {
	for i := uint64(len(d.texts)) + 1; i <= to; i++ {
		d.texts = append(d.texts, fmt.Sprint(i))
		d.record(2, protowire.AppendBytes(append(fields(0, 1, i), 34), command(i, d.texts[i-1])))
	}
}

func (d *etcd3Dir) snapshot(index uint64) {
	d.record(5, fields(index, 1))
	d.snaps = append(d.snaps, index)
}

// install is a snapshot of the leader's, beyond what this member had.
func (d *etcd3Dir) install(index uint64) {
	for i := uint64(len(d.texts)) + 1; i <= index; i++ {
		d.texts = append(d.texts, fmt.Sprint(i))
	}
	d.snapshot(index)
}

func newEtcd3() *etcd3Dir {
	d := &etcd3Dir{}
	d.record(4, nil)
	d.record(1, fields(1, 9))
	d.record(5, fields(0, 0))
	return d
}

// twoSnapshots is an ordinary one.
func twoSnapshots() *etcd3Dir {
	d := newEtcd3()
	for _, index := range []uint64{4, 8} {
		d.write(index)
		d.snapshot(index)
	}
	d.write(11)
	return d
}

// put makes the directory, with everything committed.
func (d *etcd3Dir) put(t *testing.T) Config {
	t.Helper()
	cfg := testConfig(t, fsys.OS, t.TempDir())
	cfg.segmentSize = shortSegment
	cfg.TakeOver = func() StateMachine { return &list{} }
	l := layoutOf(cfg)
	if err := errors.Join(makeDirs(cfg, l), makeDir(fsys.OS, l.wal)); err != nil {
		t.Fatal(err)
	}
	d.record(3, fields(1, 1, uint64(len(d.texts))))
	for _, index := range d.snaps {
		m := snapshot.Meta{Index: index, Term: 1, Voters: []uint64{1}}
		if _, err := snapshot.Write(fsys.OS, l.snap, m, image(d.texts[:index]), func() error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	for name, b := range map[string][]byte{
		filepath.Join(l.wal, "0000000000000000-0000000000000000.wal"): append(slices.Clone(d.log), make([]byte, 5000)...),
		filepath.Join(l.snap, "db"):                                   []byte("etcd 3's own keys"),
	} {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cfg
}

// content reads all files of a directory.
func content(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(name)
		rest, _ := filepath.Rel(dir, name)
		files[rest] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// taken starts a node and insists that it has everything and that the original
// is kept.
func taken(t *testing.T, cfg Config, texts []string, original map[string]string) {
	t.Helper()
	r := launch(t, cfg).ready()
	if got := r.sm.texts(); !slices.Equal(got, texts) {
		t.Errorf("it has %q, want %q", got, texts)
	}
	r.close()
	member := filepath.Join(cfg.DataDir, "member")
	if kept := content(t, member+keptSuffix); !maps.Equal(kept, original) {
		t.Errorf("the original is not kept: %q", slices.Sorted(maps.Keys(kept)))
	}
	if exists(t, member+newSuffix) || exists(t, member+keptSuffix+".2") || exists(t, member, "snap", "db") {
		t.Error("there is something that should not be there")
	}
	if foreign, err := wal.Etcd3(fsys.OS, filepath.Join(member, "wal")); err != nil || foreign {
		t.Errorf("the log is still etcd 3's: %v, %v", foreign, err)
	}
}

func TestTakeover(t *testing.T) {
	logOnly := newEtcd3()
	logOnly.write(5)
	installed := newEtcd3()
	installed.write(3)
	installed.snapshot(2)
	installed.install(8)
	behind := newEtcd3()
	behind.write(3)
	behind.snapshot(2)
	behind.install(8)
	behind.write(10)
	backup := newEtcd3() // in the order of etcdctl backup
	backup.texts, backup.snaps = []string{"1", "2", "3"}, []uint64{3}
	backup.write(6)
	backup.record(5, fields(3, 1))
	for name, d := range map[string]*etcd3Dir{
		"log only": logOnly, "snapshots": twoSnapshots(), "installed": installed, "behind an installed one": behind, "backup": backup,
	} {
		t.Run(name, func(t *testing.T) {
			cfg := d.put(t)
			original := content(t, filepath.Join(cfg.DataDir, "member"))
			if name == "backup" { // it holds nothing about members
				cfg = forced(cfg)
			}
			taken(t, cfg, d.texts, original)
			taken(t, cfg, d.texts, original)
		})
	}
}

// A newest snapshot that goes bad later costs nothing, as ever.
func TestTakeoverReachesBackToTheSecondSnapshot(t *testing.T) {
	d := twoSnapshots()
	cfg := d.put(t)
	original := content(t, filepath.Join(cfg.DataDir, "member"))
	taken(t, cfg, d.texts, original)
	newest := filepath.Join(cfg.DataDir, "member", "snap", "0000000000000001-0000000000000008.snap")
	if err := os.Truncate(newest, 20); err != nil {
		t.Fatal(err)
	}
	taken(t, cfg, d.texts, original)
}

// Killed at any moment, whatever the disk kept, the next start has everything,
// and the original is there as it was.
func TestTakeoverThatIsCutOff(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	d := twoSnapshots()
	for at := 1; ; at++ {
		cfg := d.put(t)
		original := content(t, filepath.Join(cfg.DataDir, "member"))
		disk, err := fsys.NewFaulty(fsys.OS, cfg.DataDir)
		if err != nil {
			t.Fatal(err)
		}
		swapped := false
		disk.OnCall(func(c fsys.Call) fsys.Fault {
			if c.Seq < at {
				swapped = swapped || c.Kind == fsys.Rename && strings.HasSuffix(c.Name, "member")
				return fsys.Fault{}
			}
			return fsys.Fault{Err: syscall.EIO, Short: c.Torn(rng.IntN(c.Size + 1))}
		})
		cfg.FS = disk
		node, err := Start(cfg, &list{})
		disk.OnCall(func(fsys.Call) fsys.Fault { return fsys.Fault{Err: syscall.EIO} })
		if node != nil {
			node.Close()
		}
		for _, keep := range []func() bool{
			func() bool { return true }, func() bool { return false }, func() bool { return rng.IntN(2) == 0 },
		} {
			again := cfg
			again.FS, again.DataDir = fsys.OS, t.TempDir()
			if err := disk.Crash(again.DataDir, keep); err != nil {
				t.Fatal(err)
			}
			dropEmpty(t, again.DataDir)
			taken(t, again, d.texts, original)
		}
		if t.Failed() {
			t.Fatalf("cut off at call %d: %v", at, err)
		}
		if err == nil && swapped {
			t.Logf("%d calls", at)
			return
		}
	}
}

// dropEmpty removes directories without files: to Faulty, a directory is durable
// under all names that it ever had.
func dropEmpty(t *testing.T, root string) {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(root, "member*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		if len(content(t, dir)) == 0 {
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// What cannot be read stays as it was.
func TestRefusedTakeoverChangesNothing(t *testing.T) {
	for name, spoil := range map[string]func(*etcd3Dir){
		"entry": func(d *etcd3Dir) {
			d.texts = append(d.texts, "poison")
			d.record(2, protowire.AppendBytes(append(fields(0, 1, 12), 34), command(12, "poison")))
		},
		"commit": func(d *etcd3Dir) { d.texts = append(d.texts, "lost") },
	} {
		t.Run(name, func(t *testing.T) {
			d := twoSnapshots()
			spoil(d)
			cfg := d.put(t)
			before := content(t, cfg.DataDir)
			for range 2 {
				if node, err := Start(cfg, &list{}); err == nil {
					node.Close()
					t.Fatal("it starts")
				}
				if after := content(t, cfg.DataDir); !maps.Equal(before, after) {
					t.Errorf("there is now %q", slices.Sorted(maps.Keys(after)))
				}
			}
		})
	}
}

// A log elsewhere is continued there.
func TestNoTakeoverOfALogElsewhere(t *testing.T) {
	d := twoSnapshots()
	cfg := d.put(t)
	elsewhere := filepath.Join(t.TempDir(), "wal")
	if err := os.Rename(filepath.Join(cfg.DataDir, "member", "wal"), elsewhere); err != nil {
		t.Fatal(err)
	}
	link := cfg
	cfg.WALDir = elsewhere
	for range 2 {
		r := launch(t, cfg).ready()
		if got := r.sm.texts(); !slices.Equal(got, d.texts) {
			t.Errorf("it has %q, want %q", got, d.texts)
		}
		r.close()
		if exists(t, cfg.DataDir, "member"+keptSuffix) {
			t.Error("there is a copy")
		}
		if err := os.Symlink(elsewhere, filepath.Join(cfg.DataDir, "member", "wal")); err != nil && !errors.Is(err, fs.ErrExist) {
			t.Fatal(err)
		}
		cfg = link
	}
}

// A member that somebody has removed does not begin anew beside what is kept.
func TestMissingMemberBesideAKeptOneIsRefused(t *testing.T) {
	d := twoSnapshots()
	cfg := d.put(t)
	launch(t, cfg).ready().close()
	if err := os.RemoveAll(filepath.Join(cfg.DataDir, "member")); err != nil {
		t.Fatal(err)
	}
	refused(t, cfg)
	kept := filepath.Join(cfg.DataDir, "member")
	if err := os.Rename(kept+keptSuffix, kept); err != nil { // the way back
		t.Fatal(err)
	}
	r := launch(t, cfg).ready()
	if got := r.sm.texts(); !slices.Equal(got, d.texts) {
		t.Errorf("it has %q, want %q", got, d.texts)
	}
}
