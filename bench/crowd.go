package bench

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	registering   = 128              // watchers that connect at once: a listening socket's queue is short
	watchPatience = 30 * time.Second // how long a watcher may take to wait again, and an event to arrive
)

// crowd is the watchers of a run, each a goroutine with a connection of its own that long-polls one key.
// A watcher waits once it has the head of its answer, which a server sends at once, as etcd does; no key
// is written before its watchers wait, so none has to ask for what it has missed.
type crowd struct {
	run     *run
	ctx     context.Context // ends with the crowd
	end     context.CancelFunc
	running sync.WaitGroup
	base    time.Time // what watcher.began counts from

	turn    chan struct{} // for the first registration
	parked  chan *watcher // those that wait now; the writer takes them
	arrived chan arrival  // watch-one: what the round waits for
	again   chan struct{} // watch-one: lets one watcher wait again
	pending atomic.Int64  // watch-each: events on their way

	gathered bool // watch-one: the watchers have been taken from parked, and not been written to
	took     time.Duration
	perRSS   int64 // bytes of the servers' memory for each watcher
	rounds   [][3]time.Duration
}

type watcher struct {
	number int
	conn   conn
	req    request
	began  atomic.Int64 // watch-each: when the write was due that it waits for, in ns; 0: none is under way
}

type arrival struct {
	at  time.Time
	err error
}

func newCrowd(r *run) *crowd {
	c := &crowd{
		run: r, base: time.Now(), turn: make(chan struct{}, registering),
		parked: make(chan *watcher, r.Watchers), arrived: make(chan arrival, r.Watchers), again: make(chan struct{}, r.Watchers),
	}
	c.ctx, c.end = context.WithCancel(context.Background())
	return c
}

// connect starts the watchers and returns when all wait.
func (c *crowd) connect(ctx context.Context) error {
	before, began := c.run.servers.rss(), time.Now()
	waits := make(chan error, c.run.Watchers)
	for i := range c.run.Watchers {
		w := &watcher{number: i, conn: conn{target: c.run.target(i)}}
		w.req = request{method: http.MethodGet, path: c.key(i), query: "?wait=true"}
		c.running.Go(func() { c.watch(w, waits) })
	}
	late := time.NewTimer(watchPatience)
	defer late.Stop()
	for n := range c.run.Watchers {
		select {
		case err := <-waits:
			if err != nil {
				return err
			}
			late.Reset(watchPatience)
		case <-late.C:
			return fmt.Errorf("%d of %d wait, and no other one within %v", n, c.run.Watchers, watchPatience)
		case <-ctx.Done():
			return errInterrupted
		}
	}
	c.took = time.Since(began)
	c.perRSS = (int64(c.run.servers.rss()) - int64(before)) / int64(c.run.Watchers)
	return nil
}

// close ends the watchers and waits for them.
func (c *crowd) close() {
	c.end()
	c.running.Wait()
}

// key is what watcher i watches.
func (c *crowd) key(i int) []byte {
	if c.run.Workload == "watch-one" {
		return []byte(c.run.Prefix + "/watched")
	}
	return fmt.Appendf(nil, "%s/watch/%d/%d", c.run.Prefix, i/1000, i)
}

// watch is the goroutine of a watcher. It sends on waits once: when it waits for the first time, or why it cannot.
func (c *crowd) watch(w *watcher, waits chan<- error) {
	defer w.conn.close()
	c.turn <- struct{}{}
	err := c.register(w)
	<-c.turn
	waits <- err
	if err != nil {
		return
	}
	for c.ctx.Err() == nil {
		if err == nil {
			select {
			case c.parked <- w:
			case <-c.ctx.Done():
				return
			}
			c.event(w, c.await(w))
		}
		if err = c.register(w); err != nil && c.ctx.Err() == nil {
			c.run.rec.failed(fmt.Errorf("watch: %w", err), 1)
			select {
			case <-time.After(errorPause):
			case <-c.ctx.Done():
			}
		}
	}
}

// register sends the request and returns when the watcher waits.
func (c *crowd) register(w *watcher) error {
	if err := w.conn.begin(c.ctx, &w.req); err != nil {
		return err
	}
	if w.conn.head.status == http.StatusOK {
		return nil
	}
	status := w.conn.head.status
	if err := w.conn.end(); err != nil {
		return err
	}
	return newAnswerError("watch", status, w.conn.body)
}

// await returns when there is an event. A server that ends long polls after a time does that without one.
func (c *crowd) await(w *watcher) error {
	for {
		if err := w.conn.end(); err != nil || len(w.conn.body) > 0 {
			return err
		}
		if err := c.register(w); err != nil {
			return err
		}
	}
}

// event is called by a watcher that has got its event, or an error instead.
func (c *crowd) event(w *watcher, err error) {
	now := time.Now()
	if c.ctx.Err() != nil {
		return
	}
	if err != nil {
		err = fmt.Errorf("watch: %w", err)
	}
	if c.run.Workload == "watch-one" {
		c.arrived <- arrival{now, err} // as many as it holds
		select {
		case <-c.again:
		case <-c.ctx.Done():
		}
		return
	}
	began := w.began.Swap(0)
	switch {
	case err != nil:
		c.run.rec.failed(err, 1)
	case began != 0:
		c.run.rec.done(w.number, now.Sub(c.base)-time.Duration(began))
	}
	if began != 0 {
		c.pending.Add(-1)
	}
}

// result is what is told of the watchers. In watch-each a round is one event, which reaches one watcher.
func (c *crowd) result(r *Result) *Watch {
	w := &Watch{Watchers: c.run.Watchers, ConnectSeconds: round(c.took.Seconds(), 3), Rounds: len(c.rounds), RSSPerWatcher: c.perRSS}
	if c.run.Workload == "watch-each" {
		w.Rounds, w.First, w.Median, w.Last = int(r.Requests), r.Latency.P50, r.Latency.P50, r.Latency.P50
		return w
	}
	for i, to := range []*float64{&w.First, &w.Median, &w.Last} {
		if len(c.rounds) > 0 {
			slices.SortFunc(c.rounds, func(a, b [3]time.Duration) int { return int(a[i] - b[i]) })
			*to = micros(int64(c.rounds[len(c.rounds)/2][i]))
		}
	}
	return w
}
