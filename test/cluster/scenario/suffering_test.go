package scenario

import (
	"errors"
	"math/rand/v2"
	"os/exec"
	"time"

	"pando/test/cluster"
	"pando/test/server"
)

// worst is the longest time that a member is away: long enough for an election and for some work without it.
const worst = 2 * et

// longRun is from where on a member is sometimes away for ten times as long.
const longRun = 5 * time.Minute

// victim is a member that is to suffer for a while.
type victim struct {
	*cluster.Member
	c      *cluster.Cluster
	other  *cluster.Member
	random *rand.Rand
	away   time.Duration
}

// sufferings are what can happen to a member, in proportion to their weights. Afterwards everybody is well again.
var sufferings = []struct {
	name   string
	weight int
	do     func(victim)
}{
	{"killed", 4, func(v victim) {
		v.Kill()
		lasting(v.away)
		v.Start()
	}},
	{"killed with another", 1, func(v victim) {
		v.Kill()
		v.other.Kill()
		lasting(v.away / 2)
		v.Launch()
		v.other.Launch()
		v.c.AwaitReady(v.Member, v.other)
	}},
	{"paused", 3, func(v victim) {
		v.Pause()
		lasting(v.away)
		v.Resume()
	}},
	{"stopped", 1, func(v victim) {
		v.Stop()
		v.Start()
	}},
	{"isolated", 1, func(v victim) {
		v.c.Isolate(v.Member)
		v.heal()
	}},
	{"not heard by one", 1, func(v victim) {
		v.c.Cut(v.Member, v.other)
		v.heal()
	}},
	{"heard late by one", 1, func(v victim) {
		v.c.Delay(v.Member, v.other, v.away/10)
		v.heal()
	}},
	{"refused by one", 1, func(v victim) {
		v.c.Drop(v.Member, v.other)
		v.heal()
	}},
	{"everybody alone", 1, func(v victim) {
		v.c.Partition()
		v.heal()
	}},
	{"slow disk", 2, func(v victim) {
		v.suffer(server.Faults{Slow: v.away / 4})
	}},
	{"killed with a slow disk", 1, func(v victim) {
		v.Suffer(server.Faults{Slow: v.away / 10})
		lasting(v.away / 2)
		v.Kill()
		v.Start()
		v.suffer(server.Faults{})
	}},
	{"full disk", 2, func(v victim) {
		v.suffer(server.Faults{Full: true})
	}},
	{"failed fsync", 1, func(v victim) {
		v.Suffer(server.Faults{FailSync: true})
		v.endsWith1()
		v.Suffer(server.Faults{})
		v.Start()
	}},
	{"wrong clock", 2, func(v victim) {
		v.suffer(server.Faults{Clock: jump(v.random)})
	}},
	{"restarted with a wrong clock", 1, func(v victim) {
		v.Kill()
		v.Suffer(server.Faults{Clock: jump(v.random)})
		v.Start()
		v.suffer(server.Faults{})
	}},
	{"replaced", 1, func(v victim) {
		v.c.Remove(v.Member, v.other)
		v.endsWith0()
		v.Wipe()
		v.c.AddAgain(v.Member, v.other)
		v.Start()
	}},
}

// suffer lets a random member suffer, and says how.
func suffer(c *cluster.Cluster, random *rand.Rand) string {
	m := c.Members()[random.IntN(len(c.Members()))]
	v := victim{Member: m, c: c, other: c.Without(m)[random.IntN(len(c.Members())-1)], random: random,
		away: time.Duration(random.Int64N(int64(worst)))}
	if *faultTime >= longRun && random.IntN(20) == 0 {
		v.away *= 10
	}
	sum := 0
	for _, s := range sufferings {
		sum += s.weight
	}
	n := random.IntN(sum)
	for _, s := range sufferings {
		if n -= s.weight; n < 0 {
			s.do(v)
			return s.name
		}
	}
	panic("sufferings without weights")
}

// jump is by how much a clock is wrong: up to an hour.
func jump(random *rand.Rand) time.Duration {
	return time.Duration(random.Int64N(int64(2*time.Hour))) - time.Hour
}

func (v victim) heal() {
	lasting(v.away)
	v.c.Heal()
}

// suffer has the disk or the clock faults for as long as the victim is to suffer.
func (v victim) suffer(f server.Faults) {
	v.Suffer(f)
	lasting(v.away)
	v.Suffer(server.Faults{})
}

// endsWith1 waits for the process to end by itself as a server does that cannot go on.
func (v victim) endsWith1() {
	var exit *exec.ExitError
	if err := v.Wait(cluster.Patience); !errors.As(err, &exit) || exit.ExitCode() != 1 {
		v.c.Fatalf("%v ended with %v, not with status 1", v.Member, err)
	}
}

func (v victim) endsWith0() {
	if err := v.Wait(cluster.Patience); err != nil {
		v.c.Fatalf("removed, %v ended with %v", v.Member, err)
	}
}
