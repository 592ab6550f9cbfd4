package bench

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// step makes the request with a number, and is done when it is answered.
type step func(c *client, n int64) error

// errRecorded is what a step returns that has recorded latencies and errors itself.
var errRecorded = errors.New("recorded")

// errNoIndex is of a key that has another value than ours, which is longer.
var errNoIndex = errors.New("cas: no modifiedIndex was found in the answer, whose value is longer than --value-size")

// workload is a kind of load.
type workload struct {
	about   string
	step    step
	reads   bool           // the keys are written before
	owned   bool           // they are, and each belongs to one client
	watches bool           // it has watchers
	adapt   func(*Options) // changes options that have no choice here
}

var workloads = map[string]workload{
	"get":        {about: "reads of random keys", step: get, reads: true},
	"qget":       {about: "the same with quorum=true", step: quorumGet, reads: true},
	"put":        {about: "writes of random keys", step: put},
	"cas":        {about: "compare-and-swap by prevIndex; each client swaps keys of its own", step: swap, owned: true},
	"mixed":      {about: "reads and writes of random keys, see --reads", step: mixed, reads: true},
	"post":       {about: "in-order keys, all in one directory", step: post},
	"watch-one":  {about: "writes to one key that all watchers wait for, one write at a time", step: watchOne, watches: true, adapt: oneWriter},
	"watch-each": {about: "writes to keys with one watcher each", step: watchEach, watches: true},
	"ttl":        {about: "writes of random keys that expire after 1 to 5 s if not written again", step: putTTL},
	"list":       {about: "recursive reads of the directory that has all keys", step: list, reads: true},
	"fill":       {about: "writes each key once", step: create, adapt: countKeys},
}

// aboutWorkloads are lines of the help text.
func aboutWorkloads() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(workloads)) {
		fmt.Fprintf(&b, "  %-11s %s\n", name, workloads[name].about)
	}
	return b.String()
}

func countKeys(o *Options) {
	if o.Count == 0 || o.Count > int64(o.Keys) {
		o.Count = int64(o.Keys)
	}
}

func oneWriter(o *Options) { o.Clients, o.Connections = 1, 1 }

// anyKey chooses among all keys.
func (c *client) anyKey() int { return c.random.IntN(c.run.Keys) }

func get(c *client, _ int64) error {
	c.at("keys", c.anyKey())
	_, err := c.get("")
	return err
}

func quorumGet(c *client, _ int64) error {
	c.at("keys", c.anyKey())
	_, err := c.get("?quorum=true")
	return err
}

func put(c *client, _ int64) error {
	c.at("keys", c.anyKey())
	_, err := c.write(http.MethodPut, "", "")
	return err
}

// create writes key n.
func create(c *client, n int64) error {
	c.at("keys", int(n))
	index, err := c.write(http.MethodPut, "", "")
	if c.run.indexes != nil {
		c.run.indexes[n] = index
	}
	return err
}

// swap changes a key of the client's from the index that it knows. It asks for an index that it does not know:
// of a key that was there before, or after a request whose outcome is unknown.
func swap(c *client, _ int64) error {
	own := (c.run.Keys - c.number + c.run.Clients - 1) / c.run.Clients
	k := c.number + c.run.Clients*c.random.IntN(own)
	c.at("keys", k)
	old := &c.run.indexes[k]
	var err error
	if *old == 0 {
		if *old, err = c.get("?quorum=true"); err != nil {
			return err
		}
		if *old == 0 { // which would be no condition
			return errNoIndex
		}
	}
	*old, err = c.write(http.MethodPut, "?prevIndex="+strconv.FormatUint(*old, 10), "")
	return err
}

func mixed(c *client, n int64) error {
	if c.random.IntN(100) < c.run.Reads {
		return get(c, n)
	}
	return put(c, n)
}

func post(c *client, _ int64) error {
	c.in("queue")
	_, err := c.write(http.MethodPost, "", "")
	return err
}

func putTTL(c *client, _ int64) error {
	c.at("ttl", c.anyKey())
	_, err := c.write(http.MethodPut, "", "&ttl="+strconv.Itoa(1+c.random.IntN(5)))
	return err
}

func list(c *client, _ int64) error {
	c.in("keys")
	_, err := c.get("?recursive=true")
	return err
}
