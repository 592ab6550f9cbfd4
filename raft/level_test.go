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
	"google.golang.org/protobuf/proto"
)

// mixed are three members of which the third has not said that it is Pando.
var mixed = Levels{1: 1, 2: 1}

// noop is a Barrier for the state machine of these tests: it is in the list as a text.
func noop(id uint64) []byte { return command(id, "barrier") }

// startMixed starts three nodes at level 0, of which the third never leads.
func startMixed(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{t: t, net: newNetwork(t), dirs: map[uint64]string{}, rigs: map[uint64]*rig{}, levels: &mixed,
		tune: func(id uint64, cfg *Config) {
			cfg.Barrier = noop
			if id == 3 {
				cfg.Election = time.Hour
			}
		}}
	c.net.drop(func(m *raftpb.Message) bool { return m.GetTo() == 3 && m.GetType() == raftpb.MsgTimeoutNow })
	for _, id := range three {
		c.dirs[id] = t.TempDir()
		c.start(id)
	}
	for _, r := range c.rigs {
		r.ready()
	}
	return c
}

// publish lets all members know other levels, as the next entry does.
func (c *cluster) publish(levels *Levels) {
	c.t.Helper()
	for _, r := range c.rigs {
		r.sm.levels.Store(levels)
	}
	c.rigs[1].mustPropose("levels")
}

func (c *cluster) awaitLevel(level int) {
	c.t.Helper()
	c.await(fmt.Sprintf("level %d", level), func() bool {
		for _, r := range c.rigs {
			if r.node.Level() != level {
				return false
			}
		}
		return true
	})
}

func (c *cluster) await(what string, done func() bool) {
	c.t.Helper()
	for deadline := time.After(patience); !done(); {
		select {
		case <-deadline:
			c.t.Fatalf("no %s", what)
		case <-time.After(time.Millisecond):
		}
	}
}

// The level is the least of the voters', and that of a lone Pando is its own.
func TestLevelOf(t *testing.T) {
	for _, c := range []struct {
		voters, learners []uint64
		levels           Levels
		want             int
	}{
		{nil, nil, allPando, 0},
		{[]uint64{1}, nil, nil, 1},
		{[]uint64{2}, nil, nil, 0},
		{[]uint64{1, 2}, nil, Levels{1: 1}, 0},
		{[]uint64{1, 2}, nil, Levels{1: 1, 2: 1}, 1},
		{[]uint64{1, 2}, []uint64{3}, Levels{1: 1, 2: 1}, 1},
		{[]uint64{1, 2}, nil, Levels{1: 1, 2: 7}, 1},
	} {
		conf := &raftpb.ConfState{Voters: c.voters, Learners: c.learners}
		if got := levelOf(conf, c.levels, 1); got != c.want {
			t.Errorf("level %d with voters %v, learners %v, %v; want %d", got, c.voters, c.learners, c.levels, c.want)
		}
	}
}

// With an etcd among them every member takes writes and linearizable reads, and an
// early election does not take place.
func TestLevelZero(t *testing.T) {
	c := startMixed(t)
	c.awaitLevel(0)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for i := range 9 {
		c.rigs[three[i%3]].mustPropose(fmt.Sprint(i))
		reader := c.rigs[three[(i+1)%3]]
		if err := reader.node.ReadIndex(ctx); err != nil {
			t.Fatal(err)
		}
		if texts := reader.sm.texts(); !slices.Contains(texts, fmt.Sprint(i)) {
			t.Fatalf("after write %d another member sees %q", i, texts)
		}
	}
	c.equal(9)
	lead := c.leader()
	term := c.rigs[lead].node.Status().Term
	for _, id := range three {
		if id != lead {
			c.rigs[id].node.ConnectionLost(lead)
		}
	}
	<-time.After(2 * earlyCampaign)
	if s := c.rigs[lead].node.Status(); s.Term != term {
		t.Errorf("an alarm caused an election: term %d after %d", s.Term, term)
	}
}

// Writers and readers at every member go on while the level changes to and fro, and
// each write is carried out once. The third member never leads: as an etcd it could
// not have taken stamped proposals, as this one would have.
func TestLevelChangesUnderLoad(t *testing.T) {
	c := startMixed(t)
	stop := make(chan struct{})
	acks := &acked{lists: map[int][]string{}}
	var wg sync.WaitGroup
	end := sync.OnceFunc(func() {
		close(stop)
		wg.Wait()
	})
	defer end()
	for w := range 6 {
		wg.Go(func() {
			r := c.rigs[three[w%3]]
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				text := fmt.Sprintf("%d.%d", w, i)
				if err := r.propose(text); err != nil {
					t.Errorf("writer %d: %v", w, err)
					return
				}
				acks.add(w, text)
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				if err := r.node.ReadIndex(ctx); err != nil {
					t.Errorf("reader %d: %v", w, err)
				}
				cancel()
			}
		})
	}
	for range 4 {
		c.publish(&allPando)
		c.awaitLevel(1)
		c.leader()
		before := c.rigs[1].sm.len()
		c.await("writes at level 1", func() bool { return c.rigs[1].sm.len() > before+20 })
		c.publish(&mixed)
		c.awaitLevel(0)
		c.leader()
		before = c.rigs[1].sm.len()
		c.await("writes at level 0", func() bool { return c.rigs[1].sm.len() > before+20 })
	}
	end()
	c.equal(1)
	var texts []string
	for _, text := range c.rigs[1].sm.texts() {
		if text != "barrier" && text != "levels" {
			texts = append(texts, text)
		}
	}
	check(t, texts, acks.copy())
}

// A stock proposal of etcd's, a command and a membership change, is taken by the
// leader and by nobody else; a follower passes it on.
func TestProposalsOfEtcd(t *testing.T) {
	c := startMixed(t)
	lead := c.leader()
	cc, err := proto.Marshal(&raftpb.ConfChange{Id: new(uint64(77)), Type: raftpb.ConfChangeAddNode.Enum(), NodeId: new(uint64(4)), Context: []byte(`{"id":4}`)})
	if err != nil {
		t.Fatal(err)
	}
	for n, at := range []uint64{lead, lead%3 + 1} {
		from := (at+1)%3 + 1
		if from == at || from == lead {
			from = 6 - at - lead
			if n == 0 {
				from = lead%3 + 1
			}
		}
		id := c.rigs[from].ids.Next()
		text := fmt.Sprintf("of etcd, through %d", n)
		err := c.rigs[at].node.Process(context.Background(), &raftpb.Message{Type: raftpb.MsgProp.Enum(), From: &from, To: &at,
			Entries: []*raftpb.Entry{{Data: command(id, text)}}})
		if err != nil {
			t.Fatal(err)
		}
		c.await(text, func() bool { return slices.Contains(c.rigs[from].sm.texts(), text) })
	}
	from := lead%3 + 1
	err = c.rigs[lead].node.Process(context.Background(), &raftpb.Message{Type: raftpb.MsgProp.Enum(), From: &from, To: &lead,
		Entries: []*raftpb.Entry{{Type: raftpb.EntryConfChange.Enum(), Data: cc}}})
	if err != nil {
		t.Fatal(err)
	}
	c.await("fourth voter", func() bool { return len(c.rigs[lead].node.Voters()) == 4 })
}

// With etcd members a new one is a voter at once, whatever was asked for.
func TestNoLearnersAtLevelZero(t *testing.T) {
	c := startMixed(t)
	must(t, c.change(AddLearner, 4))
	if l := c.rigs[c.leader()].node.Learners(); len(l) > 0 {
		t.Errorf("learners %v", l)
	}
	c.votersAre(1, 2, 3, 4)
}

// A leader by the rules of etcd, which is not told to step down, appends nothing while it
// hears nobody: what was answered with an error is not carried out later (scenario 7).
func TestNoZombiesAtLevelZero(t *testing.T) {
	c := startMixed(t)
	lead := c.leader()
	old := c.rigs[lead]
	c.net.set(lead, old.node, true)
	c.await("loss of touch", func() bool { return old.node.Status().OutOfTouch })
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	id := old.ids.Next()
	if _, err := old.node.Propose(ctx, id, command(id, "zombie")); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("without a quorum: %v", err)
	}
	c.leaderOtherThan(lead)
	c.net.set(lead, old.node, false)
	c.leader()
	old.mustPropose("after it")
	c.equal(1)
	if slices.Contains(old.sm.texts(), "zombie") {
		t.Error("what was answered with an error was carried out")
	}
}
