// Package bench puts load on a server of etcd's v2 API and measures how it answers: the load
// generator behind `pando bench`. It knows the server as its clients do, and so measures any: Pando,
// etcd 2.3, etcd 3.4 with --enable-v2.
//
// A run has N clients that share M connections. v2 is HTTP/1.1, and nobody pipelines it: a connection
// carries one request at a time, so that of more clients than connections some wait for a connection.
// That wait counts as latency, as it does in a program with a pool. Each client makes its requests one
// after the other, and never waits in between unless there is a rate.
//
// With a rate, request i is due i/rate seconds after the start, and its latency counts from then,
// not from when it could be sent. A server that stalls for a second so adds a second to all that
// was due meanwhile, and not to the N requests under way alone (coordinated omission, Gil Tene, "How NOT
// to Measure Latency"). What was due before the end is sent, at most for 10 s longer; what
// could not be sent then counts as failed.
//
// Keys are /prefix/keys/D/K with a thousand keys in each D. What a workload reads is written before
// the run, which is not measured; nothing is deleted afterwards.
package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	drainTime     = 10 * time.Second // how long after its end a run waits for answers and sends what was due
	interruptTime = 2 * time.Second  // the same after an interrupt
	errorPause    = 10 * time.Millisecond
	preparing     = 64 // clients that write the keys before a run
)

var errInterrupted = errors.New("interrupted")

// run is one run under way.
type run struct {
	*Options
	kind     workload
	servers  *processes
	values   []byte   // of which each value is a part
	indexes  []uint64 // modifiedIndex of each key, for cas; each belongs to one client at a time
	crowd    *crowd   // nil without watchers
	rec      *recorder
	progress io.Writer
}

// Run prepares and carries out what the options ask for, until it is done or ctx ends, and returns what was
// measured. The progress bar is drawn on progress, unless that is nil. An error means that
// nothing could be measured; failed requests are no error, the Result counts them.
func Run(ctx context.Context, o *Options, progress io.Writer) (*Result, error) {
	servers, err := find(o)
	if err != nil {
		return nil, err
	}
	opts := *o
	r := &run{Options: &opts, kind: workloads[o.Workload], servers: servers, values: randomText(o), rec: newRecorder(), progress: progress}
	if r.kind.adapt != nil {
		r.kind.adapt(r.Options)
	}
	if r.kind.reads || r.kind.owned {
		if err := r.prepare(ctx); err != nil {
			return nil, fmt.Errorf("writing the keys before the run: %w", err)
		}
	}
	if r.kind.watches {
		r.crowd = newCrowd(r)
		defer r.crowd.close()
		if err := r.crowd.connect(ctx); err != nil {
			return nil, fmt.Errorf("connecting the watchers: %w", err)
		}
	}
	return r.measure(ctx)
}

// prepare writes every key once.
func (r *run) prepare(ctx context.Context) error {
	if r.kind.owned {
		r.indexes = make([]uint64, r.Keys)
	}
	if r.Prepared {
		return nil
	}
	trying, giveUp := context.WithCancel(ctx)
	defer giveUp()
	w := &work{run: r, what: "preparing", pace: &pace{count: int64(r.Keys)}, rec: newRecorder()}
	w.step = func(c *client, n int64) error {
		err := create(c, n)
		if err != nil {
			giveUp()
		}
		return err
	}
	if _, err := w.do(trying, min(preparing, r.Keys), min(preparing, r.Keys)); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return errInterrupted
	}
	return w.rec.firstError()
}

// measure is the run itself.
func (r *run) measure(ctx context.Context) (*Result, error) {
	w := &work{run: r, what: r.Workload, pace: &pace{rate: r.Rate, count: r.Count, length: r.Duration}, rec: r.rec, step: r.kind.step}
	took, err := w.do(ctx, r.Clients, r.Connections)
	if err != nil {
		return nil, err
	}
	result := &Result{
		Workload: r.Workload, Endpoints: r.Endpoints, Clients: r.Clients, Connections: r.Connections, Rate: r.Rate,
		Seconds: round(took.Seconds(), 3),
	}
	r.rec.finish(result)
	if took > 0 {
		result.Throughput = round(float64(result.Requests)/took.Seconds(), 1)
	}
	result.Servers = r.servers.measure(result.Requests)
	if r.crowd != nil {
		result.Watch = r.crowd.result(result)
	}
	return result, nil
}

// work is clients at work: those of the run, or those that prepare it.
type work struct {
	run  *run
	what string // for the progress bar
	pace *pace
	rec  *recorder
	step step

	conns chan *conn      // those that carry no request
	hard  context.Context // when it ends, so do requests under way
}

// do runs the clients until the pace has no more requests or ctx ends, and returns how long that took. It
// waits for all that it starts.
func (w *work) do(ctx context.Context, clients, connections int) (time.Duration, error) {
	hard, giveUp := context.WithCancel(context.WithoutCancel(ctx))
	defer giveUp()
	w.hard = hard
	defer context.AfterFunc(ctx, func() { time.AfterFunc(interruptTime, giveUp) })()
	if err := w.connect(ctx, connections); err != nil {
		return 0, err
	}
	defer w.disconnect()
	w.run.servers.start()
	w.pace.begin()
	if w.pace.length > 0 {
		defer time.AfterFunc(w.pace.length+drainTime, giveUp).Stop()
	}
	var working sync.WaitGroup
	for i := range clients {
		c, err := newClient(ctx, w, i)
		if err != nil {
			giveUp()
			working.Wait()
			return 0, err
		}
		working.Go(func() { c.loop(ctx) })
	}
	done := make(chan struct{})
	go func() { // ends with the clients, which are waited for below
		defer close(done)
		working.Wait()
		if w.run.crowd != nil {
			w.run.crowd.drain(hard)
		}
	}()
	stopped := w.attend(ctx, done)
	took := time.Since(w.pace.start)
	if n := w.pace.owed(stopped); n > 0 {
		w.rec.failed(errors.New("was due, but could not be sent: neither the server nor --clients keep up with --rate"), n)
	}
	return took, nil
}

// attend ends the seconds of the recorder and draws the progress until done is closed. It returns when no more
// requests were made: then, or when ctx ended.
func (w *work) attend(ctx context.Context, done <-chan struct{}) (stopped time.Time) {
	interrupted := ctx.Done()
	bar := newBar(w)
	defer bar.finish()
	second := time.NewTicker(time.Second)
	defer second.Stop()
	draw := time.NewTicker(drawEvery)
	defer draw.Stop()
	for {
		select {
		case <-done:
			if stopped.IsZero() {
				stopped = time.Now()
			}
			return stopped
		case <-interrupted:
			stopped, interrupted = time.Now(), nil
		case <-second.C:
			w.rec.tick()
		case <-draw.C:
			bar.draw()
		}
	}
}

// connect opens the connections, in turn to each endpoint.
func (w *work) connect(ctx context.Context, connections int) error {
	w.conns = make(chan *conn, connections)
	for i := range connections {
		c := &conn{target: w.run.target(i), patience: answerPatience}
		if w.run.kind.owned {
			c.more = w.run.ValueSize // behind which stands the index
		}
		w.conns <- c
		if ctx.Err() != nil {
			w.disconnect()
			return errInterrupted
		}
		if err := c.open(w.hard); err != nil {
			w.disconnect()
			return err
		}
	}
	return nil
}

// disconnect closes the connections. The clients have ended.
func (w *work) disconnect() {
	for range len(w.conns) {
		(<-w.conns).close()
	}
}
