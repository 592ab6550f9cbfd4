package proxy

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// What a request was dropped for: values of the label proxying_error (cluster-api spec, section 10).
const (
	noEndpoints   = "zero_endpoints"
	sendingFailed = "failed_sending_request"
	noResponse    = "failed_getting_response"
)

// metrics are etcd's for a proxy, and those of the process.
type metrics struct {
	handler  http.Handler
	requests *prometheus.CounterVec
	handled  *prometheus.CounterVec
	dropped  *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

func newMetrics() *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "etcd_proxy_" + name, Help: help}, labels)
	}
	m := &metrics{
		requests: counter("requests_total", "Requests received, by method.", "method"),
		handled:  counter("handled_total", "Requests that a member answered, by method and status.", "method", "code"),
		dropped:  counter("dropped_total", "Requests that a member did not answer, by method and reason.", "method", "proxying_error"),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "etcd_proxy_handling_duration_seconds", Help: "Time until a member's answer began, by method.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 13),
		}, []string{"method"}),
	}
	r := prometheus.NewRegistry()
	r.MustRegister(m.requests, m.handled, m.dropped, m.duration,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.handler = promhttp.HandlerFor(r, promhttp.HandlerOpts{})
	return m
}

func (m *metrics) come(r *http.Request) { m.requests.WithLabelValues(method(r)).Inc() }

func (m *metrics) answered(r *http.Request, resp *http.Response, began time.Time) {
	m.handled.WithLabelValues(method(r), strconv.Itoa(resp.StatusCode)).Inc()
	if !isWatch(r) {
		m.duration.WithLabelValues(method(r)).Observe(time.Since(began).Seconds())
	}
}

func (m *metrics) drop(r *http.Request, why string) { m.dropped.WithLabelValues(method(r), why).Inc() }

// method keeps the label's values few, whatever clients send.
func method(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPost, http.MethodDelete:
		return r.Method
	}
	return "other"
}
