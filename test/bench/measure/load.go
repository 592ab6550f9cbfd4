package measure

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"pando/test/server"
)

const (
	busy      = 64  // connections of a load "with 64 connections"
	valueSize = 100 // bytes of each value

	// patience is how much longer than it should a load may take.
	patience = 2 * time.Minute
	// fillPatience is how long a server may take to be filled.
	fillPatience = 15 * time.Minute
)

// load is what `pando bench --json` prints, as far as it is used here. Times are in microseconds.
type load struct {
	Requests, Errors int
	ErrorExamples    []string
	Throughput       float64
	Latency          struct{ Mean, P50, P90, P95, P99, P999, Max float64 }
	Percentiles      [][2]float64
	Series           []struct{ Second, Requests, P50, P99, Max float64 }
	Servers          []struct{ CPUPerRequest float64 }
	Watch            struct{ First, Median, Last, RSSPerWatcher float64 }
}

// load runs the generator on servers of one cluster; the first one is asked.
func (t *turn) load(patience time.Duration, servers []*server.Server, workload string, flags ...string) load {
	var pids []string
	for _, s := range servers {
		pids = append(pids, fmt.Sprint(s.PID()))
	}
	return t.loadAt(patience, servers[0].Endpoint, strings.Join(pids, ","), workload, flags...)
}

// loadAt runs the generator on an endpoint, of which processes (ids with commas between them) are the servers.
func (t *turn) loadAt(patience time.Duration, endpoint, pids, workload string, flags ...string) load {
	args := append([]string{"bench", workload, "--json", "--endpoints", endpoint, "--pid", pids,
		"--value-size", fmt.Sprint(valueSize)}, flags...)
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, t.bench.Generator, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("bench %s: %v: %s", strings.Join(args[1:], " "), err, lastLine(stderr.String()))
	}
	var l load
	if err := json.Unmarshal(out, &l); err != nil {
		t.Fatalf("bench %s: %v in %q", strings.Join(args[1:], " "), err, out)
	}
	// One request in a thousand that fails, as one that times out in a long fill, does not change the figures; they show it.
	if l.Requests == 0 || l.Errors > l.Requests/1000 {
		t.Fatalf("bench %s: %d errors, %d requests: %q", strings.Join(args[1:], " "), l.Errors, l.Requests, l.ErrorExamples)
	}
	return l
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// during loads for some time.
func (t *turn) during(d time.Duration, servers []*server.Server, workload string, clients int, flags ...string) load {
	return t.load(d+patience, servers, workload, append([]string{"--duration", d.String(), "--clients", fmt.Sprint(clients)}, flags...)...)
}

// cpu is what all servers have used for one request, in microseconds.
func (l load) cpu() (sum float64) {
	for _, s := range l.Servers {
		sum += s.CPUPerRequest
	}
	return sum
}

// figures are those of every load of requests. CPU that was too little for the kernel's clock of 10 ms is none of them.
func (l load) figures() figures {
	f := figures{values: map[string]float64{
		"rate": l.Throughput, "errors": float64(l.Errors),
		"p50-us": l.Latency.P50, "p99-us": l.Latency.P99, "p999-us": l.Latency.P999, "max-us": l.Latency.Max,
	}}
	if cpu := l.cpu(); cpu > 0 {
		f.values["cpu-us"] = cpu
	}
	return f
}

// percentiles are the points of the latency's curve: percent, microseconds. The last one still has a request above it.
func (l load) percentiles() figures {
	var curve [][2]float64
	for _, p := range l.Percentiles {
		if p[0] > 0 && (100-p[0])/100*float64(l.Requests) >= 1 {
			curve = append(curve, p)
		}
	}
	return figures{curves: map[string][][2]float64{"percentiles": curve}}
}

// bySecond are the latencies over the time: second, microseconds.
func (l load) bySecond() figures {
	f := figures{curves: map[string][][2]float64{}}
	for _, s := range l.Series {
		f.curves["p50"] = append(f.curves["p50"], [2]float64{s.Second, s.P50})
		f.curves["p99"] = append(f.curves["p99"], [2]float64{s.Second, s.P99})
		f.curves["max"] = append(f.curves["max"], [2]float64{s.Second, s.Max})
	}
	return f
}
