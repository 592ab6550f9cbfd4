package wal

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"syscall"
	"testing"

	"pando/fsys"
	"pando/test/nosync"
)

// script is a run of random appends, and what was acknowledged.
type script struct {
	rnd   *rand.Rand
	acked []Entry
	state HardState // last one that was synced
	all   []Entry   // also of the batch that is being written
}

// batch makes the next batch, sometimes one that replaces the last entries, as after a change of leader.
func (s *script) batch() Batch {
	s.all = append([]Entry(nil), s.acked...)
	if s.rnd.IntN(3) == 0 {
		st := s.state
		st.Commit++
		return Batch{State: &st, Sync: s.rnd.IntN(2) == 0}
	}
	next := uint64(len(s.acked)) + 1
	if next > 3 && s.rnd.IntN(8) == 0 {
		next -= 2
	}
	b := Batch{Sync: true}
	for range s.rnd.IntN(6) + 1 {
		e := Entry{Term: s.state.Term + 1, Index: next, Data: make([]byte, s.rnd.IntN(1500))}
		if s.rnd.IntN(4) > 0 {
			for i := range e.Data {
				e.Data[i] = byte(s.rnd.Uint32())
			}
		}
		b.Entries, next = append(b.Entries, e), next+1
	}
	if s.rnd.IntN(2) == 0 {
		b.State = &HardState{Term: s.state.Term + 1, Vote: 3, Commit: s.state.Commit}
	}
	s.all = append(s.all[:b.Entries[0].Index-1], b.Entries...)
	return b
}

func (s *script) done(b Batch) {
	s.acked = s.all
	if b.State != nil && b.Sync {
		s.state = *b.State
	}
}

// check holds what was read to what was acknowledged: nothing may be missing, and nothing else may be there but the
// batch that was being written.
func (s *script) check(r *Replay) error {
	err := equal(r.Entries, s.acked)
	if err == nil || equal(r.Entries, s.all) == nil {
		if r.State.Term < s.state.Term || r.State.Commit < s.state.Commit {
			return fmt.Errorf("state %+v, acknowledged %+v", r.State, s.state)
		}
		return nil
	}
	return err
}

// openImage makes sure that a crash image opens twice, and can be written in between.
func openImage(s *script, dir string) error {
	w, r, err := openLog(nosync.FS, filepath.Join(dir, "wal"), Position{}, small)
	if err != nil {
		return err
	}
	defer func() { w.Close() }()
	if err := s.check(r); err != nil {
		return err
	}
	next := Entry{Term: r.State.Term + 1, Index: uint64(len(r.Entries)) + 1, Data: make([]byte, 700)}
	if err := errors.Join(w.Append(Batch{Entries: []Entry{next}, Sync: true}), w.Close()); err != nil {
		return err
	}
	if got, _, err := readAsEtcd23(filepath.Join(dir, "wal")); err != nil || equal(got, append(r.Entries, next)) != nil {
		return fmt.Errorf("etcd 2.3 reads %d entries of %d: %w", len(got), len(r.Entries)+1, err)
	}
	w2, again, err := openLog(nosync.FS, filepath.Join(dir, "wal"), Position{}, small)
	if err != nil {
		return err
	}
	return errors.Join(equal(again.Entries, append(r.Entries, next)), w2.Close())
}

// Whatever a power cut leaves opens, with everything that was acknowledged. The cut comes at any call, also of the
// background goroutine: that call and all that follow are not made.
func TestPowerCut(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for run := range uint64(25) {
		powerCut(t, &script{rnd: rand.New(rand.NewPCG(seed, run))})
	}
}

func powerCut(t *testing.T, s *script) {
	root := t.TempDir()
	f, err := fsys.NewFaulty(nosync.FS, root)
	if err != nil {
		t.Fatal(err)
	}
	w, err := Create(f, filepath.Join(root, "wal"), testMetadata, small)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	last := f.Calls() + 1 + s.rnd.IntN(100)
	f.OnCall(func(c fsys.Call) fsys.Fault {
		if c.Seq >= last {
			return fsys.Fault{Err: syscall.EIO}
		}
		return fsys.Fault{}
	})
	var b Batch
	for err == nil {
		b = s.batch()
		if err = w.Append(b); err == nil {
			s.done(b)
		}
	}
	for n := range 12 {
		image := t.TempDir()
		odds := n
		if err := f.Crash(image, func() bool { return s.rnd.IntN(11) < odds }); err != nil {
			t.Fatal(err)
		}
		if err := openImage(s, image); err != nil {
			t.Fatalf("%d entries, the power went at call %d, writing %d entries, sync %v: %v", len(s.acked), last, len(b.Entries), b.Sync, err)
		}
	}
}

// Each call to the file system fails once. What was acknowledged is there afterwards, and no failure is passed over.
func TestEveryCallFails(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for _, fault := range []fsys.Fault{{Err: syscall.EIO}, {Err: syscall.EIO, Short: 600}, {Err: syscall.EIO, Short: 3000}} {
		for at := 1; ; at++ {
			s := &script{rnd: rand.New(rand.NewPCG(seed, 1))}
			if !failAt(t, s, at, fault) {
				t.Logf("%+v: %d calls", fault, at-1)
				break
			}
		}
	}
}

// failAt reports whether the call number at was reached.
func failAt(t *testing.T, s *script, at int, fault fsys.Fault) bool {
	root := t.TempDir()
	f, err := fsys.NewFaulty(nosync.FS, root)
	if err != nil {
		t.Fatal(err)
	}
	// Calls of the preparer count too, in no fixed order.
	n, hit := 0, false
	f.OnCall(func(c fsys.Call) fsys.Fault {
		if n++; n == at {
			hit = true
			return fsys.Fault{Err: fault.Err, Short: c.Torn(fault.Short)}
		}
		return fsys.Fault{}
	})
	w, err := Create(f, filepath.Join(root, "wal"), testMetadata, small)
	if err == nil {
		for range 8 {
			b := s.batch()
			if err := w.Append(b); errors.Is(err, ErrNoSpace) {
				continue
			} else if err != nil {
				if again := w.Append(b); again == nil {
					t.Errorf("call %d: an append after the failed one worked", at)
				}
				break
			}
			s.done(b)
		}
		w.Close()
	}
	exists, err := Exists(fsys.OS, filepath.Join(root, "wal"))
	if err != nil {
		t.Fatal(err)
	}
	if exists {
		if err := openImage(s, root); err != nil {
			t.Errorf("call %d: %v", at, err)
		}
	} else if len(s.acked) > 0 {
		t.Errorf("call %d: the log is gone", at)
	}
	return hit
}
