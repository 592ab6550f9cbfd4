// Package scenario puts clusters of three and more through what the cluster-scenarios spec lists, and holds Pando to what is
// wanted there, etcd to what was measured. A test bears the number of its scenario.
//
// The tests run with PANDO_TEST_CLUSTER=1. PANDO_TEST_CLUSTER_BINARY points them at a real etcd 2.3 or 3.4.
package scenario

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"pando/test/asked"
	"pando/test/cluster"
	"pando/test/fault/keys"
)

// clusterEnv has to be 1 for the tests to run.
const clusterEnv = "PANDO_TEST_CLUSTER"

func TestMain(m *testing.M) {
	flag.Parse()
	if !asked.For(clusterEnv, "clusters, or those of the etcd that "+cluster.BinaryEnv+" names") {
		if err := flag.Set("test.skip", "."); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

const et, rt = cluster.Election, cluster.Request

// short bounds what a member answers by itself.
const short = 2 * time.Second

func start(t testing.TB, size int, args ...string) *cluster.Cluster {
	t.Helper()
	return cluster.Start(t, cluster.Options{Size: size, Binary: cluster.Chosen(t), Args: args})
}

// by chooses what to expect of the members: Pando's value, etcd 2's or etcd 3's.
func by[T any](c *cluster.Cluster, pando, etcd2, etcd3 T) T {
	return map[cluster.Kind]T{cluster.Pando: pando, cluster.Etcd2: etcd2, cluster.Etcd3: etcd3}[c.Kind()]
}

// lasting lets time pass: for a fault that is to last so long.
func lasting(d time.Duration) { <-time.After(d) }

// pending is a request that was sent and may take its time.
type pending struct {
	what   string
	answer *keys.Answer
	err    error
	took   time.Duration
	done   chan struct{}
}

// send sends a request of the keys API to a member and waits for no answer.
func send(m *cluster.Member, method, target string, form ...string) *pending {
	p := &pending{what: fmt.Sprintf("%s %s %v to %v", method, target, form, m), done: make(chan struct{})}
	began := time.Now()
	go func() {
		defer close(p.done)
		p.answer, p.err = m.Do(2*rt, method, target, keys.Form(form...))
		p.took = time.Since(began)
	}()
	return p
}

// fails waits for the answer, which has to be what is said when a request was not carried out in time: as late as that time
// in etcd, no later in Pando.
func (p *pending) fails(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	<-p.done
	if p.err != nil {
		t.Errorf("%s: %v", p.what, p.err)
		return
	}
	if p.answer.Status != 500 || p.answer.ErrorCode != 300 {
		t.Errorf("%s: %v instead of 500 and code 300", p.what, p.answer)
	}
	if p.took > rt+time.Second || p.took < rt-time.Second && c.Kind() != cluster.Pando {
		t.Errorf("%s: failed after %v, not %v", p.what, p.took, rt)
	}
}

// ok waits for the answer, which has to be that it was carried out.
func (p *pending) ok(t *testing.T) {
	t.Helper()
	<-p.done
	if p.err != nil || !p.answer.OK() {
		t.Errorf("%s: %v, %v", p.what, p.answer, p.err)
	}
}

// watch is an open stream of events.
type watch struct {
	events chan *keys.Event // closed when it ends
	err    error            // how; valid then
}

// open watches everything below a key on a member from now on.
func open(t *testing.T, m *cluster.Member, key string) *watch {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w := &watch{events: make(chan *keys.Event, 1000)}
	began := make(chan struct{})
	go func() {
		defer close(w.events)
		w.err = stream(ctx, m.Endpoint+keys.Path(key, "wait", "true", "recursive", "true", "stream", "true"), began, w.events)
	}()
	t.Cleanup(func() {
		cancel()
		for range w.events {
		}
	})
	select {
	case <-began:
	case <-time.After(cluster.Patience):
		t.Fatalf("%v opens no watch", m)
	}
	return w
}

// next is the next event, which has to come within the time.
func (w *watch) next(t *testing.T, within time.Duration) *keys.Event {
	t.Helper()
	select {
	case e, ok := <-w.events:
		if !ok {
			t.Fatalf("the watch ended: %v", w.err)
		}
		return e
	case <-time.After(within):
		t.Fatalf("no event within %v", within)
	}
	return nil
}

// cut waits for the stream to break off.
func (w *watch) cut(t *testing.T, within time.Duration) {
	t.Helper()
	late := time.After(within)
	for {
		select {
		case _, ok := <-w.events:
			if !ok {
				return
			}
		case <-late:
			t.Errorf("the watch did not end within %v", within)
			return
		}
	}
}

// leads waits until a member names another as the leader, or nobody for nil.
func leads(c *cluster.Cluster, m, leader *cluster.Member, within time.Duration) time.Duration {
	name := ""
	if leader != nil {
		name = leader.Name
	}
	return c.Await(fmt.Sprintf("%v to name %q as the leader", m, name), within, func() error {
		if said := m.Leader(); said != name {
			return fmt.Errorf("it names %q", said)
		}
		return nil
	})
}

// holds waits until a member knows a value for a key.
func holds(c *cluster.Cluster, m *cluster.Member, key, value string, within time.Duration) {
	c.Await(fmt.Sprintf("%v to hold %s=%s", m, key, value), within, func() error {
		if v := m.Value(key); v != value {
			return fmt.Errorf("it holds %q", v)
		}
		return nil
	})
}

var errStill = errors.New("it is still there")

// gone waits until a member knows a key no longer.
func gone(c *cluster.Cluster, m *cluster.Member, key string, within time.Duration) time.Duration {
	return c.Await(fmt.Sprintf("%v to lose %s", m, key), within, func() error {
		a, err := m.Do(short, "GET", keys.Path(key), nil)
		if err == nil && a.ErrorCode != 100 {
			err = errStill
		}
		return err
	})
}
