package scenario

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"pando/test/cluster"
)

// timeEnv is how long TestKillPauseRestart goes on, as a Go duration; -faults says the same.
const timeEnv = "PANDO_TEST_CLUSTER_TIME"

var (
	faultTime = flag.Duration("faults", envDuration(timeEnv, 40*time.Second), "how long members are killed, paused, cut off and restarted")
	seed      = flag.Uint64("seed", rand.Uint64(), "of the faults and of what clients do")
)

func envDuration(name string, otherwise time.Duration) time.Duration {
	if d, err := time.ParseDuration(os.Getenv(name)); err == nil {
		return d
	}
	return otherwise
}

const (
	clients = 12
	// round is how long one history becomes before it is judged.
	round = time.Minute
	// calm is the longest time between two faults.
	calm = et
	// odd is a time without a write that is worth a line.
	odd = 3 * et
)

// TestKillPauseRestart: one member after another suffers as chance will have it (see sufferings) while clients
// compare-and-swap, write, read, delete and post, keys expire, and watchers follow. No write that was acknowledged is lost, each key's
// history is linear, watchers were told everything once and in order, and all members have the same tree. That is judged
// round by round, each in a directory of its own, so that a run can go on for hours.
func TestKillPauseRestart(t *testing.T) {
	t.Logf("seed %d, %v", *seed, *faultTime)
	random := rand.New(rand.NewPCG(*seed, 0))
	c := startFaulty(t, 3, longHistory...)
	end := time.Now().Add(*faultTime)
	for n := 0; time.Now().Before(end) && !t.Failed(); n++ {
		playRound(t, c, n, min(round, time.Until(end)), random)
	}
}

// playRound lets members suffer for a time and judges the history. Nothing of it stays in memory.
func playRound(t *testing.T, c *cluster.Cluster, n int, d time.Duration, random *rand.Rand) {
	r := newRig(c, n, c.Members())
	defer r.end()
	acknowledge(c, r.history, 50)
	counts := map[string]int{}
	var order []string
	for until := time.Now().Add(d); time.Now().Before(until); {
		lasting(time.Duration(random.Int64N(int64(calm))))
		began := r.history.Now()
		name := suffer(c, random)
		counts[name]++
		order = append(order, fmt.Sprintf("%s [%.1f, %.1f]", name, began.Seconds(), r.history.Now().Seconds()))
		if lull := r.history.Lull(); lull > odd {
			t.Logf("%v without a write up to %.1f: %s", lull, r.history.Now().Seconds(), strings.Join(order[max(0, len(order)-4):], ", "))
		}
	}
	acknowledge(c, r.history, 50)
	r.stop()
	t.Log(counts)
	r.judge(t)
	c.SameTree()
	r.clear(t)
}

// longHistory has members keep more events than watchers can miss while their member is away, and one that was replaced
// than were told in a round.
var longHistory = []string{"--event-history", "20000"}

// startFaulty starts Pandos whose disks and clocks can be given faults.
func startFaulty(t *testing.T, size int, args ...string) *cluster.Cluster {
	t.Helper()
	return cluster.Start(t, cluster.Options{Size: size, Faults: true, Insist: true, Args: args})
}
