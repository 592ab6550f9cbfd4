package wal

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"

	"pando/fsys"
)

// What Open has returned stays, also if the process that wrote it was killed before it was durable and the power
// goes right after the start: a member has told others by then that it has it.
func TestWhatWasReadIsDurable(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for at := 1; ; at++ {
		hit, err := killAt(&script{rnd: rand.New(rand.NewPCG(seed, 1))}, at)
		if err != nil {
			t.Errorf("killed at call %d: %v", at, err)
		}
		if !hit {
			t.Logf("%d calls", at-1)
			return
		}
	}
}

// killAt kills a process in front of its call number at, and lets the power go when the next one has read the log.
func killAt(s *script, at int) (hit bool, err error) {
	m := fsys.NewMemory()
	n := 0
	m.OnCall(func(fsys.Call) fsys.Fault {
		if n++; n < at {
			return fsys.Fault{}
		}
		hit = true
		return fsys.Fault{Err: syscall.EIO}
	})
	inline := Options{SegmentSize: minSegment, Inline: true}
	if w, err := Create(m, "/wal", testMetadata, inline); err == nil {
		for range 12 {
			b := s.batch()
			if w.Append(b) != nil {
				break
			}
			s.done(b)
		}
		if !hit {
			m.OnCall(nil)
			return false, w.Close()
		}
	}
	m.OnCall(nil)
	m.Kill()
	if exists, err := Exists(m, "/wal"); err != nil || !exists {
		return hit, err
	}
	w, before, err := openLog(m, "/wal", Position{}, inline)
	if err != nil {
		return hit, err
	}
	m.PowerCut(func() bool { return false })
	w.prep.stop() // what it has open is gone
	again, after, err := openLog(m, "/wal", Position{}, inline)
	if err != nil {
		return hit, fmt.Errorf("it does not open again: %w", err)
	}
	err = equal(after.Entries, before.Entries)
	if after.State != before.State {
		err = errors.Join(err, fmt.Errorf("the state is %+v, it was %+v", after.State, before.State))
	}
	return hit, errors.Join(err, again.Close())
}
