package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// Result is what a run has measured. Times are microseconds, unless their names say seconds; sizes are bytes. A request
// is one that succeeded, an error one that did not; of watch workloads it is an event that has reached a watcher.
type Result struct {
	Workload      string       `json:"workload"`
	Endpoints     []string     `json:"endpoints"`
	Clients       int          `json:"clients"`
	Connections   int          `json:"connections"`
	Rate          float64      `json:"rate"`
	Seconds       float64      `json:"seconds"`
	Requests      int64        `json:"requests"`
	Errors        int64        `json:"errors"`
	ErrorExamples []string     `json:"errorExamples"`
	Throughput    float64      `json:"throughput"` // requests per second
	Latency       Latency      `json:"latency"`
	Percentiles   [][2]float64 `json:"percentiles"` // percent and time, ever closer to 100
	Series        []Second     `json:"series"`
	Servers       []Server     `json:"servers"` // those on this machine
	Watch         *Watch       `json:"watch,omitempty"`
}

// Latency is the distribution of what requests took, of those that succeeded.
type Latency struct {
	Mean float64 `json:"mean"`
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P95  float64 `json:"p95"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
	Max  float64 `json:"max"`
}

// Second is what was answered within one second; the last may be a part of one.
type Second struct {
	Second   int     `json:"second"` // from 1
	Requests int64   `json:"requests"`
	P50      float64 `json:"p50"`
	P99      float64 `json:"p99"`
	Max      float64 `json:"max"`
}

// Server is what one process used during the run.
type Server struct {
	PID           int     `json:"pid"`
	CPUSeconds    float64 `json:"cpuSeconds"`    // user and system; the kernel counts whole 10 ms
	CPUPerRequest float64 `json:"cpuPerRequest"` // of all requests, also those to other servers
	RSS           uint64  `json:"rss"`           // at the end; 0: the process had ended
	RSSPeak       uint64  `json:"rssPeak"`       // since the process started
}

// Watch is about the watchers.
type Watch struct {
	Watchers       int     `json:"watchers"`
	ConnectSeconds float64 `json:"connectSeconds"` // from the first connection until all waited
	Rounds         int     `json:"rounds"`         // writes that were waited for
	First          float64 `json:"first"`          // until the first watcher had its event, median of the rounds
	Median         float64 `json:"median"`
	Last           float64 `json:"last"`
	RSSPerWatcher  int64   `json:"rssPerWatcher"` // of all servers, against before they connected
}

// WriteJSON writes the result as one line, a JSON object.
func (r *Result) WriteJSON(to io.Writer) error {
	e := json.NewEncoder(to)
	e.SetEscapeHTML(false)
	return e.Encode(r)
}

// WriteText writes the result for people.
func (r *Result) WriteText(to io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: clients %d, connections %d to %s", r.Workload, r.Clients, r.Connections, strings.Join(r.Endpoints, ", "))
	if r.Rate > 0 {
		fmt.Fprintf(&b, ", %s requests/s wanted", humanize.CommafWithDigits(r.Rate, 1))
	}
	fmt.Fprintf(&b, "\n\n  requests    %s in %.2f s, %s/s\n", humanize.Comma(r.Requests), r.Seconds, humanize.CommafWithDigits(r.Throughput, 1))
	if r.Errors > 0 {
		fmt.Fprintf(&b, "  errors      %s\n", humanize.Comma(r.Errors))
		for _, e := range r.ErrorExamples {
			fmt.Fprintf(&b, "              %s\n", e)
		}
	}
	if l := r.Latency; r.Requests > 0 {
		fmt.Fprintf(&b, "  latency     mean %s, p50 %s, p90 %s, p95 %s, p99 %s, p99.9 %s, max %s\n",
			span(l.Mean), span(l.P50), span(l.P90), span(l.P95), span(l.P99), span(l.P999), span(l.Max))
	}
	if w := r.Watch; w != nil {
		fmt.Fprintf(&b, "  watchers    %s, connected in %.2f s, %s of the server's memory each\n",
			humanize.Comma(int64(w.Watchers)), w.ConnectSeconds, size(w.RSSPerWatcher))
		if r.Workload == "watch-one" {
			fmt.Fprintf(&b, "  each write  reached the first after %s, half after %s, the last after %s (medians of %s)\n",
				span(w.First), span(w.Median), span(w.Last), humanize.Comma(int64(w.Rounds)))
		}
	}
	for _, s := range r.Servers {
		if s.RSS == 0 {
			fmt.Fprintf(&b, "  server %-5d has ended\n", s.PID)
			continue
		}
		fmt.Fprintf(&b, "  server %-5d %.2f s of CPU, %.1f µs a request; %s resident, at most %s\n",
			s.PID, s.CPUSeconds, s.CPUPerRequest, size(int64(s.RSS)), size(int64(s.RSSPeak)))
	}
	_, err := io.WriteString(to, b.String())
	return err
}

// span prints microseconds as a duration of three digits or so.
func span(micros float64) string {
	d := time.Duration(micros * 1e3)
	switch {
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= 10*time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	default:
		return d.Round(time.Microsecond).String()
	}
}

func size(n int64) string {
	if n < 0 {
		return "-" + humanize.IBytes(uint64(-n))
	}
	return humanize.IBytes(uint64(n))
}
