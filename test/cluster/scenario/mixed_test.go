package scenario

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pando/test/cluster"
	"pando/test/fault/keys"
)

// etcd238 is the real thing, if it was named.
func etcd238(t *testing.T) (b cluster.Binary, ok bool) {
	t.Helper()
	path := os.Getenv(cluster.Etcd238Env)
	if path == "" {
		t.Logf("%s names no etcd 2.3.8: no cluster is mixed", cluster.Etcd238Env)
		return b, false
	}
	if b = cluster.At(t, path); b.Kind != cluster.Etcd2 {
		t.Fatalf("%s=%s is %v", cluster.Etcd238Env, path, b.Kind)
	}
	return b, true
}

// level waits until the members live by the rules of etcd 2.3, or by those of Pando.
func level(c *cluster.Cluster, mixed bool, members ...*cluster.Member) {
	c.Await(fmt.Sprintf("mixed %v", mixed), cluster.Patience, func() error {
		for _, m := range members {
			if m.Kind() != cluster.Pando {
				continue
			}
			if with, err := m.Mixed(); err != nil || (with != "") != mixed {
				return fmt.Errorf("%v is mixed with %q, %v", m, with, err)
			}
		}
		return nil
	})
}

// indexes looks at each member's index all the time: it never goes back, whatever process was there before. (etcd 2.3.8
// itself answers before it has replayed its log, and is not held to it.)
type indexes struct {
	quit  context.CancelFunc
	done  sync.WaitGroup
	pando map[*cluster.Member]*atomic.Bool

	mu    sync.Mutex
	wrong []string
}

func watchIndexes(members []*cluster.Member) *indexes {
	ctx, quit := context.WithCancel(context.Background())
	x := &indexes{quit: quit, pando: map[*cluster.Member]*atomic.Bool{}}
	for _, m := range members {
		x.pando[m] = new(atomic.Bool)
		x.pando[m].Store(m.Kind() == cluster.Pando)
		x.done.Go(func() { x.follow(ctx, m) })
	}
	return x
}

// become has a member that does not run started from another binary.
func (x *indexes) become(m *cluster.Member, b cluster.Binary) {
	m.Become(b)
	x.pando[m].Store(b.Kind == cluster.Pando)
}

func (x *indexes) follow(ctx context.Context, m *cluster.Member) {
	var last uint64
	for ctx.Err() == nil {
		a, err := m.Do(short, "GET", keys.Path("/"), nil)
		if err != nil {
			lasting(10 * time.Millisecond)
			continue
		}
		index, err := strconv.ParseUint(a.Header.Get("X-Etcd-Index"), 10, 64)
		if err != nil || index < last && x.pando[m].Load() {
			x.mu.Lock()
			x.wrong = append(x.wrong, fmt.Sprintf("%v: from %d to %q", m, last, a.Header.Get("X-Etcd-Index")))
			x.mu.Unlock()
		}
		last = max(last, index)
	}
}

func (x *indexes) judge(t *testing.T) {
	t.Helper()
	x.quit()
	x.done.Wait()
	for _, w := range x.wrong {
		t.Errorf("the index went back: %s", w)
	}
}

// TestExchange: under load, the members of a live cluster of etcd 2.3.8 become Pandos one after the other, on the same directories;
// then etcds again; then Pandos once more, each removed and added on an empty directory. Nothing that was acknowledged is lost.
func TestExchange(t *testing.T) {
	etcd, ok := etcd238(t)
	if !ok {
		return
	}
	pando := cluster.At(t, "")
	t.Logf("seed %d", *seed)
	random := rand.New(rand.NewPCG(*seed, 0))
	c := cluster.Start(t, cluster.Options{Size: 3, Binary: etcd})
	r := newRig(c, 0, c.Members())
	defer r.end()
	x := watchIndexes(c.Members())
	defer x.quit()
	swap := func(to cluster.Binary) {
		for _, n := range random.Perm(3) {
			m := c.Members()[n]
			acknowledge(c, r.history, 30)
			if random.IntN(2) == 0 {
				m.Kill()
			} else {
				m.Stop()
			}
			x.become(m, to)
			m.Start()
			c.AwaitLeader()
		}
		acknowledge(c, r.history, 50)
	}
	swap(pando)
	level(c, false, c.Members()...)
	swap(etcd)
	for _, m := range c.Members() {
		acknowledge(c, r.history, 30)
		c.Remove(m, c.Without(m)[0])
		if err := m.Wait(cluster.Patience); err != nil {
			t.Errorf("%v was removed and ended with %v", m, err)
		}
		m.Wipe()
		c.AddAgain(m, c.Members()[0])
		x.become(m, pando)
		m.Start()
		c.AwaitLeader()
	}
	level(c, false, c.Members()...)
	acknowledge(c, r.history, 50)
	r.stop()
	r.judge(t)
	x.judge(t)
	c.SameTree()
}

// startMixed starts a new cluster whose members are of these binaries.
func startMixed(t *testing.T, binaries []cluster.Binary, args ...string) *cluster.Cluster {
	t.Helper()
	c := cluster.New(t, cluster.Options{Size: len(binaries), Args: args})
	for n, m := range c.Members() {
		m.Become(binaries[n])
		m.Launch()
	}
	c.AwaitReady(c.Members()...)
	c.AwaitLeader()
	return c
}

// is chooses the members that are of a kind.
func is(k cluster.Kind, members []*cluster.Member) (of []*cluster.Member) {
	for _, m := range members {
		if m.Kind() == k {
			of = append(of, m)
		}
	}
	return of
}

// leadBy has a member of that kind lead, by stopping and starting those that do and are of another.
func leadBy(c *cluster.Cluster, k cluster.Kind) *cluster.Member {
	var leader *cluster.Member
	c.Await(fmt.Sprintf("a leader that is %v", k), 2*cluster.Patience, func() error {
		if leader = c.AwaitLeader(); leader.Kind() == k {
			return nil
		}
		leader.Kill() // it would hand over to its like
		c.AwaitLeader(c.Without(leader)...)
		leader.Start()
		return fmt.Errorf("%v led", leader)
	})
	return leader
}

// TestMixed: a cluster of both kinds does everything that a client may ask for, through every member, whoever leads.
func TestMixed(t *testing.T) {
	etcd, ok := etcd238(t)
	if !ok {
		return
	}
	pando := cluster.At(t, "")
	for _, k := range []cluster.Kind{cluster.Pando, cluster.Etcd2} {
		t.Run(fmt.Sprintf("led by %v", k), func(t *testing.T) {
			c := startMixed(t, []cluster.Binary{pando, etcd, pando})
			level(c, true, c.Members()...)
			leadBy(c, k)
			w := make([]*watch, 3)
			for n, m := range c.Members() {
				w[n] = open(t, m, "/w")
			}
			for n, m := range c.Members() {
				name := fmt.Sprintf("/w/%d", n)
				set := m.MustPut(name, "v")
				for o := range c.Members() {
					if e := w[o].next(t, cluster.Patience); e.Node.Key != name || e.Node.ModifiedIndex != set.Node.ModifiedIndex {
						t.Errorf("member %d tells of %s at %d, not of %s at %d", o, e.Node.Key, e.Node.ModifiedIndex, name, set.Node.ModifiedIndex)
					}
				}
				for _, o := range c.Members() {
					if a, err := o.Get(name, "quorum", "true"); err != nil || a.Node.Value != "v" {
						t.Errorf("%v, read with a quorum after the write: %v, %v", o, a, err)
					}
				}
				if !m.Healthy() {
					t.Errorf("%v is not healthy", m)
				}
			}
			send(c.Members()[0], "PUT", keys.Path("/ttl"), "value", "x", "ttl", "1").ok(t)
			for _, m := range c.Members() {
				gone(c, m, "/ttl", 5*time.Second)
			}
			c.SameTree()
		})
	}
}

// TestMixedMembership: whoever leads, members of both kinds are added through both kinds, and removed; those that lag behind
// get a snapshot from either kind.
func TestMixedMembership(t *testing.T) {
	etcd, ok := etcd238(t)
	if !ok {
		return
	}
	pando := cluster.At(t, "")
	for _, k := range []cluster.Kind{cluster.Pando, cluster.Etcd2} {
		t.Run(fmt.Sprintf("led by %v", k), func(t *testing.T) {
			c := startMixed(t, []cluster.Binary{pando, etcd, pando}, "--snapshot-count", "100")
			leader := leadBy(c, k)
			for range 6000 { // more than the leader holds in memory: whoever joins needs a snapshot
				leader.MustPut("/fill", "x")
			}
			for _, step := range []struct {
				add     cluster.Binary
				through cluster.Kind
			}{{etcd, cluster.Pando}, {pando, cluster.Etcd2}} {
				m := c.Add(is(step.through, c.Members())[0])
				m.Become(step.add)
				m.Start()
				holds(c, m, "/fill", "x", cluster.Patience)
				m.MustPut("/from/"+m.Name, "here")
				level(c, true, c.Members()...)
			}
			c.SameTree()
			for _, through := range []cluster.Kind{cluster.Etcd2, cluster.Pando} {
				rest := c.Members()
				m := rest[len(rest)-1]
				c.Remove(m, is(through, c.Without(m))[0])
				if err := m.Wait(cluster.Patience); err != nil {
					t.Errorf("%v was removed and ended with %v", m, err)
				}
			}
			c.AwaitLeader()
			c.SameTree()
		})
	}
}

// TestEtcdTakesAPlace: an etcd 2.3.8 takes a Pando's place and campaigns before it has heard anybody. It is let in, and the
// others live by its rules from then on.
func TestEtcdTakesAPlace(t *testing.T) {
	etcd, ok := etcd238(t)
	if !ok {
		return
	}
	c := cluster.Start(t, cluster.Options{Size: 3, Binary: cluster.At(t, "")})
	level(c, false, c.Members()...)
	leader := c.AwaitLeader()
	m := c.Without(leader)[0]
	m.Stop()
	m.Become(etcd)
	c.Isolate(m)
	m.Launch()
	lasting(3 * et) // some elections of its own
	c.Heal()
	c.AwaitReady(m)
	level(c, true, c.Members()...)
	c.AwaitLeader()
	for _, m := range c.Members() {
		m.MustPut("/"+m.Name, "v")
	}
	c.SameTree()
}

// TestEtcdCannotJoinPandos: an etcd 2.3.8 that was added to a cluster of Pandos, whose log it could not survive, is told so.
func TestEtcdCannotJoinPandos(t *testing.T) {
	etcd, ok := etcd238(t)
	if !ok {
		return
	}
	c := cluster.Start(t, cluster.Options{Size: 3, Binary: cluster.At(t, "")})
	level(c, false, c.Members()...)
	m := c.Add(c.AwaitLeader())
	m.Become(etcd)
	m.Launch()
	const sentence = "only pando can join a cluster of pandos"
	c.Await("etcd to be told", cluster.Patience, func() error {
		if !strings.Contains(m.Log(), sentence) {
			return errors.New("it was not")
		}
		return nil
	})
	if strings.Contains(m.Log(), "panic") {
		t.Error("it panicked")
	}
	leader := c.AwaitLeader(c.Without(m)...)
	for _, o := range c.Without(m) {
		if !strings.Contains(o.Log(), "nothing else can join a cluster of pandos") {
			t.Errorf("the operator of %v is not told", o)
		}
	}
	m.Kill()
	leader.MustPut("/a", "still writing")
	m.Become(cluster.At(t, ""))
	m.Wipe()
	m.Start()
	holds(c, m, "/a", "still writing", cluster.Patience)
	c.SameTree()
}

// TestRandomExchange: members are killed, stopped and frozen as chance will have it, and come back as either kind.
func TestRandomExchange(t *testing.T) {
	etcd, ok := etcd238(t)
	if !ok {
		return
	}
	t.Logf("seed %d, %v", *seed, *faultTime)
	random := rand.New(rand.NewPCG(*seed, 1))
	binaries := []cluster.Binary{cluster.At(t, ""), etcd}
	c := startMixed(t, []cluster.Binary{binaries[0], binaries[1], binaries[random.IntN(2)]})
	r := newRig(c, 0, c.Members())
	defer r.end()
	x := watchIndexes(c.Members())
	defer x.quit()
	counts := map[string]int{}
	for end := time.Now().Add(*faultTime); time.Now().Before(end); {
		m := c.Members()[random.IntN(3)]
		switch random.IntN(4) {
		case 0:
			m.Stop()
		case 1:
			m.Pause()
			lasting(time.Duration(random.Int64N(int64(worst))))
			m.Resume()
			counts[fmt.Sprintf("paused %v", m.Kind())]++
			continue
		default:
			m.Kill()
		}
		b := binaries[random.IntN(2)]
		counts[fmt.Sprintf("%v to %v", m.Kind(), b.Kind)]++
		x.become(m, b)
		m.Start()
		c.AwaitLeader()
		acknowledge(c, r.history, 10)
	}
	r.stop()
	t.Log(counts)
	r.judge(t)
	x.judge(t)
	c.SameTree()
}
