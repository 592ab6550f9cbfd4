package metrics

import (
	"math"
	"math/bits"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// The bound of each bucket of a latency is twice that of the one before, from 7.8 µs to etcd's last, 2.048 s.
	buckets = etcdFrom + 13
	// etcdFrom is the bucket that etcd's own begin with, whose bound is etcdFirst.
	etcdFrom  = 6
	etcdFirst = 500 * time.Microsecond
)

// latency is a histogram that costs two additions. The last bucket has what is longer than the last bound.
type latency struct {
	counts [buckets + 1]atomic.Uint64
	sum    atomic.Int64 // nanoseconds
}

func (l *latency) observe(d time.Duration) {
	i := 0
	if d > 0 {
		i = min(bits.Len64(uint64((d<<etcdFrom-1)/etcdFirst)), buckets)
	}
	l.counts[i].Add(1)
	l.sum.Add(int64(d))
}

// read returns the cumulative counts of the buckets from the given one on, the count of all, and the sum in seconds.
func (l *latency) read(from int) (cumulative map[float64]uint64, count uint64, sum float64) {
	cumulative = make(map[float64]uint64, buckets-from)
	for i := range l.counts {
		count += l.counts[i].Load()
		if i >= from && i < buckets {
			cumulative[math.Ldexp(etcdFirst.Seconds(), i-etcdFrom)] = count
		}
	}
	return cumulative, count, time.Duration(l.sum.Load()).Seconds()
}

// method is an HTTP method in the labels; the last stands for all that the API does not know.
type method int

var methods = [...]string{"GET", "QGET", "HEAD", "PUT", "POST", "DELETE", "other"}

func methodOf(name string) method {
	switch name {
	case "GET":
		return 0
	case "QGET":
		return 1
	case "HEAD":
		return 2
	case "PUT":
		return 3
	case "POST":
		return 4
	case "DELETE":
		return 5
	}
	return method(len(methods) - 1)
}

// statuses are those of failures that are told apart; the first stands for all others.
var statuses = [...]int{500, 400, 401, 403, 404, 405, 409, 410, 412, 413, 415, 503}

// route is what is known of the requests of one route.
type route [len(methods)]struct {
	succeeded, failed latency
	byStatus          [len(statuses)]atomic.Uint64
}

func (r *route) answered(name string, status int, took time.Duration) {
	m := &r[methodOf(name)]
	if status < 400 {
		m.succeeded.observe(took)
		return
	}
	m.failed.observe(took)
	for i, s := range statuses {
		if s == status {
			m.byStatus[i].Add(1)
			return
		}
	}
	m.byStatus[0].Add(1)
}

// requests are all routes. It is their Collector.
type requests struct {
	mu    sync.Mutex
	slots map[string]*route
}

// Route implements httpapi.Observer.
func (m *Metrics) Route(name string) func(method string, status int, took time.Duration) {
	q := &m.requests
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.slots[name] == nil {
		q.slots[name] = new(route)
	}
	return q.slots[name].answered
}

// keysRoute is the route that etcd's own metrics are about.
const keysRoute = "keys"

var (
	received = prometheus.NewDesc("etcd_http_received_total", "Requests on the keys API that were answered, watches excepted.", []string{"method"}, nil)
	refused  = prometheus.NewDesc("etcd_http_failed_total", "Requests on the keys API that were answered with an error.", []string{"method", "code"}, nil)
	handled  = prometheus.NewDesc("etcd_http_successful_duration_second", "Time of requests on the keys API that succeeded, watches excepted.", []string{"method"}, nil)
	answered = prometheus.NewDesc("pando_http_request_duration_seconds", "Time to answer a request, watches excepted.", []string{"route", "method", "result"}, nil)
)

// Describe implements prometheus.Collector.
func (q *requests) Describe(c chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{received, refused, handled, answered} {
		c <- d
	}
}

// Collect implements prometheus.Collector. A method shows once it was used.
func (q *requests) Collect(c chan<- prometheus.Metric) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for name, r := range q.slots {
		for i := range r {
			m, method := &r[i], methods[i]
			collectLatency(c, &m.succeeded, name, method, "success")
			collectLatency(c, &m.failed, name, method, "failure")
			if name != keysRoute {
				continue
			}
			buckets, ok, sum := m.succeeded.read(etcdFrom)
			failed := uint64(0)
			for j, status := range statuses {
				if n := m.byStatus[j].Load(); n > 0 {
					failed += n
					c <- prometheus.MustNewConstMetric(refused, prometheus.CounterValue, float64(n), method, strconv.Itoa(status))
				}
			}
			if ok > 0 {
				c <- prometheus.MustNewConstHistogram(handled, ok, sum, buckets, method)
			}
			if ok+failed > 0 {
				c <- prometheus.MustNewConstMetric(received, prometheus.CounterValue, float64(ok+failed), method)
			}
		}
	}
}

func collectLatency(c chan<- prometheus.Metric, l *latency, route, method, result string) {
	if buckets, count, sum := l.read(0); count > 0 {
		c <- prometheus.MustNewConstHistogram(answered, count, sum, buckets, route, method, result)
	}
}
