package bench

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

const (
	shards       = 8
	maxExamples  = 5
	longest      = time.Hour // a latency beyond counts as this
	significance = 3         // decimal digits that a recorded latency keeps
)

// recorder takes latencies and errors from any goroutine. One goroutine calls tick each second, and
// finish last.
type recorder struct {
	shard  [shards]shard
	spare  *hdrhistogram.Histogram // what the next shard to be emptied goes on with
	second *hdrhistogram.Histogram // the second under way, put together
	total  *hdrhistogram.Histogram
	series []Second

	errMu    sync.Mutex
	errors   int64
	examples map[string]int64
}

// shard is where a part of the clients records, so that they seldom wait for each other.
type shard struct {
	mu sync.Mutex
	h  *hdrhistogram.Histogram // ns
	_  [48]byte                // the next shard has a cache line of its own
}

func newRecorder() *recorder {
	r := &recorder{spare: newHistogram(), second: newHistogram(), total: newHistogram(), examples: map[string]int64{}}
	for i := range r.shard {
		r.shard[i].h = newHistogram()
	}
	return r
}

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, int64(longest), significance)
}

// done records a request of a client that succeeded.
func (r *recorder) done(client int, latency time.Duration) {
	s := &r.shard[client%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.h.RecordValue(int64(min(max(latency, 1), longest))) // in range
}

// failed counts n requests that failed for the same reason.
func (r *recorder) failed(err error, n int64) {
	kind := err.Error()
	var answer *answerError
	if errors.As(err, &answer) {
		kind = fmt.Sprintf("%s: %d", answer.method, answer.status)
	}
	r.errMu.Lock()
	defer r.errMu.Unlock()
	r.errors += n
	for e := range r.examples {
		if len(e) >= len(kind) && e[:len(kind)] == kind {
			r.examples[e] += n
			return
		}
	}
	if len(r.examples) < maxExamples {
		r.examples[err.Error()] += n
	}
}

// tick ends a second.
func (r *recorder) tick() {
	r.second.Reset()
	for i := range r.shard {
		s := &r.shard[i]
		s.mu.Lock()
		full := s.h
		s.h = r.spare
		s.mu.Unlock()
		r.second.Merge(full)
		full.Reset()
		r.spare = full
	}
	r.total.Merge(r.second)
	r.series = append(r.series, Second{
		Second: len(r.series) + 1, Requests: r.second.TotalCount(),
		P50: micros(r.second.ValueAtQuantile(50)), P99: micros(r.second.ValueAtQuantile(99)), Max: micros(r.second.Max()),
	})
}

// finish ends the last second, which may be a short one, and fills in what was recorded.
func (r *recorder) finish(result *Result) {
	r.tick()
	if last := len(r.series) - 1; last > 0 && r.series[last].Requests == 0 {
		r.series = r.series[:last]
	}
	h := r.total
	result.Requests, result.Series = h.TotalCount(), r.series
	result.Latency = Latency{
		Mean: round(h.Mean()/1e3, 1), P50: micros(h.ValueAtQuantile(50)), P90: micros(h.ValueAtQuantile(90)),
		P95: micros(h.ValueAtQuantile(95)), P99: micros(h.ValueAtQuantile(99)), P999: micros(h.ValueAtQuantile(99.9)),
		Max: micros(h.Max()),
	}
	result.Percentiles = [][2]float64{}
	if h.TotalCount() > 0 {
		for _, b := range h.CumulativeDistributionWithTicks(5) {
			result.Percentiles = append(result.Percentiles, [2]float64{b.Quantile, micros(b.ValueAt)})
		}
	}
	r.errMu.Lock()
	defer r.errMu.Unlock()
	result.Errors, result.ErrorExamples = r.errors, []string{}
	for _, e := range slices.Sorted(maps.Keys(r.examples)) {
		result.ErrorExamples = append(result.ErrorExamples, fmt.Sprintf("%s (%d times)", e, r.examples[e]))
	}
}

// firstError is an example of what failed, nil if nothing did.
func (r *recorder) firstError() error {
	r.errMu.Lock()
	defer r.errMu.Unlock()
	for e := range r.examples {
		return errors.New(e)
	}
	return nil
}

// micros are microseconds with one decimal.
func micros(ns int64) float64 { return round(float64(ns)/1e3, 1) }

// round keeps so many decimals.
func round(x float64, decimals int) float64 {
	unit := math.Pow10(decimals)
	return math.Round(x*unit) / unit
}
