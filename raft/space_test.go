package raft

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"pando/fsys"
)

// fullDisks are the disks of a cluster, each of which can be full: no file can be begun or become longer.
type fullDisks map[uint64]*atomic.Bool

const smallSegment = 16 << 10

func startOnDisks(t *testing.T) (*cluster, fullDisks) {
	t.Helper()
	full := fullDisks{}
	for _, id := range three {
		full[id] = new(atomic.Bool)
	}
	return startTuned(t, func(id uint64, cfg *Config) {
		cfg.segmentSize, cfg.retry = smallSegment, 10*time.Millisecond
		cfg.FS = fsys.Hook(fsys.OS, func(c fsys.Call) error {
			if full[id].Load() && (c.Grows || c.Kind == fsys.OpenFile && filepath.Ext(c.Name) == ".tmp") {
				return syscall.ENOSPC
			}
			return nil
		})
	}), full
}

// inStep waits until a member has on its disk what another one has shown, or finds out that it has no room for it. What the others agree
// on without one whose disk is slow may be more than it has room for.
func (c *cluster) inStep(id, with uint64) {
	c.t.Helper()
	shown := c.rigs[with].node.Status().Applied
	c.until("a slow disk", func() bool {
		s := c.rigs[id].node.Status()
		return s.DiskFull || s.Applied >= shown
	})
}

// fill writes through a member until another one finds out that its disk is full.
func (c *cluster) fill(through, until uint64) {
	c.t.Helper()
	for range 100 {
		if c.rigs[until].node.Status().DiskFull {
			return
		}
		if err := c.rigs[through].propose(strings.Repeat("x", 2<<10)); err != nil && !errors.Is(err, ErrDiskFull) {
			c.describe()
			c.t.Fatal(err)
		}
		c.inStep(until, through)
	}
	c.t.Fatal("200 KB went onto a full disk")
}

// prepared waits until a member has the next segment of its log: it has room then to go on a little when its disk is full.
func (c *cluster) prepared(id uint64) {
	c.t.Helper()
	c.until("the next segment", func() bool {
		names, err := filepath.Glob(filepath.Join(c.dirs[id], "member", "wal", "*.tmp"))
		return err == nil && slices.ContainsFunc(names, func(name string) bool {
			info, err := os.Stat(name)
			return err == nil && info.Size() == smallSegment
		})
	})
}

// A leader whose log cannot grow hands over, to a member that has room: writes through the others go on, without one
// that fails. When there is room again, it takes writes again.
func TestLeaderWithoutRoomHandsOver(t *testing.T) {
	c, full := startOnDisks(t)
	old := c.leader()
	var alsoFull, roomy uint64
	for _, id := range three {
		if id != old {
			alsoFull, roomy = roomy, id
		}
	}
	full[alsoFull].Store(true)
	c.fill(roomy, alsoFull)
	c.inStep(old, roomy)
	c.prepared(old) // else only one of three has room when it finds out
	full[old].Store(true)
	c.fill(roomy, old)
	// The third one may have become a candidate, for a term that it has no room to write down: it hears nobody until it has. Or it leads
	// for a moment, if its timeout is the first to end.
	c.until("the one with room leads", func() bool {
		return c.rigs[old].node.Status().Leader == roomy && c.rigs[roomy].node.Status().Leader == roomy
	})
	if err := c.rigs[old].propose("refused"); !errors.Is(err, ErrDiskFull) {
		t.Errorf("the old leader took a write: %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := c.rigs[old].node.ReadIndex(ctx); err != nil {
		t.Errorf("a read on the old leader: %v", err)
	}
	full[old].Store(false)
	full[alsoFull].Store(false)
	for _, id := range three {
		for deadline := time.Now().Add(patience); c.rigs[id].node.Status().DiskFull; {
			if time.Now().After(deadline) {
				t.Fatalf("%d does not see that there is room", id)
			}
			<-time.After(time.Millisecond)
		}
		c.rigs[id].mustPropose("room again")
	}
	c.equal(3)
}
