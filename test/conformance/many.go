package conformance

import (
	"fmt"
	"slices"
	"strconv"
	"sync"

	"pando/test/conformance/ordered"
	"pando/test/conformance/rawhttp"
)

// repeat sends a step's request many times over one connection. A server may close that between two requests, so
// each gets a second try on a fresh one.
func (r *run) repeat(st *Step) error {
	var conn *rawhttp.Conn
	defer func() {
		if conn != nil {
			conn.Close()
		}
	}()
	for i := range st.Repeat {
		req, err := r.scope.request(st, i)
		if err != nil {
			return err
		}
		var reply rawhttp.Reply
		for try := 0; !reply.Complete && try < 2; try++ {
			if conn == nil {
				if conn, err = rawhttp.Dial(r.scope.host); err != nil {
					return err
				}
			}
			reply, err = conn.RoundTrip(req.bytes, req.head, answerTime)
			if err != nil || reply.Closes {
				conn.Close()
				conn = nil
			}
		}
		if err != nil {
			return fmt.Errorf("repetition %d: %w", i, err)
		}
		if st.WantStatus != nil && !slices.Contains(st.WantStatus, reply.Status) {
			return fmt.Errorf("repetition %d: status %d: %.200s", i, reply.Status, reply.Body)
		}
	}
	return nil
}

// tally counts what came back of requests that were sent at once, where nobody can know which of them wins.
type tally struct {
	outcomes                 map[string]int // by status/action or status/errorCode
	modified, keys, previous map[string]bool
	highest                  uint64 // index
}

// fanout sends a step's request many times at once, each over a connection of its own.
func (r *run) fanout(st *Step) (*answer, error) {
	requests := make([]request, st.Fanout)
	for i := range requests {
		var err error
		if requests[i], err = r.scope.request(st, i); err != nil {
			return nil, err
		}
	}
	replies, errs := make([]rawhttp.Reply, st.Fanout), make([]error, st.Fanout)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i, req := range requests {
		wg.Go(func() {
			<-start
			x, err := rawhttp.Start(r.scope.host, req.bytes, rawhttp.Options{Head: req.head})
			if err != nil {
				errs[i] = err
				return
			}
			defer x.Close()
			x.WaitDone(ms(st.TimeoutMS, fanoutTime))
			replies[i] = x.Reply()
		})
	}
	close(start)
	wg.Wait()
	t := &tally{map[string]int{}, map[string]bool{}, map[string]bool{}, map[string]bool{}, 0}
	for i, reply := range replies {
		if errs[i] != nil {
			return nil, errs[i]
		}
		t.add(reply)
	}
	return &answer{st: st, req: st, tally: t}, nil
}

func (t *tally) add(reply rawhttp.Reply) {
	outcome := strconv.Itoa(reply.Status)
	if reply.Status == 0 {
		outcome = "error:" + fmt.Sprint(reply.Err)
	}
	v, _ := ordered.Parse(reply.Body)
	doc, _ := v.(ordered.Object)
	if code, ok := doc.Get("errorCode"); ok {
		outcome += "/" + ordered.String(code)
	} else if action, ok := doc.Get("action"); ok {
		outcome += "/" + fmt.Sprint(action)
		modified, _ := doc.Sub("node").Get("modifiedIndex")
		key, _ := doc.Sub("node").Get("key")
		t.modified[ordered.String(modified)] = true
		t.keys[ordered.String(key)] = true
		if prev := doc.Sub("prevNode"); len(prev) > 0 {
			modified, _ := prev.Get("modifiedIndex")
			t.previous[ordered.String(modified)] = true
		}
		for n := range indexes(doc) {
			t.highest = max(t.highest, n)
		}
	}
	t.outcomes[outcome]++
}

// golden is the tally in the form the cases write it.
func (t *tally) golden() ordered.Object {
	var counts ordered.Object
	for _, outcome := range sortedKeys(t.outcomes) {
		counts.Add(outcome, number(t.outcomes[outcome]))
	}
	return ordered.Object{
		{Name: "counts", Value: counts},
		{Name: "distinct_modified", Value: number(len(t.modified))},
		{Name: "distinct_keys", Value: number(len(t.keys))},
		{Name: "distinct_prev", Value: number(len(t.previous))},
	}
}
