package measure

import (
	"context"

	"pando/test/bench/record"
	"pando/test/server"
)

// requests is the measure of one workload with clients on size members. Each of them waits for its answer before it asks
// again. Where one client writes, the bare disk has its turn in each round too.
func requests(workload string, size, clients int) func(*Bench, context.Context, string) {
	return func(b *Bench, ctx context.Context, name string) {
		up := b.startAll(ctx, name, size)
		defer up.stop()
		for round := range b.Form.Rounds {
			up.round(ctx, name, 0, round, func(t *turn) figures {
				l := t.during(b.Form.Duration, up.of(t), workload, clients)
				return l.figures().with(l.percentiles())
			})
			if workload == "put" && clients == 1 {
				b.disk(ctx, name, round)
			}
		}
	}
}

// clients is the measure of one workload with more and more clients on a single node, each number for half of the time, as
// there are many.
func clients(workload string) func(*Bench, context.Context, string) {
	return func(b *Bench, ctx context.Context, name string) {
		up := b.startAll(ctx, name, 1)
		defer up.stop()
		for round := range b.Form.Rounds {
			for _, n := range b.Form.Clients {
				up.round(ctx, name, n, round, func(t *turn) figures {
					return t.during(b.Form.Duration/2, up.of(t), workload, n).figures()
				})
			}
		}
	}
}

// living are the subjects whose servers live through all rounds of a measure. Its Bench has no others.
type living struct {
	*Bench
	owner   *owner
	servers map[string][]*server.Server
}

// startAll starts size members of each subject. One that cannot be started has a sample that says why, and no turn.
func (b *Bench) startAll(ctx context.Context, name string, size int) *living {
	only := *b
	only.Subjects = nil
	l := &living{Bench: &only, owner: &owner{dir: b.Dir}, servers: map[string][]*server.Server{}}
	for _, s := range b.Subjects {
		if ctx.Err() != nil {
			break
		}
		t := &turn{owner: l.owner, ctx: ctx, bench: b, subject: s}
		failed := attempt(func() {
			if size == 1 {
				l.servers[s.Name] = []*server.Server{t.start()}
			} else {
				l.servers[s.Name] = t.startThree()
			}
		})
		if failed != "" {
			b.fail(record.Sample{Measure: name, Subject: s.Name, Failed: failed})
			continue
		}
		only.Subjects = append(only.Subjects, s)
	}
	return l
}

// of are the servers of the turn's subject, the leader first.
func (l *living) of(t *turn) []*server.Server { return t.leaderFirst(l.servers[t.subject.Name]) }

// stop ends all servers.
func (l *living) stop() { l.owner.close() }

// disk takes the bare loop's figures as those of one more subject.
func (b *Bench) disk(ctx context.Context, name string, round int) {
	disk := Subject{Subject: record.Subject{Name: record.Disk}}
	b.turn(ctx, disk, record.Sample{Measure: name, Round: round}, func(t *turn) figures {
		p50, p99, err := bareSync(t.TempDir(), b.Form.Duration/2)
		if err != nil {
			t.Fatal(err)
		}
		return figures{values: map[string]float64{"p50-us": p50, "p99-us": p99}}
	})
}
