package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"
	"time"
)

// TestRecorder: what many clients record at once comes out with three digits, in all and for each second.
func TestRecorder(t *testing.T) {
	r := newRecorder()
	var clients sync.WaitGroup
	for c := range 20 {
		clients.Go(func() {
			for ms := 1; ms <= 1000; ms++ {
				r.done(c, time.Duration(ms)*time.Millisecond)
			}
		})
	}
	clients.Wait()
	r.tick()
	r.tick()
	r.done(0, 48*time.Hour) // longer than is kept
	var result Result
	r.finish(&result)
	if result.Requests != 20_001 || len(result.Series) != 3 || result.Series[0].Requests != 20_000 || result.Series[1].Requests != 0 || result.Series[2].Requests != 1 {
		t.Errorf("%d requests: %+v", result.Requests, result.Series)
	}
	for _, c := range []struct{ got, want float64 }{
		{result.Latency.P50, 500e3}, {result.Latency.P90, 900e3}, {result.Latency.P99, 990e3}, {result.Latency.P999, 999e3},
		{result.Series[0].P50, 500e3}, {result.Series[0].Max, 1000e3}, {result.Latency.Max, 3600e6},
	} {
		if math.Abs(c.got-c.want) > c.want/250 {
			t.Errorf("got %v µs, want %v within 0.4%%", c.got, c.want)
		}
	}
}

// TestErrorKinds: the examples are few, however many errors there are, and one for each kind of answer.
func TestErrorKinds(t *testing.T) {
	r := newRecorder()
	for i := range 100 {
		r.failed(&answerError{"GET", 404, fmt.Sprintf("/key/%d", i)}, 1)
		r.failed(fmt.Errorf("from port %d", i), 1)
	}
	var result Result
	r.finish(&result)
	if result.Errors != 200 || len(result.ErrorExamples) != maxExamples || result.ErrorExamples[0] != "GET: 404 /key/0 (100 times)" {
		t.Errorf("%d errors: %q", result.Errors, result.ErrorExamples)
	}
	if r.firstError() == nil || newRecorder().firstError() != nil {
		t.Error("firstError")
	}
}

// TestPace: requests are due at even distances from the start, none at or after the end, and those that were not taken are owed.
func TestPace(t *testing.T) {
	timer, err := newTimer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer timer.close()
	p := &pace{rate: 1000, length: 50 * time.Millisecond}
	p.begin()
	if n := p.owed(p.start.Add(20 * time.Millisecond)); n != 20 {
		t.Errorf("%d owed after 20 ms", n)
	}
	for i := range int64(50) {
		n, due, ok := p.take(t.Context(), timer)
		if !ok || n != i || due.Sub(p.start) != time.Duration(i)*time.Millisecond || time.Now().Before(due) {
			t.Fatalf("request %d: number %d, due after %v, %v", i, n, due.Sub(p.start), ok)
		}
	}
	if _, _, ok := p.take(t.Context(), timer); ok {
		t.Error("one more after the end")
	}
	if n := p.owed(time.Now().Add(time.Hour)); n != 0 {
		t.Errorf("%d owed of none", n)
	}
	p = &pace{rate: 1e-9, length: time.Hour} // the tenth is due beyond what a time.Duration holds
	p.begin()
	for i := range 100 {
		if _, _, ok := p.take(t.Context(), timer); ok != (i == 0) {
			t.Fatalf("request %d of one in thirty years: %v", i, ok)
		}
	}
	p = &pace{count: 2}
	p.begin()
	for want := range 3 {
		if _, _, ok := p.take(t.Context(), nil); ok != (want < 2) {
			t.Errorf("request %d: %v", want, ok)
		}
	}
}

// TestTimerIsStopped: a client that waits for its next request ends with the run.
func TestTimerIsStopped(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	timer, err := newTimer(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer timer.close()
	time.AfterFunc(10*time.Millisecond, stop)
	if timer.sleep(time.Hour) {
		t.Error("slept for an hour")
	}
	if ctx.Err() == nil || errors.Is(ctx.Err(), context.DeadlineExceeded) {
		t.Error("ended before it was stopped")
	}
}
