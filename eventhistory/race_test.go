package eventhistory

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
)

// Streams, long polls and watchers that come and go, all at once: nobody misses an event or gets one twice.
func TestConcurrentWatchers(t *testing.T) {
	const events, keys, readers = 2000, 5, 4
	b := newBench(t, 2*events) // nobody is overtaken
	ctx, cancel := context.WithCancel(t.Context())
	var following, passing sync.WaitGroup
	for k := range keys {
		for r := range readers {
			following.Go(func() { b.follow(ctx, k, r%2 == 0, events/keys) })
		}
	}
	for range 2 {
		passing.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				w, err := b.hub.Watch(fmt.Sprint("/", i%(2*keys)), i%2 == 0, i%3 == 0, 0, nil)
				if err != nil {
					return
				}
				_, _ = poll(w)
				w.Close()
			}
		})
	}
	for i := range events {
		b.hub.Publish([]Change{b.store.put(fmt.Sprint("/", i%keys), false)}, nil)
		if i%3 == 0 {
			b.hub.Notify()
		}
	}
	b.hub.Notify()
	following.Wait()
	cancel()
	passing.Wait()
	checkEmpty(t, b.hub)
}

// follow reads n events of a key, as a stream or by long polls, and checks that each is the next one.
func (b *bench) follow(ctx context.Context, key int, stream bool, n int) {
	const keys = 5
	path, from := fmt.Sprint("/", key), uint64(1)
	var w *Watcher
	for i := range n {
		if w == nil {
			var err error
			if w, err = b.hub.Watch(path, false, stream, from, nil); err != nil {
				b.t.Errorf("%s from %d: %v", path, from, err)
				return
			}
		}
		e, err := w.Next(ctx)
		if want := uint64(i*keys + key + 1); err != nil || e.Index() != want {
			b.t.Errorf("%s: got %v, %v; want %d", path, e, err, want)
			break
		}
		_ = e.Encoded(func(e *Event) []byte { return []byte(e.Node.Key) })
		from = e.Index() + 1
		if !stream {
			w.Close()
			w = nil
		}
	}
	if w != nil {
		w.Close()
	}
}

// With a window that is too small streams are cut, and a cut stream has got everything up to some point and nothing else.
func TestConcurrentOvertaking(t *testing.T) {
	b := newBench(t, 16)
	var streams sync.WaitGroup
	for range 8 {
		w := b.watch("/", true, true, 0)
		streams.Go(func() {
			for want := uint64(1); ; want++ {
				e, err := w.Next(context.Background())
				if errors.Is(err, ErrCleared) || errors.Is(err, ErrStopped) {
					return
				}
				if err != nil || e.Index() != want {
					t.Errorf("got %v, %v; want %d", e, err, want)
					return
				}
			}
		})
	}
	for range 3000 {
		b.do(b.store.put("/k", false), b.store.put("/k", false))
	}
	b.hub.Stop()
	streams.Wait()
}
