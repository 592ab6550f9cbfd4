package raft

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"go.etcd.io/raft/v3/raftpb"
)

// change carries out a change through whoever leads, as the server does.
func (c *cluster) change(kind ChangeKind, id uint64) error {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	at := c.leader()
	for {
		err := c.rigs[at].node.ChangeMembership(ctx, Change{Kind: kind, ID: id, Context: contextOf(kind, id)})
		var other *NotLeaderError
		if !errors.As(err, &other) {
			return err
		}
		at = other.Leader
	}
}

func contextOf(kind ChangeKind, id uint64) []byte {
	if kind == RemoveMember {
		return nil
	}
	return fmt.Appendf(nil, `{"id":%d}`, id)
}

// join starts a member that was added, on an empty directory.
func (c *cluster) join(id uint64) {
	c.t.Helper()
	c.dirs[id] = c.t.TempDir()
	c.startWith(id, nil)
}

// votersAre waits until all members know these voters and no learners.
func (c *cluster) votersAre(want ...uint64) {
	c.t.Helper()
	deadline := time.After(patience)
	for {
		agreed := true
		for _, r := range c.rigs {
			agreed = agreed && fmt.Sprint(slices.Sorted(slices.Values(r.node.Voters()))) == fmt.Sprint(want) && len(r.node.Learners()) == 0
		}
		if agreed {
			return
		}
		select {
		case <-deadline:
			for id, r := range c.rigs {
				c.t.Logf("member %d: voters %v, learners %v", id, r.node.Voters(), r.node.Learners())
			}
			c.t.Fatalf("the voters are not %v", want)
		case <-time.After(time.Millisecond):
		}
	}
}

// gone waits until a removed member has stopped, and forgets it. If its log does not
// reach as far as its removal, the others tell it: the transport's part.
func (c *cluster) gone(id uint64) {
	c.t.Helper()
	r := c.rigs[id]
	select {
	case <-r.node.Done():
	case <-time.After(2 * r.node.cfg.Election):
		r.node.Expelled()
		<-r.node.Done()
	}
	if err := r.node.Err(); !errors.Is(err, ErrRemoved) {
		c.t.Errorf("the removed member says %v", err)
	}
	delete(c.rigs, id)
}

// follower is one of the members that do not lead.
func (c *cluster) follower() uint64 {
	lead := c.leader()
	return three[slices.IndexFunc(three, func(id uint64) bool { return id != lead && c.rigs[id] != nil })]
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A new member learns, is promoted by itself, and the snapshot that etcd 2.3 needs is taken.
func TestNewMemberIsPromoted(t *testing.T) {
	c := startCluster(t)
	for i := range 20 {
		c.rigs[1].mustPropose(fmt.Sprint(i))
	}
	must(t, c.change(AddLearner, 4))
	if lead := c.rigs[c.leader()].node; !slices.Equal(lead.Learners(), []uint64{4}) || len(lead.Voters()) != 3 {
		t.Fatalf("voters %v, learners %v", lead.Voters(), lead.Learners())
	}
	c.rigs[1].mustPropose("while the newcomer has not even started")
	c.join(4)
	c.votersAre(1, 2, 3, 4)
	c.rigs[4].ready().mustPropose("through the newcomer")
	c.equal(22)
	for id, r := range c.rigs {
		if r.sm.members != 4 {
			t.Errorf("member %d: the state machine was told of %d members", id, r.sm.members)
		}
		for deadline := time.Now().Add(patience); ; <-time.After(time.Millisecond) {
			if found, err := hasSnapshots(r.node.cfg.FS, r.node.snaps.dir); err == nil && found {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("member %d has taken no snapshot", id)
			}
		}
	}
	c.rigs[4].close()
	delete(c.rigs, 4)
	c.startWith(4, nil)
	c.rigs[4].ready().mustPropose("after a restart")
	c.equal(23)
}

func TestLoneMemberGrows(t *testing.T) {
	c := &cluster{t: t, net: newNetwork(t), dirs: map[uint64]string{1: t.TempDir()}, rigs: map[uint64]*rig{}}
	c.startWith(1, []uint64{1})
	c.rigs[1].ready()
	for id := uint64(2); id <= 3; id++ {
		must(t, c.change(AddLearner, id))
		c.rigs[1].mustPropose(fmt.Sprint("before ", id))
		c.join(id)
		c.rigs[id].ready()
		c.votersAre(three[:id]...)
	}
	c.rigs[3].mustPropose("together")
	c.equal(3)
}

func TestRemoveFollower(t *testing.T) {
	c := startCluster(t)
	out := c.follower()
	must(t, c.change(RemoveMember, out))
	c.gone(out)
	for id := range c.rigs {
		c.rigs[id].mustPropose(fmt.Sprint("through ", id))
	}
	c.equal(2)
	r := c.rigs
	c.startWith(out, three) // on the old data
	c.gone(out)
	if len(r) != 2 {
		t.Fatal(r)
	}
}

// Members are removed, the leader each time, until one is left, which stays.
func TestRemoveLeaders(t *testing.T) {
	c := startCluster(t)
	for range 2 {
		lead := c.leader()
		began := time.Now()
		must(t, c.change(RemoveMember, lead))
		t.Logf("removing the leader took %v", time.Since(began))
		c.gone(lead)
		c.leader()
	}
	last := c.leader()
	if err := c.change(RemoveMember, last); !errors.Is(err, ErrLastMember) {
		t.Fatalf("removing the last member: %v", err)
	}
	c.rigs[last].mustPropose("still here")
}

func TestLearnerIsRemoved(t *testing.T) {
	c := startCluster(t)
	must(t, c.change(AddLearner, 4))
	must(t, c.change(RemoveMember, 4))
	c.votersAre(1, 2, 3)
	c.rigs[1].mustPropose("after")
	c.equal(1)
}

// A member without a vote notices that nobody leads any more, and who does then.
func TestLearnerMissesItsLeader(t *testing.T) {
	c := startCluster(t)
	c.net.drop(func(m *raftpb.Message) bool { return m.GetFrom() == 4 && m.GetType() == raftpb.MsgAppResp }) // it is not promoted
	must(t, c.change(AddLearner, 4))
	c.join(4)
	leads := func(somebody bool) {
		t.Helper()
		for deadline := time.Now().Add(patience); (c.rigs[4].node.Status().Leader != 0) != somebody; <-time.After(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("it believes that %x leads", c.rigs[4].node.Status().Leader)
			}
		}
	}
	leads(true)
	for range 2 {
		for _, id := range three {
			c.net.set(id, c.rigs[id].node, true)
		}
		leads(false)
		for _, id := range three {
			c.net.set(id, c.rigs[id].node, false)
		}
		leads(true)
	}
}

// What would leave no quorum of members that answer is refused, and says whom it misses.
func TestUnsafeChangesAreRefused(t *testing.T) {
	c := startCluster(t)
	dead := c.follower()
	c.net.set(dead, c.rigs[dead].node, true)
	alive := map[uint64]bool{1: true, 2: true, 3: true}
	delete(alive, dead)
	lead := c.leader()
	silent := func() bool {
		err := c.change(AddVoter, 9)
		if err == nil {
			t.Fatal("a fourth voter is let in while one of three is dead")
		}
		var unsafe *UnsafeError
		return errors.As(err, &unsafe) && unsafe.Voters == 4 && len(unsafe.Silent) == 2
	}
	// As long as the dead one counts as alive, 3 of 4 is a quorum: wait without asking.
	<-time.After(5 * c.rigs[lead].node.cfg.Election) // by the ticks of a busy machine
	if !silent() {
		t.Fatal("not refused as unsafe")
	}
	for id := range alive {
		err := c.change(RemoveMember, id)
		var unsafe *UnsafeError
		if !errors.As(err, &unsafe) || unsafe.Voters != 2 || !slices.Equal(unsafe.Silent, []uint64{dead}) {
			t.Fatalf("removing a live member: %v", err)
		}
	}
	must(t, c.change(AddLearner, 5))
	must(t, c.change(RemoveMember, 5))
	must(t, c.change(RemoveMember, dead))
	delete(c.rigs, dead) // cut off, it cannot know
	c.rigs[lead].mustPropose("two are left")
	c.equal(1)
}

// Changes that race are each answered, and what the state machine refuses is said to be refused.
func TestRacingChanges(t *testing.T) {
	c := startCluster(t)
	for _, r := range c.rigs {
		r.sm.refuse = func(cc *raftpb.ConfChange) bool { return cc.GetNodeId()%2 == 1 }
	}
	lead := c.rigs[c.leader()].node
	var wg sync.WaitGroup
	for id := uint64(10); id < 30; id++ {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			err := lead.ChangeMembership(ctx, Change{Kind: AddLearner, ID: id, Context: contextOf(AddLearner, id)})
			if odd := id%2 == 1; odd != errors.Is(err, ErrChangeInvalid) || !odd && err != nil {
				t.Errorf("adding %d: %v", id, err)
			}
		})
	}
	wg.Wait()
	if n := len(lead.Learners()); n != 10 {
		t.Errorf("%d learners", n)
	}
}

// A change that a leader could not finish is either carried out or handed over, once.
func TestChangesAroundElections(t *testing.T) {
	c := startCluster(t)
	for id := uint64(10); id < 16; id++ {
		lead := c.leader()
		node := c.rigs[lead].node
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		answer := make(chan error, 1)
		go func() {
			answer <- node.ChangeMembership(ctx, Change{Kind: AddLearner, ID: id, Context: contextOf(AddLearner, id)})
		}()
		c.net.set(lead, node, true)
		c.leaderOtherThan(lead)
		c.net.set(lead, node, false)
		err := <-answer
		cancel()
		var other *NotLeaderError
		if errors.As(err, &other) {
			err = c.change(AddLearner, id)
		}
		must(t, err)
	}
	c.rigs[1].mustPropose("end")
	c.equal(1)
	for id, r := range c.rigs {
		if r.sm.members != 9 { // three at the beginning
			t.Errorf("member %d was told of %d members", id, r.sm.members)
		}
	}
}

// A caller that has left before its turn finds nothing carried out.
func TestAbandonedChange(t *testing.T) {
	c := startCluster(t)
	lead := c.leader()
	for _, id := range three {
		if id != lead {
			c.net.set(id, c.rigs[id].node, true)
		}
	}
	node := c.rigs[lead].node
	for deadline := time.Now().Add(patience); node.Status().Leader != 0; <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the leader stays without a quorum")
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := node.ChangeMembership(ctx, Change{Kind: AddLearner, ID: 7, Context: contextOf(AddLearner, 7)}); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	for _, id := range three {
		c.net.set(id, c.rigs[id].node, false)
	}
	c.leader()
	must(t, c.change(AddLearner, 8))
	if got := c.rigs[c.leader()].node.Learners(); !slices.Equal(got, []uint64{8}) {
		t.Errorf("learners %v", got)
	}
}
