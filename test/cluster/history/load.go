package history

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"pando/test/fault/keys"
)

// Mix says how often each kind of operation is chosen, in relation to the others.
type Mix struct{ Get, Put, CAS, Delete, Post int }

func (m Mix) pick(r *rand.Rand) Kind {
	weights := [...]int{Get: m.Get, Put: m.Put, CAS: m.CAS, Delete: m.Delete, Post: m.Post}
	n := r.IntN(m.Get + m.Put + m.CAS + m.Delete + m.Post)
	for kind, weight := range weights {
		if n -= weight; n < 0 {
			return Kind(kind)
		}
	}
	panic("a mix without weights")
}

// Load says what clients do.
type Load struct {
	Endpoints []string // http://host:port; each operation goes to a random one
	Clients   int
	Keys      []string // that they share
	Queue     string   // the directory that POST puts jobs in
	Mix       Mix
	Timeout   time.Duration // after which a client gives up on an operation and goes on
	Pause     time.Duration // between two operations of one client, on average
	Seed      uint64
}

// Run lets the clients work until ctx ends, and returns when the last operation has ended. An answer that no server should
// give is an error; what clients see of dying servers is not.
func (h *History) Run(ctx context.Context, l Load) error {
	var all sync.WaitGroup
	errs := make([]error, l.Clients)
	for n := range l.Clients {
		c := &client{number: n, load: l, history: h, random: rand.New(rand.NewPCG(l.Seed, uint64(n))), held: map[string]string{}}
		for _, e := range l.Endpoints {
			c.servers = append(c.servers, keys.New(e, 1))
		}
		all.Go(func() { errs[n] = c.run(ctx) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// client is one of the load's, with a goroutine of its own.
type client struct {
	number  int
	load    Load
	history *History
	servers []*keys.Client
	random  *rand.Rand
	sent    int
	held    map[string]string // what each key held when this client last saw it
}

func (c *client) run(ctx context.Context) error {
	defer func() {
		for _, s := range c.servers {
			s.Close()
		}
	}()
	for {
		pause := time.NewTimer(time.Duration(c.random.Int64N(2*int64(c.load.Pause) + 1)))
		select {
		case <-ctx.Done():
			pause.Stop()
			return nil
		case <-pause.C:
		}
		o := c.next()
		if err := Do(c.servers[c.random.IntN(len(c.servers))], c.load.Timeout, c.history, o); err != nil {
			return err
		}
		c.remember(o)
	}
}

// next makes up an operation. A CAS expects what the client saw last; a client that has seen nothing looks first.
func (c *client) next() *Op {
	c.sent++
	o := &Op{Client: c.number, Kind: c.load.Mix.pick(c.random), Key: c.load.Keys[c.random.IntN(len(c.load.Keys))]}
	if o.Kind == CAS {
		var known bool
		if o.Prev, known = c.held[o.Key]; !known {
			o.Kind = Get
		}
	}
	switch o.Kind {
	case Post:
		o.Key = c.load.Queue
		fallthrough
	case Put, CAS:
		o.Value = fmt.Sprintf("%d-%d", c.number, c.sent)
	}
	// Without a value to compare with, a key that was deleted would stay away from a load of CAS alone.
	if o.Kind == CAS && o.Prev == "" {
		o.Kind = Put
	}
	return o
}

func (c *client) remember(o *Op) {
	switch {
	case o.Kind == Post:
	case o.Outcome == Done && o.Value != "":
		c.held[o.Key] = o.Value
	case o.Outcome == Unknown:
		delete(c.held, o.Key)
	case o.Outcome != Never:
		c.held[o.Key] = o.Found
	}
}

// Do sends one operation to a server, waits for the answer at most for the timeout, fills in what came of it and
// adds it to the history. The error is an answer that no server should give.
func Do(s *keys.Client, timeout time.Duration, h *History, o *Op) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	o.Call = h.Now()
	var a *keys.Answer
	var err error
	switch o.Kind {
	case Get:
		a, err = s.Do(ctx, http.MethodGet, keys.Path(o.Key, "quorum", "true"), nil)
	case Put:
		a, err = s.Do(ctx, http.MethodPut, keys.Path(o.Key), keys.Form("value", o.Value))
	case CAS:
		a, err = s.Do(ctx, http.MethodPut, keys.Path(o.Key, "prevValue", o.Prev), keys.Form("value", o.Value))
	case Delete:
		a, err = s.Do(ctx, http.MethodDelete, keys.Path(o.Key), nil)
	case Post:
		a, err = s.Do(ctx, http.MethodPost, keys.Path(o.Key), keys.Form("value", o.Value))
	}
	o.Return = h.Now()
	wrong := o.judge(a, err)
	h.add(o)
	return wrong
}

// judge says what an answer means for the operation.
func (o *Op) judge(a *keys.Answer, err error) error {
	switch {
	case err != nil:
		o.Outcome, o.Note = Unknown, err.Error()
		var op *net.OpError
		if errors.As(err, &op) && op.Op == "dial" {
			o.Outcome = Never
		}
	case a.OK():
		o.done(a)
	case a.Status == http.StatusNotFound && a.ErrorCode == 100:
		o.Outcome, o.Note = Refused, a.String()
	case a.Status == http.StatusPreconditionFailed && a.ErrorCode == 101 && o.Kind == CAS:
		return o.refusedCAS(a)
	case a.Status == http.StatusInternalServerError && a.ErrorCode == 300:
		o.Outcome, o.Note = Unknown, a.String()
	case a.Status == http.StatusServiceUnavailable: // Pando's word for a command that it did not propose
		o.Outcome, o.Note = Never, a.String()
	default:
		o.Outcome, o.Note = Unknown, a.String()
		return fmt.Errorf("no answer that a server should give: %v", o)
	}
	return nil
}

func (o *Op) done(a *keys.Answer) {
	o.Outcome = Done
	before := a.PrevNode
	switch o.Kind {
	case Get:
		before = a.Node
	case Post:
		o.Job = a.Node.Key
		fallthrough
	default:
		o.Index = a.Node.ModifiedIndex
	}
	if before != nil {
		o.Had, o.Found = true, before.Value
	}
}

// refusedCAS takes the present value from the cause, "[expected != present]".
func (o *Op) refusedCAS(a *keys.Answer) error {
	o.Outcome, o.Note, o.Had = Refused, a.String(), true
	expected, present, ok := strings.Cut(strings.Trim(a.Cause, "[]"), " != ")
	if !ok || expected != o.Prev {
		return fmt.Errorf("the cause does not tell what was compared: %v", o)
	}
	o.Found = present
	return nil
}

// Jobs reads a queue for CheckJobs.
func Jobs(s *keys.Client, timeout time.Duration, queue string) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	a, err := s.Do(ctx, http.MethodGet, keys.Path(queue, "quorum", "true"), nil)
	if err != nil {
		return nil, err
	}
	jobs := map[string]string{}
	if a.ErrorCode == 100 {
		return jobs, nil
	}
	if !a.OK() {
		return nil, errors.New(a.String())
	}
	for _, n := range a.Node.Nodes {
		if _, err := strconv.ParseUint(n.Key[strings.LastIndexByte(n.Key, '/')+1:], 10, 64); err != nil {
			return nil, fmt.Errorf("%s is not the key of a job", n.Key)
		}
		jobs[n.Key] = n.Value
	}
	return jobs, nil
}
