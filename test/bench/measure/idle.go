package measure

import (
	"context"
	"time"
)

// idle is the CPU time that three members need to do nothing, with the default timeouts: percent of a core for each member.
// The clusters of all subjects idle at the same time, so that all see the same machine; a round is a stretch of it.
func idle(b *Bench, ctx context.Context, name string) {
	up := b.startAll(ctx, name, 3)
	defer up.stop()
	pause(ctx, b.Form.Duration) // what has just started is not idle
	for round := range b.Form.Rounds {
		before := map[string]time.Duration{}
		for subject, members := range up.servers {
			before[subject], _ = cpuTime(members...) // the turn finds the same error
		}
		began := time.Now()
		pause(ctx, b.Form.Idle)
		up.round(ctx, name, 0, round, func(t *turn) figures {
			members := up.servers[t.subject.Name]
			now, err := cpuTime(members...)
			if err != nil {
				t.Fatal(err)
			}
			share := (now - before[t.subject.Name]).Seconds() / float64(len(members)) / time.Since(began).Seconds()
			return figures{values: map[string]float64{"cpu-percent": 100 * share}}
		})
	}
}
