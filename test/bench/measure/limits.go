package measure

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"pando/test/bench/bare"
	"pando/test/bench/record"
)

// limits is the measure of what no server can be better than: servers that do nothing but answer, in turns with Pando.
func limits(b *Bench, ctx context.Context, name string) {
	only := *b
	only.Subjects = b.Subjects[:1]
	up := only.startAll(ctx, name, 1)
	defer up.stop()
	for round := range b.Form.Rounds {
		sample := record.Sample{Measure: name, Round: round}
		up.round(ctx, name, 0, round, func(t *turn) figures {
			s := up.of(t)[0]
			return t.limit(s.Endpoint, s.PID())
		})
		for _, kind := range []string{bare.NetHTTP, bare.Sockets} {
			b.turn(ctx, Subject{Subject: record.Subject{Name: kind}}, sample, func(t *turn) figures { return t.limit(t.bare(kind)) })
		}
		b.turn(ctx, Subject{Subject: record.Subject{Name: bare.Sockets}}, sample, func(t *turn) figures { return t.bareWatch() })
	}
}

// limit is what a GET costs a server.
func (t *turn) limit(endpoint string, pid int) figures {
	d := t.bench.Form.Duration
	l := t.loadAt(d+patience, endpoint, fmt.Sprint(pid), "get", "--duration", d.String(), "--clients", fmt.Sprint(busy))
	return figures{values: map[string]float64{"cpu-us": l.cpu(), "rate": l.Throughput}}
}

// bareWatch is what watchers cost a server that has a goroutine for each connection.
func (t *turn) bareWatch() figures {
	endpoint, pid := t.bare(bare.Sockets)
	l := t.loadAt(patience, endpoint, fmt.Sprint(pid), "watch-one", "--watchers", fmt.Sprint(t.bench.Form.FanOut), "--count", "5")
	return figures{values: map[string]float64{"watcher-bytes": l.Watch.RSSPerWatcher, "last-us": l.Watch.Last}}
}

// bare starts a server of package bare in a process of its own, this program once more. It ends with the turn.
func (t *turn) bare(kind string) (endpoint string, pid int) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, Bare, kind)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		_ = cmd.Wait()
	})
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%s: %v", kind, err)
	}
	return "http://" + strings.TrimSpace(addr), cmd.Process.Pid
}

// Bare is the first argument with which a program that takes measures calls itself: it has to call bare.Serve with the second.
const Bare = "bare"
