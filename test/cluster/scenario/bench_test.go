package scenario

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pando/test/cluster"
)

// What clients notice of the planned and unplanned ends of members, with the default timeouts. `make bench-cluster` prints the
// figures; the scenarios hold bounds that leave room for a busy machine.

// pulse is how often the members are written to while a time without a write is measured.
const pulse = 10 * time.Millisecond

func report(b *testing.B, name string, d time.Duration) {
	b.ReportMetric(float64(d)/float64(time.Millisecond), name)
}

// BenchmarkLeaderKilled kills the leader (SIGKILL) under writes to the survivors, again and again.
func BenchmarkLeaderKilled(b *testing.B) {
	c := start(b, 3)
	var gaps []time.Duration
	var slowest time.Duration
	failed := 0
	for b.Loop() {
		leader := c.AwaitLeader()
		others := c.Without(leader)
		p := probingEvery(pulse, others)
		p.more(c, 50)
		leader.Kill()
		c.AwaitLeader(others...)
		p.more(c, 50)
		m := p.finish()
		b.Logf("%v without a write, slowest %v, %d failed", m.gap.Round(time.Millisecond), m.slowest.Round(time.Millisecond), len(m.failed))
		gaps, slowest, failed = append(gaps, m.gap), max(slowest, m.slowest), failed+len(m.failed)
		leader.Start()
	}
	slices.Sort(gaps)
	report(b, "ms-gap-median", gaps[len(gaps)/2])
	report(b, "ms-gap-worst", gaps[len(gaps)-1])
	report(b, "ms-slowest-write", slowest)
	b.ReportMetric(float64(failed), "failed-writes")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkPlannedRestart restarts one member after another (SIGTERM) under a client that tries another endpoint when one
// fails, and measures how soon somebody else leads when it was the leader.
func BenchmarkPlannedRestart(b *testing.B) {
	c := start(b, 3)
	var handed []time.Duration
	p := &patient{members: c.Members(), stop: make(chan struct{})}
	p.all.Go(p.run)
	for b.Loop() {
		for _, m := range c.Members() {
			if c.AwaitLeader() == m {
				handed = append(handed, handOver(c, m))
			}
			m.Stop()
			m.Start()
		}
	}
	close(p.stop)
	p.all.Wait()
	if p.err != nil {
		b.Error(p.err)
	}
	slices.Sort(handed)
	b.Logf("the leadership was handed over %d times: %v", len(handed), handed)
	report(b, "ms-handover-median", handed[len(handed)/2])
	report(b, "ms-handover-worst", handed[len(handed)-1])
	report(b, "ms-slowest-write", p.longest)
	b.ReportMetric(float64(p.failed), "failed-attempts")
	b.ReportMetric(0, "ns/op")
}

// handOver sends SIGTERM to the leader and returns when another member names a new one.
func handOver(c *cluster.Cluster, leader *cluster.Member) time.Duration {
	other := c.Without(leader)[0]
	began := time.Now()
	leader.Terminate()
	for time.Since(began) < elected {
		if name := other.Leader(); name != "" && name != leader.Name {
			break
		}
	}
	return time.Since(began)
}

// BenchmarkReturnFromIsolation lets a follower come back that nobody heard and that heard nobody for 12 s.
func BenchmarkReturnFromIsolation(b *testing.B) {
	c := start(b, 3)
	var gap, slowest time.Duration
	elections := 0
	for n := 0; b.Loop(); n++ {
		leader := c.AwaitLeader()
		away := c.Without(leader)[0]
		p := probingEvery(pulse, c.Without(away))
		term := leader.MustPut("/begin", "1").Term
		c.Isolate(away)
		lasting(12 * et)
		c.Heal()
		last := fmt.Sprint(n)
		leader.MustPut("/last", last)
		holds(c, away, "/last", last, cluster.Patience)
		p.more(c, 100)
		elections += int(away.MustPut("/end", "1").Term - term)
		m := p.finish()
		gap, slowest = max(gap, m.gap), max(slowest, m.slowest)
	}
	b.ReportMetric(float64(elections), "elections")
	report(b, "ms-gap-worst", gap)
	report(b, "ms-slowest-write", slowest)
	b.ReportMetric(0, "ns/op")
}
