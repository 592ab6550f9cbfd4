package bench

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pando/test/server"
)

const (
	writers   = 64
	valueSize = 100
)

// latencies are of one kind of operation.
type latencies struct {
	mu  sync.Mutex
	all []time.Duration
}

func (l *latencies) add(some []time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, some...)
}

// report prints percentiles in milliseconds.
func (l *latencies) report(b *testing.B, what string) {
	slices.Sort(l.all)
	if len(l.all) == 0 {
		b.Fatalf("nothing was measured for %s", what)
	}
	at := func(q float64) float64 {
		return float64(l.all[min(int(q*float64(len(l.all))), len(l.all)-1)].Microseconds()) / 1000
	}
	for _, p := range []struct {
		name string
		q    float64
	}{{"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}, {"max", 1}} {
		b.ReportMetric(at(p.q), what+"-"+p.name+"-ms")
	}
}

// startServer runs the real binary without a second node's patience.
func startServer(b *testing.B) (addr string) {
	s := server.Start(b, server.Options{})
	return strings.TrimPrefix(s.Endpoint, "http://")
}

// write lets n clients put keys until next says no.
func write(b *testing.B, addr string, n int, next func() (path string, ok bool)) *latencies {
	return writeAs(b, addr, "", n, next)
}

// writeAs is write with a line for the head of each request.
func writeAs(b *testing.B, addr, login string, n int, next func() (path string, ok bool)) *latencies {
	var l latencies
	var wg sync.WaitGroup
	form := []byte("value=" + strings.Repeat("v", valueSize))
	for range n {
		wg.Go(func() {
			c, err := dial(addr)
			if err != nil {
				b.Error(err)
				return
			}
			defer c.close()
			c.login = login
			var mine []time.Duration
			for {
				path, ok := next()
				if !ok {
					break
				}
				began := time.Now()
				if err := c.put(path, form); err != nil {
					b.Error(err)
					break
				}
				mine = append(mine, time.Since(began))
			}
			l.add(mine)
		})
	}
	wg.Wait()
	return &l
}

func keyPath(i int64) string { return fmt.Sprintf("/load/%03d/key%d", i%1000, i) }

// counted hands out the first n keys.
func counted(n int) func() (string, bool) {
	var i atomic.Int64
	return func() (string, bool) {
		k := i.Add(1)
		return keyPath(k), k <= int64(n)
	}
}

// during hands out random keys of n until the channel is closed.
func during(done <-chan struct{}, n int) func() (string, bool) {
	return func() (string, bool) {
		select {
		case <-done:
			return "", false
		default:
			return keyPath(rand.Int64N(int64(n)) + 1), true
		}
	}
}
