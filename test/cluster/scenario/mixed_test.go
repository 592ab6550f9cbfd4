package scenario

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
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
	r := newRig(c)
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
	t.Log(r.history)
	r.judge(t)
	x.judge(t)
	c.SameTree()
}
