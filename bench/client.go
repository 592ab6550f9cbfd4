package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// client makes requests one after the other. It belongs to the goroutine of its loop.
type client struct {
	*work
	number int
	random *rand.Rand
	timer  *timer
	due    time.Time // of the request under way
	req    request
	path   []byte
	form   []byte
}

// answerError is an answer that refuses a request.
type answerError struct {
	method string
	status int
	text   string
}

// newAnswerError keeps the beginning of the answer's text.
func newAnswerError(method string, status int, body []byte) *answerError {
	return &answerError{method, status, string(bytes.TrimSpace(body[:min(len(body), 200)]))}
}

func (e *answerError) Error() string { return fmt.Sprintf("%s: %d %s", e.method, e.status, e.text) }

func newClient(ctx context.Context, w *work, number int) (*client, error) {
	c := &client{work: w, number: number, random: rand.New(rand.NewPCG(w.run.Seed, uint64(number)))}
	if w.pace.rate > 0 {
		t, err := newTimer(ctx)
		if err != nil {
			return nil, err
		}
		c.timer = t
	}
	return c, nil
}

// loop makes requests until there is none any more, ctx ends, or requests are given up.
func (c *client) loop(ctx context.Context) {
	if c.timer != nil {
		defer c.timer.close()
	}
	for c.hard.Err() == nil {
		n, due, ok := c.pace.take(ctx, c.timer)
		if !ok {
			return
		}
		c.due = due
		err := c.step(c, n)
		switch {
		case errors.Is(err, errRecorded):
		case err == nil:
			c.rec.done(c.number, time.Since(due))
		default:
			c.fail(err)
		}
	}
}

// fail counts the request under way as failed. After a connection that failed it waits a moment, so that a
// server that is gone is not called without a pause.
func (c *client) fail(err error) {
	if c.hard.Err() != nil {
		err = errors.New("not answered in time after the end of the run")
	}
	c.rec.failed(err, 1)
	var answer *answerError
	if !errors.As(err, &answer) {
		select {
		case <-c.hard.Done():
		case <-time.After(errorPause):
		}
	}
}

// do makes the request in req on the next free connection, and returns the modifiedIndex of the answer's
// node, 0 if the kept part of the body has none.
func (c *client) do() (modified uint64, err error) {
	conn := <-c.conns
	defer func() { c.conns <- conn }()
	status, body, err := conn.do(c.hard, &c.req)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", c.req.method, err)
	}
	if status/100 != 2 {
		return 0, newAnswerError(c.req.method, status, body)
	}
	return modifiedIndex(body), nil
}

// modifiedIndex finds the node's index, which stands before those of nodes in it and of prevNode.
func modifiedIndex(body []byte) uint64 {
	_, rest, _ := bytes.Cut(body, []byte(`"modifiedIndex":`))
	end := bytes.IndexAny(rest, ",}")
	n, _ := strconv.ParseUint(string(rest[:max(end, 0)]), 10, 64)
	return n
}

// at makes a path of the request: /prefix/kind/D/K, a thousand keys in each D.
func (c *client) at(kind string, k int) {
	c.in(kind)
	c.path = append(c.path, '/')
	c.path = strconv.AppendInt(c.path, int64(k/1000), 10)
	c.path = append(c.path, '/')
	c.path = strconv.AppendInt(c.path, int64(k), 10)
	c.req.path = c.path
}

// in makes a path of the request: /prefix/kind.
func (c *client) in(kind string) {
	c.path = append(append(append(c.path[:0], c.run.Prefix...), '/'), kind...)
	c.req.path = c.path
}

// get reads the path.
func (c *client) get(query string) (uint64, error) {
	c.req.method, c.req.query, c.req.form = http.MethodGet, query, nil
	return c.do()
}

// write writes a random value to the path.
func (c *client) write(method, query, more string) (uint64, error) {
	c.form = append(c.form[:0], "value="...)
	if spare := len(c.run.values) - c.run.ValueSize; c.run.ValueSize > 0 {
		from := c.random.IntN(spare)
		c.form = append(c.form, c.run.values[from:from+c.run.ValueSize]...)
	}
	c.form = append(c.form, more...)
	c.req.method, c.req.query, c.req.form = method, query, c.form
	return c.do()
}

// randomText is what values are cut from: characters that a form does not escape.
func randomText(o *Options) []byte {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	random := rand.New(rand.NewPCG(o.Seed, 0))
	b := make([]byte, o.ValueSize+4096)
	for i := range b {
		b[i] = letters[random.IntN(len(letters))]
	}
	return b
}
