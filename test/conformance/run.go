package conformance

import (
	"cmp"
	"fmt"
	"strconv"
	"time"

	"pando/test/conformance/rawhttp"
)

// How long to wait where a step does not say.
const (
	answerTime = 15 * time.Second
	fanoutTime = 20 * time.Second
	awaitTime  = 6 * time.Second
	headerTime = 1500 * time.Millisecond // for the headers of a step left waiting
	settleTime = 150 * time.Millisecond
	quietTime  = time.Second // without a new line, after which a slow reader has all it will get
)

// recording is what a run has brought back: the answers of the steps that are compared, in their order, and what is
// needed to read them.
type recording struct {
	c       *Case
	scope   *scope
	answers []*answer
}

// run is a case being played.
type run struct {
	*recording
	highest uint64 // index seen so far
	waiting map[string]*pending
}

// pending is a request left waiting.
type pending struct {
	st    *Step
	x     *rawhttp.Exchange
	early bool // its headers came at once
}

// play runs a case against a server at host:port and cleans up behind it. The error is for a case that could not be
// played to its end; whatever a server answers is no error.
func play(host string, c *Case) (rec *recording, err error) {
	r := &run{recording: &recording{c: c, scope: newScope(host)}, waiting: map[string]*pending{}}
	if r.scope.base, err = r.index(); err != nil {
		return nil, err
	}
	r.highest = r.scope.base
	defer func() {
		for _, p := range r.waiting {
			p.x.Close()
		}
		r.cleanup()
	}()
	for n, st := range c.Steps {
		if st.SleepMS > 0 {
			<-time.After(ms(st.SleepMS, 0))
		}
		a, err := r.step(st)
		if err != nil {
			return nil, fmt.Errorf("step %d: %w", n, err)
		}
		if a != nil {
			a.n = n
			r.note(a)
			r.answers = append(r.answers, a)
		}
	}
	return r.recording, nil
}

func ms(n int, otherwise time.Duration) time.Duration {
	return cmp.Or(time.Duration(n)*time.Millisecond, otherwise)
}

// step plays one step; a step that nothing is compared of has no answer.
func (r *run) step(st *Step) (*answer, error) {
	switch {
	case st.Repeat > 0:
		return nil, r.repeat(st)
	case st.Fanout > 0:
		return r.fanout(st)
	case st.Await != "":
		return r.await(st), nil
	}
	req, err := r.scope.request(st, 0)
	if err != nil {
		return nil, err
	}
	x, err := rawhttp.Start(r.scope.host, req.bytes, rawhttp.Options{Head: req.head, Replies: st.Responses, Hold: st.Hold})
	if err != nil {
		return nil, err
	}
	if st.Async {
		x.Wait(ms(st.TimeoutMS, headerTime), func(reply rawhttp.Reply) bool { return reply.Status != 0 })
		reply := x.Reply()
		r.waiting[st.ID] = &pending{st, x, reply.Status != 0}
		r.noteHeader(st.ID, reply)
		return nil, nil
	}
	defer x.Close()
	x.WaitDone(ms(st.TimeoutMS, answerTime))
	return r.answer(st, st, x, r.highest), nil
}

// await joins a request that was left waiting, for as long as the step says.
func (r *run) await(st *Step) *answer {
	p := r.waiting[st.Await]
	p.x.Resume()
	timeout := ms(st.TimeoutMS, awaitTime)
	switch {
	case st.Slow:
		for seen := -1; !p.x.Done() && seen != lines(p.x.Reply()); {
			seen = lines(p.x.Reply())
			p.x.WaitDone(quietTime)
		}
	case st.Events > 0:
		p.x.Wait(timeout, func(reply rawhttp.Reply) bool { return lines(reply) >= st.Events })
		settle := settleTime
		if st.SettleMS != nil {
			settle = ms(*st.SettleMS, 0)
		}
		p.x.WaitDone(settle)
	default:
		p.x.WaitDone(timeout)
	}
	a := r.answer(st, p.st, p.x, r.scope.base)
	a.early = &p.early
	p.x.Close()
	return a
}

// note keeps what later steps may refer to.
func (r *run) note(a *answer) {
	if a.tally != nil {
		r.highest = max(r.highest, a.tally.highest)
		return
	}
	last := a.replies[len(a.replies)-1]
	doc := last.lastDocument()
	node := doc.Sub("node")
	for _, id := range []string{a.st.ID, a.st.Await} {
		if id == "" {
			continue
		}
		r.noteHeader(id, last.Reply)
		if n, ok := index(node, "modifiedIndex"); ok {
			r.scope.numbers["mod:"+id] = n
		}
		if n, ok := index(node, "createdIndex"); ok {
			r.scope.numbers["created:"+id] = n
		}
		if key, _ := node.Get("key"); key != nil {
			r.scope.keys[id], _ = key.(string)
		}
	}
	if !a.st.RootFilter {
		for n := range indexes(doc) {
			r.highest = max(r.highest, n)
		}
	}
}

func (r *run) noteHeader(id string, reply rawhttp.Reply) {
	if n, ok := etcdIndex(reply); ok && id != "" {
		r.scope.numbers["xindex:"+id] = n
	}
}

// etcdIndex is the header X-Etcd-Index of an answer.
func etcdIndex(reply rawhttp.Reply) (uint64, bool) {
	value, _ := reply.Get("x-etcd-index")
	n, err := strconv.ParseUint(value, 10, 64)
	return n, err == nil
}
