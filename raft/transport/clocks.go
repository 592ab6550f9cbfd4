package transport

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"time"

	"go.etcd.io/etcd/server/v3/etcdserver/api/rafthttp"
	"go.uber.org/zap"
)

const (
	// The clocks are compared a little after the start, and then that often.
	firstComparison    = 5 * time.Second
	comparisonInterval = 30 * time.Second
	comparisonTimeout  = 2 * time.Second // with one peer

	maxClockDifference = time.Second

	maxProbe = 4 << 10 // of the answer, in bytes
)

// prober asks peers every few seconds how they are, to log the answers. Nothing else depends on it.
type prober interface{ RemoveAll() }

// probersOf finds the two probers of rafthttp, by the names of their fields as secure does. They took an idle member a tenth
// of its CPU time, with TLS more: one of them connects anew each time. What the streams do not tell is only whether the
// clocks agree, see compareClocks.
func probersOf(r *rafthttp.Transport) (found []prober, err error) {
	for _, name := range []string{"streamProber", "pipelineProber"} {
		field := reflect.ValueOf(r).Elem().FieldByName(name)
		if !field.IsValid() || field.Kind() != reflect.Interface || field.IsNil() {
			return nil, fmt.Errorf("transport: this version of rafthttp has no prober in %s", name)
		}
		p, ok := reflect.NewAt(field.Type(), field.Addr().UnsafePointer()).Elem().Interface().(prober)
		if !ok {
			return nil, fmt.Errorf("transport: what this version of rafthttp has in %s cannot be ended", name)
		}
		found = append(found, p)
	}
	return found, nil
}

// silence ends what rafthttp has begun for a peer that was added or has got other URLs.
func (t *Transport) silence() {
	for _, p := range t.probers {
		p.RemoveAll()
	}
}

// compareClocks warns of peers whose clock differs from this member's: keys expire by the clock of whoever leads.
func (t *Transport) compareClocks() {
	defer t.running.Done()
	next := time.NewTimer(firstComparison)
	defer next.Stop()
	for {
		select {
		case <-next.C:
			for id, urls := range t.peerURLs() {
				t.compareClock(id, urls)
			}
			next.Reset(comparisonInterval)
		case <-t.ctx.Done():
			return
		}
	}
}

func (t *Transport) peerURLs() map[uint64][]string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	all := map[uint64][]string{}
	for id, p := range t.peers {
		all[id] = p.urls
	}
	return all
}

// compareClock tries the URLs until one answers. Silence is for others to notice.
func (t *Transport) compareClock(id uint64, urls []string) {
	for _, url := range urls {
		ahead, err := t.aheadOf(id, url)
		if err != nil {
			t.log.Debug("cannot ask a peer for its clock", zap.String("peer", hex(id)), zap.String("url", url), zap.Error(err))
			continue
		}
		by := "ahead by"
		if ahead < 0 {
			by = "behind by"
		}
		if ahead.Abs() > maxClockDifference {
			t.log.Warn("the clock of a peer differs from this member's", zap.String("peer", hex(id)), zap.Duration(by, ahead.Abs()))
		}
		return
	}
}

// aheadOf is by how much the clock of a peer is ahead, give or take half a round trip.
func (t *Transport) aheadOf(id uint64, url string) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(t.ctx, comparisonTimeout)
	defer cancel()
	request, err := t.newRequest(ctx, http.MethodGet, url+rafthttp.ProbingPrefix, nil, id)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	answer, err := t.client.RoundTrip(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	var health struct{ Now time.Time }
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxProbe)).Decode(&health); err != nil {
		return 0, fmt.Errorf("status %d: %w", answer.StatusCode, err)
	}
	if health.Now.IsZero() {
		return 0, errors.New("the answer has no clock in it")
	}
	return health.Now.Sub(began) - time.Since(began)/2, nil
}
