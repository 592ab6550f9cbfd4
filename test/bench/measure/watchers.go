package measure

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"time"

	"pando/test/server"
)

// watchMemory is what a server holds for each watcher that waits on one key, each with a connection of its own.
func watchMemory(b *Bench, ctx context.Context, name string) {
	b.inTurns(ctx, name, b.Form.Watchers, b.Form.Rounds, func(t *turn) figures {
		return figures{values: map[string]float64{"watcher-bytes": t.watched(b.Form.Watchers).Watch.RSSPerWatcher}}
	})
}

// watchWrite is when the watchers of one key have their answers, counted from the beginning of the write.
func watchWrite(b *Bench, ctx context.Context, name string) {
	b.inTurns(ctx, name, b.Form.FanOut, b.Form.Rounds, func(t *turn) figures {
		w := t.watched(b.Form.FanOut).Watch
		return figures{values: map[string]float64{"first-us": w.First, "median-us": w.Median, "last-us": w.Last}}
	})
}

// watched lets watchers wait on one key of a fresh server while it is written some times.
func (t *turn) watched(watchers int) load {
	const writes = 5
	return t.load(patience, []*server.Server{t.start()}, "watch-one", "--watchers", fmt.Sprint(watchers), "--count", fmt.Sprint(writes))
}

// crowd compares the requests of a server that many watchers wait at, on keys of their own, with those of one without.
func crowd(b *Bench, ctx context.Context, name string) {
	b.inTurns(ctx, name, b.Form.Watchers, b.Form.Rounds, func(t *turn) figures {
		beset, alone := t.start(), t.start()
		t.crowd(beset, b.Form.Watchers)
		return t.compare("crowd", func(workload string, d time.Duration) (with, without load) {
			return t.during(d, []*server.Server{beset}, workload, busy), t.during(d, []*server.Server{alone}, workload, busy)
		})
	})
}

// crowd lets n watchers wait, each on another key with a connection of its own, until the turn ends.
func (t *turn) crowd(s *server.Server, n int) {
	for i := range n {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.Endpoint, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if _, err := fmt.Fprintf(conn, "GET /v2/keys/crowd/%d?wait=true HTTP/1.1\r\nHost: bench\r\n\r\n", i); err != nil {
			t.Fatal(err)
		}
	}
	server.Await(t, "the crowd", patience, func() error {
		_, body, err := get(s.Endpoint + "/v2/stats/store")
		if err != nil {
			return err
		}
		var stats struct{ Watchers int }
		if err := json.Unmarshal(body, &stats); err != nil {
			return err
		}
		if stats.Watchers < n {
			return fmt.Errorf("%d watchers wait", stats.Watchers)
		}
		return nil
	})
}
