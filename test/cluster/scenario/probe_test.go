package scenario

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"pando/test/cluster"
	"pando/test/fault/keys"
)

// stream reads a watch into events until it ends or ctx does; began is closed when the server has taken it on.
func stream(ctx context.Context, url string, began chan<- struct{}, events chan<- *keys.Event) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	close(began)
	for dec := json.NewDecoder(resp.Body); ; {
		e := new(keys.Event)
		if err := dec.Decode(e); err != nil {
			return err
		}
		select {
		case events <- e:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// write is one write of a probe.
type write struct {
	to    *cluster.Member
	began time.Time
	took  time.Duration
	err   error // nil if it was carried out
}

// probe writes to some members all the time, without waiting for answers, and reads from them.
type probe struct {
	stop chan struct{}
	all  sync.WaitGroup

	mu     sync.Mutex
	writes []write
	reads  []error // that failed
}

// probing begins to write to each member every fifth of an election timeout.
func probing(members []*cluster.Member) *probe { return probingEvery(et/5, members) }

// probingEvery begins to write to each member at an interval.
func probingEvery(interval time.Duration, members []*cluster.Member) *probe {
	p := &probe{stop: make(chan struct{})}
	p.all.Go(func() {
		next := time.NewTicker(interval)
		defer next.Stop()
		for n := 0; ; n++ {
			for i, m := range members {
				p.all.Go(func() { p.write(m, fmt.Sprintf("/probe/%d-%d", i, n)) })
			}
			select {
			case <-next.C:
			case <-p.stop:
				return
			}
		}
	})
	return p
}

func (p *probe) write(m *cluster.Member, key string) {
	w := write{to: m, began: time.Now()}
	a, err := m.Do(2*rt, http.MethodPut, keys.Path(key), keys.Form("value", "x"))
	w.took, w.err = time.Since(w.began), err
	if err == nil && !a.OK() {
		w.err = errors.New(a.String())
	}
	_, readErr := m.Get("/")
	p.mu.Lock()
	defer p.mu.Unlock()
	p.writes = append(p.writes, w)
	if readErr != nil {
		p.reads = append(p.reads, readErr)
	}
}

// more waits until so many more writes were acknowledged that were sent from now on.
func (p *probe) more(c *cluster.Cluster, n int) {
	from := time.Now()
	c.Await("writes", cluster.Patience, func() error {
		p.mu.Lock()
		defer p.mu.Unlock()
		count := 0
		for _, w := range p.writes {
			if w.err == nil && w.began.After(from) {
				count++
			}
		}
		if count < n {
			return fmt.Errorf("%d of %d", count, n)
		}
		return nil
	})
}

// limits are what a probe may have met.
type limits struct {
	gap     time.Duration // between two writes that were carried out
	slowest time.Duration // a single write
	failing bool          // writes may fail
}

// met is what a probe has met.
type met struct {
	gap     time.Duration // the longest between two writes that were carried out
	slowest time.Duration // a single write
	failed  []write
}

// finish waits for all answers.
func (p *probe) finish() met {
	close(p.stop)
	p.all.Wait()
	var m met
	var done []time.Time
	for _, w := range p.writes {
		m.slowest = max(m.slowest, w.took)
		if w.err == nil {
			done = append(done, w.began.Add(w.took))
		} else {
			m.failed = append(m.failed, w)
		}
	}
	slices.SortFunc(done, time.Time.Compare)
	for i := 1; i < len(done); i++ {
		m.gap = max(m.gap, done[i].Sub(done[i-1]))
	}
	return m
}

// end waits for all answers and compares with the limits.
func (p *probe) end(t *testing.T, l limits) {
	t.Helper()
	m := p.finish()
	t.Logf("%d writes, %d failed, longest %v, longest time without one %v",
		len(p.writes), len(m.failed), m.slowest.Round(time.Millisecond), m.gap.Round(time.Millisecond))
	for _, w := range m.failed {
		if !l.failing {
			t.Errorf("a write to %v failed after %v: %v", w.to, w.took, w.err)
		}
	}
	if m.gap > l.gap {
		t.Errorf("%v without a write, more than %v", m.gap, l.gap)
	}
	if m.slowest > l.slowest {
		t.Errorf("a write took %v, more than %v", m.slowest, l.slowest)
	}
	for _, err := range p.reads {
		t.Errorf("a read failed: %v", err)
	}
}
