package content

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pando/test/server"
)

func TestSame(t *testing.T) {
	state := func(index, oldest uint64) State {
		s := State{Index: index, Oldest: oldest, Last: index, Nodes: []string{"a", "b"}}
		for i := oldest; i <= index; i++ {
			s.Events = append(s.Events, Event{i, fmt.Sprint(i)})
		}
		return s
	}
	from := state(1200, 201)
	started := state(1200, 202)
	started.Index = 1201
	if d := from.Same(from, 0); d != "" {
		t.Error(d)
	}
	if d := from.Same(started, 1); d != "" {
		t.Error(d)
	}
	for want, change := range map[string]func(*State){
		"index 1202":     func(s *State) { s.Index++ },
		"oldest event 2": func(s *State) { s.Oldest = 2 },
		"node 1 of 1":    func(s *State) { s.Nodes = s.Nodes[:1] },
		"node 0":         func(s *State) { s.Nodes[0] = "x" },
		"event 0":        func(s *State) { s.Events = s.Events[1:] },
		"event 998":      func(s *State) { s.Events[998].Text = "x" },
	} {
		s := started
		s.Nodes, s.Events = slices.Clone(s.Nodes), slices.Clone(s.Events)
		change(&s)
		if d := from.Same(s, 1); !strings.Contains(d, want) {
			t.Errorf("want %s, got %q", want, d)
		}
	}
}

// A real etcd keeps all of it over a restart, and loses its likeness by one more write.
func TestFillAndRead(t *testing.T) {
	o := server.Options{Binary: "/usr/bin/etcd", Args: []string{"--enable-v2"}}
	s := server.Start(t, o)
	r := rand.New(rand.NewPCG(1, 2))
	Expire(t, s.Endpoint, r, false)
	last := Fill(t, s.Endpoint, r, 200)
	before := Read(t, s.Endpoint, last)
	if len(before.Nodes) < 20 || len(before.Events) < 50 {
		t.Errorf("only %d nodes and %d events", len(before.Nodes), len(before.Events))
	}
	Settle(t, s.Endpoint)
	s.Kill()
	o.Dir = s.Dir
	s = server.Start(t, o)
	WaitFor(t, s.Endpoint, before.Index+1)
	if d := before.Same(Read(t, s.Endpoint, last), 1); d != "" {
		t.Error(d)
	}
	do(t, "PUT", s.Endpoint, "/more", form("value", ""))
	if d := before.Same(Read(t, s.Endpoint, last), 1); !strings.Contains(d, "index") || !strings.Contains(d, "node") {
		t.Errorf("after one more write: %q", d)
	}
}
