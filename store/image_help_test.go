package store

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// imageClock is what random commands count their TTLs from.
var imageClock = time.Date(2026, 11, 24, 12, 0, 0, 123456789, time.UTC)

func imageStore(history int) *Store {
	return New(Options{HistorySize: history, Now: func() time.Time { return imageClock }})
}

// imageNames are names that JSON makes trouble with, and a few plain ones so that commands meet.
var imageNames = []string{"a", "b", "c", "_h", "ключ", "a b", "<b>&", "q\"\\", "\u2028", "\x01\t\n", "\U0001F600", "\x7f"}

// brokenNames are not UTF-8. The first three look the same in JSON.
var brokenNames = []string{"\xff", "\xfe", "\ufffd", "a\xc3", "\xe2\x80", "\xed\xa0\x80"}

// randomCommands makes n commands; most of them do something.
func randomCommands(rng *rand.Rand, n int, names []string) []Command {
	var cs []Command
	for range n {
		c := Command{Method: MethodPut, Path: keysPrefix}
		for range 1 + rng.IntN(3) {
			c.Path += "/" + names[rng.IntN(len(names))]
		}
		switch rng.IntN(20) {
		case 0, 1:
			c.Method, c.Recursive, c.Dir = MethodDelete, true, true
		case 2:
			c.Method = MethodPost
		case 3:
			c.Dir = true
		case 4:
			c.PrevExist = boolean(rng.IntN(2) == 0)
		case 5:
			c.PrevIndex = uint64(rng.IntN(200))
		case 6:
			c.PrevExist, c.Refresh = boolean(true), boolean(true)
		case 7:
			c = Command{Method: MethodSync, Time: imageClock.Add(time.Duration(rng.IntN(40)) * time.Second).UnixNano()}
		}
		if c.Method != MethodDelete {
			c.Val = names[rng.IntN(len(names))]
		}
		if rng.IntN(4) == 0 {
			c.Expiration = imageClock.Add(time.Duration(rng.Int64N(100e9))).UnixNano()
		}
		cs = append(cs, c)
	}
	return cs
}

// applyAll carries out commands in batches and publishes them.
func applyAll(s *Store, cs ...Command) {
	for i, c := range cs {
		s.Apply(uint64(i), 1, c)
		if i%7 == 6 {
			s.Publish(uint64(i), 1)
			s.Notify()
		}
	}
	s.Publish(uint64(len(cs)), 1)
	s.Notify()
}

func putKey(path, value string) Command {
	return Command{Method: MethodPut, Path: keysPrefix + path, Val: value}
}

func imageOf(t testing.TB, i *Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if n, err := i.WriteTo(&b); err != nil || n != int64(b.Len()) {
		t.Fatalf("WriteTo: %d of %d bytes, %v", n, b.Len(), err)
	}
	return b.Bytes()
}

func mustRestore(t testing.TB, s *Store, image []byte) {
	t.Helper()
	if err := s.Restore(bytes.NewReader(image)); err != nil {
		t.Fatal(err)
	}
	s.Publish(1, 1)
	s.Notify()
}

// visibleState writes out everything about a store that somebody can see.
func visibleState(s *Store) string {
	var b bytes.Buffer
	v := s.View()
	due, ok := s.NextExpiration()
	fmt.Fprintln(&b, v.Index, due, ok, v.AuthEnabled(), v.ClusterVersion(), v.Members(), s.Stats(), s.Hub().Capacity())
	dumpNode(&b, v.Root(), "")
	for _, e := range s.Hub().Events() {
		fmt.Fprintf(&b, "%s %t", e.Action, e.Refresh)
		for n := &e.Node; n != nil; n = e.PrevNode {
			fmt.Fprintf(&b, " %q %t %d %d %d %d", n.Key, n.Dir, n.Expiration, n.TTL, n.ModifiedIndex, n.CreatedIndex)
			if n.Value != nil {
				fmt.Fprintf(&b, " = %q", *n.Value)
			}
			if n == e.PrevNode {
				break
			}
		}
		fmt.Fprintln(&b)
	}
	return b.String()
}

func dumpNode(b *bytes.Buffer, n *Node, path string) {
	fmt.Fprintf(b, "%q %t %q %v\n", path, n.Dir(), n.Value(), n.Attr())
	for child := range n.Children() {
		dumpNode(b, child, path+"/"+child.Name())
	}
}
