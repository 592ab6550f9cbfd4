package front

import (
	"net/http"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

// Long answers that nobody reads cost no copy of what the handler writes. With one it was 50 KiB, of which the test has a part.
func TestUnreadAnswersCostLittle(t *testing.T) {
	const clients, most = 200, 32 << 10
	piece := make([]byte, sendSize)
	var pieces atomic.Int64
	g := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for range 1000 {
			if _, err := w.Write(piece); err != nil {
				return
			}
			pieces.Add(1)
		}
	}), Options{})
	heap := func() int64 {
		runtime.GC()
		runtime.GC() // what pools held is gone
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapInuse)
	}
	before := heap()
	all := make([]*client, clients)
	for i := range all {
		all[i] = g.dial()
		all[i].send(get("/"))
	}
	g.eventually("all wait for their clients", func() bool {
		n := pieces.Load()
		<-time.After(100 * time.Millisecond)
		return n > clients && n == pieces.Load()
	})
	grown := (heap() - before) / clients
	t.Logf("%d bytes each", grown)
	if grown > most {
		t.Errorf("an answer that nobody reads takes %d bytes, more than %d", grown, most)
	}
	for _, c := range all {
		c.Close()
	}
	g.eventually("all have left", func() bool { return g.open.Load() == 0 })
}
