// Package measure takes the figures of docs/benchmarks.md: it starts servers as processes, with their defaults and their data
// on a disk, lets `pando bench` load them, and reads what that and /proc say. The subjects of a measure have their turns
// alternately, in as many rounds as the form says, so that what else the machine does falls on all of them.
//
// A subject that fails in a turn has a sample that says why, and the measures go on.
package measure

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"pando/test/bench/record"
)

// Form is how much is done.
type Form struct {
	Rounds   int           // turns of each subject
	Duration time.Duration // of one load
	Turns    int           // that the sides of a comparison take within it
	Quiet    time.Duration // that a server has next to nothing to do in before it is measured again
	Idle     time.Duration // that a cluster is watched while it does nothing
	Clients  []int         // that throughput is measured with
	Keys     []int         // that servers are filled with, ascending
	Fills    int           // rounds of that
	Watchers int           // on one key for their memory, and on other keys
	FanOut   int           // watchers on one key that one write is for
}

// Full is what the page is made of, Quick is to try whether everything works.
var (
	Full = Form{
		Rounds: 5, Duration: 4 * time.Second, Turns: 4, Quiet: time.Second, Idle: 30 * time.Second, Clients: []int{1, 4, 16, 64, 256, 1024},
		Keys: []int{1_000, 10_000, 100_000, 1_000_000}, Fills: 2, Watchers: 10_000, FanOut: 8_000,
	}
	Quick = Form{
		Rounds: 2, Duration: 500 * time.Millisecond, Turns: 4, Quiet: time.Second, Idle: time.Second,
		Clients: []int{1, 16, 64}, Keys: []int{1_000, 10_000, 100_000}, Fills: 1, Watchers: 1000, FanOut: 800,
	}
)

// Bench takes measures. One goroutine uses it.
type Bench struct {
	Subjects  []Subject
	Generator string // the program whose sub-command bench makes the load
	Dir       string // where data directories are made
	Form      Form
	Take      func(record.Sample)
}

// measures are all there is to take, in the order in which they are taken.
var measures = []struct {
	name string
	take func(b *Bench, ctx context.Context, name string)
}{
	{"get", requests("get", 1, busy)},
	{"qget", requests("qget", 1, busy)},
	{"put", requests("put", 1, busy)},
	{"limits", limits},
	{"mixed", requests("mixed", 1, busy)},
	{"put-one", requests("put", 1, 1)},
	{"three-put", requests("put", 3, busy)},
	{"three-put-one", requests("put", 3, 1)},
	{"clients-get", clients("get")},
	{"clients-put", clients("put")},
	{"watch-memory", watchMemory},
	{"watch-write", watchWrite},
	{"crowd", crowd},
	{"idle", idle},
	{"keys", keys},
}

// Names are the measures that there are.
func Names() []string {
	var all []string
	for _, m := range measures {
		all = append(all, m.name)
	}
	return all
}

// Run takes the measures that are named, and calls done after each. It ends early, with an error, only when ctx does.
func (b *Bench) Run(ctx context.Context, names []string, done func(name string) error) error {
	for _, m := range measures {
		if !slices.Contains(names, m.name) {
			continue
		}
		m.take(b, ctx, m.name)
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := done(m.name); err != nil {
			return err
		}
	}
	return nil
}

// figures are what one turn has found.
type figures struct {
	values map[string]float64
	curves map[string][][2]float64
}

// with are the figures of both.
func (f figures) with(o figures) figures {
	all := figures{map[string]float64{}, map[string][][2]float64{}}
	for _, one := range []figures{f, o} {
		maps.Copy(all.values, one.values)
		maps.Copy(all.curves, one.curves)
	}
	return all
}

// turn is one turn of one subject.
type turn struct {
	*owner
	ctx     context.Context
	bench   *Bench
	subject Subject
	kept    figures // what the sample has if the turn fails later on
}

// inTurns gives each subject a turn in each round. The order changes from round to round, because who comes second finds
// another machine: warmer, with a fuller disk cache.
func (b *Bench) inTurns(ctx context.Context, measure string, at, rounds int, take func(t *turn) figures) {
	for round := range rounds {
		b.round(ctx, measure, at, round, take)
	}
}

// round is one turn of each subject.
func (b *Bench) round(ctx context.Context, measure string, at, round int, take func(t *turn) figures) {
	order := slices.Clone(b.Subjects)
	if round%2 == 1 {
		slices.Reverse(order)
	}
	for _, s := range order {
		if ctx.Err() != nil {
			return
		}
		b.turn(ctx, s, record.Sample{Measure: measure, At: at, Round: round}, take)
	}
}

// turn has one subject measured, and takes the sample.
func (b *Bench) turn(ctx context.Context, s Subject, sample record.Sample, take func(t *turn) figures) {
	t := &turn{owner: &owner{dir: b.Dir}, ctx: ctx, bench: b, subject: s}
	defer t.close()
	sample.Subject = s.Name
	sample.Failed = attempt(func() { t.kept = take(t) })
	sample.Values, sample.Curves = t.kept.values, t.kept.curves
	if ctx.Err() != nil {
		return
	}
	if sample.Failed != "" {
		b.fail(sample)
		return
	}
	b.Take(sample)
}

// fail takes a sample that is a failure, and says so at once.
func (b *Bench) fail(sample record.Sample) {
	fmt.Fprintf(os.Stderr, "%s of %s failed: %s\n", sample.Measure, sample.Subject, sample.Failed)
	b.Take(sample)
}
