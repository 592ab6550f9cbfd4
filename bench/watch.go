package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// watchEach writes the key of a watcher that waits; the watcher records.
func watchEach(c *client, _ int64) error {
	crowd := c.run.crowd
	var w *watcher
	select {
	case w = <-crowd.parked:
	case <-c.hard.Done():
		return errors.New("no watcher waited")
	}
	crowd.pending.Add(1)
	w.began.Store(int64(c.begun().Sub(crowd.base)))
	c.req.path = w.req.path
	_, err := c.write(http.MethodPut, "", "")
	if err == nil || w.began.Swap(0) == 0 { // in the other case there was no event, and probably will not be
		return errRecorded
	}
	crowd.pending.Add(-1)
	select {
	case crowd.parked <- w:
	case <-c.hard.Done():
	}
	return err
}

// begun is when the request under way was due; without a rate that is now.
func (c *client) begun() time.Time {
	if c.run.Rate == 0 {
		return time.Now()
	}
	return c.due
}

// drain waits for the events of writes that were made.
func (c *crowd) drain(hard context.Context) {
	look := time.NewTicker(errorPause)
	defer look.Stop()
	late := time.After(watchPatience)
	for c.pending.Load() > 0 {
		select {
		case <-look.C:
			continue
		case <-late:
		case <-hard.Done():
		}
		c.run.rec.failed(errors.New("watch: no event came"), c.pending.Load())
		return
	}
}

// watchOne writes the key that all watch as soon as all wait, and records what it took to reach each. The
// watchers wait again when the last of them has its event, so that only the delivery is measured.
func watchOne(c *client, _ int64) error {
	crowd := c.run.crowd
	if err := crowd.gather(c.hard); err != nil {
		return err
	}
	began := c.begun()
	c.req.path = crowd.key(0)
	if _, err := c.write(http.MethodPut, "", ""); err != nil {
		return err
	}
	crowd.gathered = false
	crowd.collect(c, began)
	return errRecorded
}

// gather returns when all watchers wait.
func (c *crowd) gather(hard context.Context) error {
	late := time.After(watchPatience)
	for n := 0; n < c.run.Watchers && !c.gathered; n++ {
		select {
		case <-c.parked:
		case <-hard.Done():
			return errInterrupted
		case <-late:
			return fmt.Errorf("%d of %d watchers did not wait within %v", c.run.Watchers-n, c.run.Watchers, watchPatience)
		}
	}
	c.gathered = true
	return nil
}

// collect waits for the events of one write, and lets the watchers wait again.
func (c *crowd) collect(by *client, began time.Time) {
	late := time.After(watchPatience)
	var all []time.Duration
	for n := range c.run.Watchers {
		select {
		case a := <-c.arrived:
			if a.err != nil {
				by.rec.failed(a.err, 1)
			} else {
				all = append(all, a.at.Sub(began))
				by.rec.done(n, a.at.Sub(began))
			}
			continue
		case <-late:
		case <-by.hard.Done():
		}
		by.rec.failed(errors.New("watch: no event came"), int64(c.run.Watchers-n))
		break
	}
	for range c.run.Watchers {
		select {
		case c.again <- struct{}{}:
		default: // those that got no event have not taken theirs
		}
	}
	if len(all) > 0 {
		slices.Sort(all)
		c.rounds = append(c.rounds, [3]time.Duration{all[0], all[len(all)/2], all[len(all)-1]})
	}
}
