package raft

import (
	"context"
	"errors"
	"testing"
	"time"

	"pando/fsys"
)

// slow is a state machine whose next command takes until the test lets it go on.
type slow struct {
	list
	begun, goOn chan struct{}
}

func (s *slow) Apply(index, term uint64, data []byte) (uint64, any, error) {
	s.begun <- struct{}{}
	<-s.goOn
	return s.list.Apply(index, term, data)
}

// A read whose index is known but not applied yet is answered when the node
// stops, also if its caller would wait for ever.
func TestClosingAnswersReadsThatWaitForAnIndex(t *testing.T) {
	sm := &slow{begun: make(chan struct{}), goOn: make(chan struct{})}
	node, err := Start(testConfig(t, fsys.OS, t.TempDir()), sm)
	if err != nil {
		t.Fatal(err)
	}
	<-node.Ready()
	go func() { _, _ = node.Propose(context.Background(), 1, command(1, "a")) }()
	<-sm.begun // committed, and being applied
	read, closed := make(chan error, 1), make(chan error, 1)
	if err := node.reads.put(read); err != nil {
		t.Fatal(err)
	}
	node.nudge()
	for waits := true; waits; { // until the loop knows the index
		<-time.After(time.Millisecond)
		node.reads.mu.Lock()
		waits = len(node.reads.waiting)+len(node.reads.asked) > 0
		node.reads.mu.Unlock()
	}
	go func() { closed <- node.Close() }()
	<-node.stop
	close(sm.goOn)
	if err := <-closed; err != nil {
		t.Errorf("closing: %v", err)
	}
	select {
	case err := <-read:
		if err != nil && !errors.Is(err, ErrStopped) { // what it waits for may still be applied
			t.Errorf("the read got %v", err)
		}
	default:
		t.Error("the node has stopped and the read still waits")
	}
}
