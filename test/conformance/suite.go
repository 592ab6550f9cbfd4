package conformance

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// Jobs is how many cases run at a time if nobody says otherwise; most of them spend their time waiting.
const Jobs = 8

// Options choose the cases of a run and say how strictly to judge.
type Options struct {
	Endpoint string   // http://host:port
	Filter   []string // only cases whose names contain one of these; none means all
	With     []string // the special server that Endpoint is: only cases that need it run, and all others if there is none
	Except   []string // names of cases to leave out, see Exceptions
	Strict   bool     // only 2.3.8 counts
	Jobs     int      // 0 is the constant Jobs

	Done func(Result) // told of each case as it ends, one at a time; may be nil
}

// Report counts the cases of a run.
type Report struct {
	Matched [flavours]int // by what they match
	Failed  int
	Skipped int // by Filter, Except, or because they need another server
}

// Passed is how many cases matched anything.
func (r Report) Passed() int { return r.Matched[Etcd23] + r.Matched[Etcd34] + r.Matched[Etcd35] }

// RunAll runs the chosen cases: several at a time, then those that need the server to themselves. The server should
// have settled: a fresh etcd takes an index for its cluster version. The error is for options that make no sense,
// among them a choice that leaves nothing to run.
func RunAll(cases []*Case, o Options) (Report, error) {
	u, err := url.Parse(o.Endpoint)
	if err != nil || u.Scheme != "http" || u.Port() == "" {
		return Report{}, fmt.Errorf("%q is no endpoint like http://127.0.0.1:2379", o.Endpoint)
	}
	var report Report
	var together, alone []*Case
	for _, c := range cases {
		switch {
		case !o.chooses(c):
			report.Skipped++
		case c.Serial:
			alone = append(alone, c)
		default:
			together = append(together, c)
		}
	}
	if len(together)+len(alone) == 0 {
		return report, fmt.Errorf("none of the %d cases was chosen", len(cases))
	}
	// The long ones first, so that they don't run alone at the end.
	slices.SortStableFunc(together, func(a, b *Case) int { return b.waits() - a.waits() })
	o.run(u.Host, together, max(1, cmp.Or(o.Jobs, Jobs)), &report)
	o.run(u.Host, alone, 1, &report)
	return report, nil
}

func (o Options) chooses(c *Case) bool {
	if len(o.Filter) > 0 && !slices.ContainsFunc(o.Filter, func(s string) bool { return strings.Contains(c.Name, s) }) {
		return false
	}
	if len(o.With) > 0 || c.Needs != "" {
		return slices.Contains(o.With, c.Needs)
	}
	return !slices.Contains(o.Except, c.Name)
}

// waits estimates how long a case takes, in milliseconds.
func (c *Case) waits() int {
	sum := 0
	for _, st := range c.Steps {
		sum += st.SleepMS
		if _, ttl := st.Form.Get("ttl"); ttl {
			sum += 1500
		}
	}
	return sum
}

// run runs cases on jobs goroutines, which have ended when it returns.
func (o Options) run(host string, cases []*Case, jobs int, report *Report) {
	next := make(chan *Case)
	var mu sync.Mutex // for report and Done
	var wg sync.WaitGroup
	for range jobs {
		wg.Go(func() {
			for c := range next {
				result := Run(host, c, o.Strict)
				mu.Lock()
				if result.Passed() {
					report.Matched[result.Flavour]++
				} else {
					report.Failed++
				}
				if o.Done != nil {
					o.Done(result)
				}
				mu.Unlock()
			}
		})
	}
	for _, c := range cases {
		next <- c
	}
	close(next)
	wg.Wait()
}
