package etcd34

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pando/test/server"
	"pando/test/server/content"
)

// three are three members with ports and directories of their own, whoever runs them.
type three struct {
	options [3]server.Options
	members [3]*server.Server
}

func newThree(t *testing.T) *three {
	c := &three{}
	var initial []string
	for i := range c.options {
		o := &c.options[i]
		*o = server.Options{Name: fmt.Sprintf("m%d", i), Dir: t.TempDir() + "/data", Client: server.FreeAddr(t), Peer: server.FreeAddr(t)}
		initial = append(initial, o.Name+"=http://"+o.Peer)
	}
	for i := range c.options {
		c.options[i].Args = []string{"--initial-cluster", strings.Join(initial, ","), "--initial-cluster-token", "three"}
	}
	return c
}

// launch starts one member with a binary; "" is Pando.
func (c *three) launch(t *testing.T, i int, binary string) {
	t.Helper()
	o := c.options[i]
	o.Binary, o.Args = binary, slices.Clone(o.Args)
	if binary != "" {
		o.Args = append(o.Args, v2...)
	}
	c.members[i] = server.Launch(t, o)
}

func (c *three) start(t *testing.T, binary string) {
	t.Helper()
	for i := range c.members {
		c.launch(t, i, binary)
	}
	for _, m := range c.members {
		if err := m.Ready(time.Minute); err != nil {
			t.Fatalf("%v\n%s", err, m.Log())
		}
	}
}

func (c *three) stop(t *testing.T) {
	t.Helper()
	for _, m := range c.members {
		stop(t, m)
	}
}

// found compares what each member shows with the state before; see the function of that name.
func (c *three) found(t *testing.T, before content.State) {
	t.Helper()
	for i, m := range c.members {
		content.WaitFor(t, m.Endpoint, before.Index+uint64(len(c.members))) // each publishes
		after := content.Read(t, m.Endpoint, before.Last)
		if d := before.Same(after, after.Index-before.Index); d != "" {
			t.Fatalf("m%d found\n%s", i, d)
		}
	}
}

// ids are the members as one of them lists them.
func (c *three) ids(t *testing.T) string {
	t.Helper()
	return strings.Join(memberIDs(t, c.members[0].Endpoint), " ")
}

// fill writes to each member and waits until all have everything.
func (c *three) fill(t *testing.T, random *rand.Rand, n int) content.State {
	t.Helper()
	var last uint64
	for _, m := range c.members {
		content.Expire(t, m.Endpoint, random, false)
		last = content.Fill(t, m.Endpoint, random, n)
		content.Settle(t, m.Endpoint)
	}
	for _, m := range c.members {
		content.WaitFor(t, m.Endpoint, last)
	}
	return content.Read(t, c.members[0].Endpoint, last)
}

// Three members that etcd 3.4 left behind become three Pandos, whatever is killed on the way: the same members, indexes,
// times and history on each. What etcd wrote is kept, and etcd goes on with it.
func TestClusterIsTakenOver(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{"log only": nil, "snapshots": {"--snapshot-count=40"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			random := rand.New(rand.NewPCG(seed, 0))
			c := newThree(t)
			for i := range c.options {
				c.options[i].Args = append(c.options[i].Args, args...)
			}
			c.start(t, etcd)
			before, ids := c.fill(t, random, 60), c.ids(t)
			c.stop(t)

			c.killWhileStarting(t, random)
			c.start(t, "")
			c.found(t, before)
			if got := c.ids(t); got != ids {
				t.Errorf("the members are %s, and were %s", got, ids)
			}
			after := c.fill(t, random, 20)
			for _, m := range c.members {
				m.Kill()
			}
			c.start(t, "")
			c.found(t, after)
			c.stop(t)

			for i := range c.options {
				goBack(t, c.options[i].Dir)
			}
			c.start(t, etcd)
			c.found(t, before)
		})
	}
}

// killWhileStarting starts Pandos on what etcd left behind, and kills them at any moment of the takeover.
func (c *three) killWhileStarting(t *testing.T, random *rand.Rand) {
	t.Helper()
	for range 8 {
		for i := range c.members {
			c.launch(t, i, "")
		}
		for _, i := range random.Perm(len(c.members)) {
			<-time.After(time.Duration(random.Int64N(int64(80 * time.Millisecond))))
			c.members[i].Kill()
		}
	}
}

// goBack does what docs/migration.md says.
func goBack(t *testing.T, dir string) {
	t.Helper()
	member := filepath.Join(dir, "member")
	if err := errors.Join(os.Rename(member, member+".pando"), os.Rename(member+".before-pando", member)); err != nil {
		t.Fatal(err)
	}
	if more, err := filepath.Glob(member + ".*"); err != nil || len(more) != 1 {
		t.Errorf("besides member there are %q: %v", more, err)
	}
}
