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
		running, stop := b.startAll(ctx, name, size)
		defer stop()
		for round := range b.Form.Rounds {
			b.round(ctx, name, 0, round, func(t *turn) figures {
				l := t.during(t.leaderFirst(t.among(running)), workload, clients)
				return l.figures().with(l.percentiles())
			})
			if workload == "put" && clients == 1 {
				b.disk(ctx, name, round)
			}
		}
	}
}

// clients is the measure of one workload with more and more clients on a single node.
func clients(workload string) func(*Bench, context.Context, string) {
	return func(b *Bench, ctx context.Context, name string) {
		running, stop := b.startAll(ctx, name, 1)
		defer stop()
		for round := range b.Form.Rounds {
			for _, n := range b.Form.Clients {
				b.round(ctx, name, n, round, func(t *turn) figures { return t.during(t.among(running), workload, n).figures() })
			}
		}
	}
}

// startAll starts size members of each subject, which live through all rounds of a measure, until stop. A subject that cannot be
// started has a sample that says why; it is not among those that run.
func (b *Bench) startAll(ctx context.Context, name string, size int) (running map[string][]*server.Server, stop func()) {
	running = map[string][]*server.Server{}
	all := &owner{dir: b.Dir}
	for _, s := range b.Subjects {
		t := &turn{owner: all, ctx: ctx, bench: b, subject: s}
		failed := attempt(func() {
			if size == 1 {
				running[s.Name] = []*server.Server{t.start()}
			} else {
				running[s.Name] = t.startThree()
			}
		})
		if failed != "" {
			b.fail(record.Sample{Measure: name, Subject: s.Name, Failed: failed})
		}
	}
	return running, all.close
}

// among are the subject's servers of those that run.
func (t *turn) among(running map[string][]*server.Server) []*server.Server {
	servers := running[t.subject.Name]
	if servers == nil {
		t.Fatal("it did not start")
	}
	return servers
}

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
