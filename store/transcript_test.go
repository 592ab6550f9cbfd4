package store_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"pando/eventhistory"
	"pando/store"
)

// TestTranscripts runs the conversations in testdata/transcripts; -rewrite writes them anew. Each line of a block is a
// command of the log: the method, the path, and what else it carries. Expirations (ttl) and the time of a sync (at) are in
// seconds after the year 2030, where the clock of the store stands until a "clock" line moves it.
func TestTranscripts(t *testing.T) {
	datadriven.Walk(t, "testdata/transcripts", func(t *testing.T, path string) {
		now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
		tr := &transcript{start: now, now: now}
		tr.store = store.New(store.Options{Now: func() time.Time { return tr.now }})
		datadriven.RunTest(t, path, tr.run)
	})
}

type transcript struct {
	store      *store.Store
	start, now time.Time
}

func (tr *transcript) run(t *testing.T, d *datadriven.TestData) string {
	var out strings.Builder
	switch d.Cmd {
	case "apply":
		for _, line := range strings.Split(d.Input, "\n") {
			tr.line(t, &out, line)
		}
	case "history":
		tr.store.Publish(1, 1)
		for _, e := range tr.store.Hub().Events() {
			fmt.Fprintln(&out, tr.event(e))
		}
	case "tree":
		tr.store.Publish(1, 1)
		tr.tree(&out, tr.store.View().Root(), "")
	case "stats":
		text, err := json.Marshal(tr.store.Stats())
		if err != nil {
			t.Fatal(err)
		}
		for _, counter := range strings.Split(strings.Trim(string(text), "{}"), ",") {
			if !strings.HasSuffix(counter, ":0") {
				fmt.Fprintln(&out, counter)
			}
		}
	default:
		d.Fatalf(t, "no such command")
	}
	return out.String()
}

// line carries out one command and tells what came of it.
func (tr *transcript) line(t *testing.T, out *strings.Builder, line string) {
	words := strings.Fields(line)
	c := store.Command{Method: words[0]}
	for _, word := range words[1:] {
		name, value, _ := strings.Cut(word, "=")
		if !tr.argument(&c, name, value) {
			t.Fatalf("%q means nothing in %q", word, line)
		}
	}
	if c.Method == "clock" {
		tr.now = time.Unix(0, c.Time)
		return
	}
	r := tr.store.Apply(1, 1, c)
	switch {
	case r.Err != nil:
		fmt.Fprintf(out, "%v, index %d\n", r.Err, r.Err.Index)
	case r.Event != nil:
		fmt.Fprintln(out, tr.event(r.Event))
	default:
		fmt.Fprintln(out, "ok")
	}
}

func (tr *transcript) argument(c *store.Command, name, value string) bool {
	number, _ := strconv.ParseInt(value, 10, 64)
	at := tr.start.Add(time.Duration(number) * time.Second).UnixNano()
	truth := value == "true"
	switch name {
	case "value":
		c.Val = value
	case "dir":
		c.Dir = true
	case "recursive":
		c.Recursive = true
	case "prevValue":
		c.PrevValue = value
	case "prevIndex":
		c.PrevIndex = uint64(number)
	case "prevExist":
		c.PrevExist = &truth
	case "refresh":
		c.Refresh = &truth
	case "ttl":
		c.Expiration = at
	case "expiration":
		c.Expiration = number
	case "at":
		c.Time = at
	default:
		c.Path = name
		return strings.HasPrefix(name, "/")
	}
	return true
}

func (tr *transcript) event(e *eventhistory.Event) string {
	text := e.Action + " " + tr.node(&e.Node)
	if e.PrevNode != nil {
		text += " was " + tr.node(e.PrevNode)
	}
	if e.Refresh {
		text += " (refresh)"
	}
	return text
}

func (tr *transcript) node(n *eventhistory.Node) string {
	text := n.Key
	if n.Dir {
		text += " dir"
	}
	if n.Value != nil {
		text += fmt.Sprintf(" %q", *n.Value)
	}
	text += tr.due(n.Expiration)
	if n.TTL != 0 {
		text += fmt.Sprintf(" ttl=%d", n.TTL)
	}
	return text + fmt.Sprintf(" [%d %d]", n.CreatedIndex, n.ModifiedIndex)
}

func (tr *transcript) due(expiration int64) string {
	if expiration == 0 {
		return ""
	}
	return " due=" + time.Unix(0, expiration).Sub(tr.start).String()
}

func (tr *transcript) tree(out *strings.Builder, n *store.Node, path string) {
	for c := range n.Children() {
		path := path + "/" + c.Name()
		kind := fmt.Sprintf("%q", c.Value())
		if c.Dir() {
			kind = "dir"
		}
		fmt.Fprintf(out, "%s %s%s [%d %d]\n", path, kind, tr.due(c.Expiration()), c.Created(), c.Modified())
		tr.tree(out, c, path)
	}
}
