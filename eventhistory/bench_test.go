package eventhistory

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
)

// A write costs the same whoever waits elsewhere.
func BenchmarkPublish(b *testing.B) {
	for _, watchers := range []int{0, 100_000} {
		b.Run(fmt.Sprint(watchers, "-on-other-keys"), func(b *testing.B) {
			bench := newBench(b, 1000)
			for i := range watchers {
				bench.watch(fmt.Sprintf("/1/svc/%d/config", i), false, i%2 == 0, 0)
			}
			batch := []Change{bench.store.put("/1/svc/other/config", false)}
			b.ReportAllocs()
			for i := uint64(1); b.Loop(); i++ {
				e := &Event{Action: "set", Node: batch[0].Event.Node}
				e.Node.ModifiedIndex = i
				batch[0].Event = e
				bench.do(batch...)
			}
		})
	}
}

// One write, and ten thousand clients who wait for it: until the last has its event.
func BenchmarkTenThousandOnOneKey(b *testing.B) {
	const watchers = 10_000
	bench := newBench(b, 1000)
	var told, stopped sync.WaitGroup
	for range watchers {
		w := bench.watch("/1/k", false, true, 0)
		stopped.Go(func() {
			for {
				if _, err := w.Next(context.Background()); err != nil {
					return
				}
				told.Done()
			}
		})
	}
	b.ReportAllocs()
	for b.Loop() {
		told.Add(watchers)
		bench.set("/1/k")
		told.Wait()
	}
	bench.hub.Stop()
	stopped.Wait()
}

// BenchmarkParkedWatcher shows the memory of one that waits, on a key of its own and on one that all share.
func BenchmarkParkedWatcher(b *testing.B) {
	for name, path := range map[string]func(int) string{
		"own-key":    func(i int) string { return fmt.Sprintf("/1/svc/%d/config", i) },
		"shared-key": func(int) string { return "/1/svc/config" },
	} {
		b.Run(name, func(b *testing.B) {
			hub, watchers := New(1000), make([]*Watcher, b.N)
			before := heap()
			b.ReportAllocs()
			b.ResetTimer() // the collection is not what a watch takes
			for i := range watchers {
				watchers[i], _ = hub.Watch(path(i), false, false, 0, nil)
			}
			b.StopTimer()
			b.ReportMetric(float64(heap()-before)/float64(b.N), "B/watcher")
			for _, w := range watchers {
				w.Close()
			}
		})
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
