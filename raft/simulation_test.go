package raft

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"testing"
	"testing/cryptotest"
	"time"

	"pando/fsys"
)

// The simulation: members in one goroutine, with a clock, a network and disks that are not
// real, around the code that is (replication design, section 11). What a seed does is the
// same each time.

// simulation is one run.
type simulation struct {
	virtualClock
	rng     *rand.Rand
	plan    simPlan
	trace   simTrace
	check   checker
	net     simNetwork
	members []*simMember  // by ID, from 1 on
	lastID  uint64        // of a command
	rescued bool          // see rescue
	closing bool          // no more faults, and no new requests
	peace   time.Duration // when that began
}

func newSimulation(rng *rand.Rand, plan simPlan) *simulation {
	s := &simulation{rng: rng, plan: plan, check: newChecker(), net: newSimNetwork()}
	s.trace.clock = &s.virtualClock
	var boot []uint64
	for i := range plan.members {
		boot = append(boot, uint64(i)+1)
	}
	for range boot {
		s.newMember(boot)
	}
	return s
}

// newMember makes the machine of another member. It is down.
func (s *simulation) newMember(boot []uint64) *simMember {
	m := &simMember{
		s: s, id: uint64(len(s.members)) + 1, disk: fsys.NewMemory(), boot: boot,
		rate: 1 + (s.rng.Float64()-0.5)*0.4, slow: 1,
	}
	s.members = append(s.members, m)
	return m
}

// member is nil if there is none.
func (s *simulation) member(id uint64) *simMember {
	if id == 0 || id > uint64(len(s.members)) {
		return nil
	}
	return s.members[id-1]
}

func (s *simulation) startFailed(m *simMember, err error) {
	s.check.fail("member %d does not start: %v", m.id, err)
}

// ended: a node has stopped by itself.
func (s *simulation) ended(m *simMember, err error) {
	c := s.check.lastConf
	if m.wiped && errors.Is(err, ErrLogTooShort) {
		return
	}
	if !errors.Is(err, ErrRemoved) {
		s.check.fail("member %d has stopped: %v", m.id, err)
	} else if slices.Contains(c.GetVoters(), m.id) || slices.Contains(c.GetLearners(), m.id) {
		s.check.fail("member %d says that it was removed; the membership is %s", m.id, describeConf(c))
	}
	m.left = true
}

// until goes on until something is true, or for d; false if it did not become true.
func (s *simulation) until(d time.Duration, is func() bool) bool {
	end := s.now + d
	for s.check.violation == "" && !is() {
		if s.now >= end || !s.next() {
			return false
		}
	}
	return s.check.violation == ""
}

// run is a whole run: faults, then peace, in which everything must come to rest.
func (s *simulation) run() {
	for _, m := range s.members {
		s.after(s.plan.about(100*time.Millisecond), m.startAgain)
	}
	s.net.lossy = true
	for range s.plan.clients {
		s.client()
	}
	s.disturb()
	s.until(s.plan.duration, func() bool { return false })
	s.heal()
	s.comeToRest("after the faults")
	for _, m := range s.current() {
		s.writeThrough(m)
	}
	s.comeToRest("after the last writes")
	s.check.end()
}

// writeThrough insists that a member takes a write. It may be refused at first, because the
// disk was full a moment ago, and the member may just be leaving.
func (s *simulation) writeThrough(m *simMember) {
	for try := 0; m.node != nil && s.check.violation == ""; try++ {
		var ended, ok bool
		s.write(m, 20*time.Second, func(done bool) { ended, ok = true, done })
		s.until(30*time.Second, func() bool { return ended })
		if ok {
			return
		}
		if try == 100 {
			s.check.fail("member %d takes no write after the faults", m.id)
		}
		s.until(100*time.Millisecond, func() bool { return false })
	}
}

func (s *simulation) heal() {
	s.trace.add(nil, "peace")
	s.closing, s.peace = true, s.now
	s.net.lossy, s.plan.stalls = false, false
	clear(s.net.cut)
	for _, m := range s.members {
		m.slow = 1
		m.setFull(false)
		if m.paused {
			m.resume()
		}
	}
}

// current are the members as of the last change of the membership.
func (s *simulation) current() (all []*simMember) {
	c := s.check.lastConf
	for _, m := range s.members {
		if slices.Contains(c.GetVoters(), m.id) || slices.Contains(c.GetLearners(), m.id) {
			all = append(all, m)
		}
	}
	return all
}

// comeToRest goes on until all members are ready, vote, and have applied the same.
func (s *simulation) comeToRest(when string) {
	why := "nothing happened"
	looked := time.Duration(0)
	rest := s.until(200*time.Second, func() bool {
		if s.now < looked {
			return false
		}
		looked = s.now + 50*time.Millisecond
		why = s.unrest()
		return why == ""
	})
	if !rest {
		s.check.fail("no rest %s: %s", when, why)
	}
}

// unrest says why not everything has come to rest.
func (s *simulation) unrest() string {
	all := s.current()
	for _, m := range s.members {
		if m.left && m.life > 0 && s.now > s.peace+20*time.Second && !s.rescued {
			s.trace.add(m, "is needed once more")
			m.left = false // nobody else knows that its removal is committed
			m.startAgain()
		}
	}
	if s.now > s.peace+60*time.Second && !s.rescued {
		s.rescue()
	}
	for _, m := range all {
		m.startAgain()
		if m.etcd {
			m.stop()
			m.etcd = false
			m.startAgain()
		}
	}
	if n := len(s.check.lastConf.GetLearners()); n > 0 || len(all) == 0 {
		return fmt.Sprintf("%d members, of which %d do not vote", len(all), n)
	}
	for _, m := range all {
		switch {
		case m.node == nil || !isClosed(m.node.Ready()):
			return fmt.Sprintf("member %d is not ready", m.id)
		case m.node.loop.lead == 0:
			return fmt.Sprintf("member %d knows no leader", m.id)
		case m.node.loop.applied != all[0].node.loop.applied:
			return fmt.Sprintf("member %d has applied %d, member %d %d", m.id, m.node.loop.applied, all[0].id, all[0].node.loop.applied)
		case len(m.ops) > 0:
			return fmt.Sprintf("member %d has %d requests", m.id, len(m.ops))
		case describeConf(m.node.loop.conf) != describeConf(s.check.lastConf):
			return fmt.Sprintf("member %d believes in %s", m.id, describeConf(m.node.loop.conf))
		}
	}
	return ""
}

// rescue forces a cluster of the only member that is left, if that does not know that it is:
// the one that was removed has given it an election timeout to learn of it, and it was down
// for longer.
func (s *simulation) rescue() {
	c := s.check.lastConf
	if len(c.GetVoters()) != 1 || len(c.GetLearners()) > 0 {
		return
	}
	m := s.member(c.GetVoters()[0])
	if m.node == nil || m.node.loop.lone() {
		return
	}
	s.trace.add(m, "is made the only member by force")
	s.rescued = true
	m.stop()
	m.force = true
	m.start()
	m.force = false
}

// simulate carries out a seed.
func simulate(t *testing.T, seed uint64) (s *simulation) {
	cryptotest.SetGlobalRandom(t, seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	plan := newPlan(rng)
	plan.turns = seed%2 == 0
	s = newSimulation(rng, plan)
	defer func() {
		if r := recover(); r != nil {
			s.check.fail("panic: %v\n%s", r, debug.Stack())
		}
	}()
	s.run()
	return s
}

func TestSimulation(t *testing.T) {
	first, seeds := fromEnvironment(t, "PANDO_SIMULATION_SEED", 1), fromEnvironment(t, "PANDO_SIMULATION_SEEDS", 50)
	t.Logf("%d seeds from %d on", seeds, first)
	for seed := first; seed < first+seeds; seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			s := simulate(t, seed)
			if s.check.violation == "" {
				return
			}
			t.Errorf("%s\nThe last that happened:\n%s\nOnly this: PANDO_SIMULATION_SEED=%d PANDO_SIMULATION_SEEDS=1 go test -run 'TestSimulation$' ./raft "+
				"(PANDO_SIMULATION_TRACE=file for all of it)", s.check.violation, s.trace.tail(60), seed)
			if name := os.Getenv("PANDO_SIMULATION_TRACE"); name != "" {
				if err := os.WriteFile(name, s.trace.text.Bytes(), 0o600); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func fromEnvironment(t *testing.T, name string, unset uint64) uint64 {
	text := os.Getenv(name)
	if text == "" {
		return unset
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// The same seed is the same run.
func TestSimulationIsDeterministic(t *testing.T) {
	for _, seed := range []uint64{3, 8, 21} {
		one, two := simulate(t, seed), simulate(t, seed)
		if one.trace.text.String() != two.trace.text.String() {
			a, b := one.trace.text.Bytes(), two.trace.text.Bytes()
			n := 0
			for n < min(len(a), len(b)) && a[n] == b[n] {
				n++
			}
			t.Fatalf("seed %d: two runs part after %d bytes:\n%s\nand\n%s", seed, n, a[max(0, n-200):min(len(a), n+200)], b[max(0, n-200):min(len(b), n+200)])
		}
	}
}
