package history

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// at makes an operation on key /k from its times in ms.
func at(call, ret int, o Op) *Op {
	o.Call, o.Return = time.Duration(call)*time.Millisecond, time.Duration(ret)*time.Millisecond
	if o.Key == "" {
		o.Key = "/k"
	}
	return &o
}

func read(call, ret int, value string) *Op {
	if value == "" {
		return at(call, ret, Op{Kind: Get, Outcome: Refused})
	}
	return at(call, ret, Op{Kind: Get, Had: true, Found: value})
}

func put(call, ret int, value, before string) *Op {
	return at(call, ret, Op{Kind: Put, Value: value, Had: before != "", Found: before})
}

func lost(call int, o Op) *Op {
	o.Outcome = Unknown
	return at(call, call+1, o)
}

func TestCheckLinear(t *testing.T) {
	for name, c := range map[string]struct {
		ops  []*Op
		want bool
	}{
		"one after the other":         {[]*Op{put(1, 2, "a", ""), read(3, 4, "a"), put(5, 6, "b", "a"), read(7, 8, "b")}, true},
		"at the same time":            {[]*Op{put(1, 9, "a", "b"), put(1, 9, "b", ""), read(2, 3, "b"), read(4, 5, "a")}, true},
		"a stale read":                {[]*Op{put(1, 2, "a", ""), put(3, 4, "b", "a"), read(5, 6, "a")}, false},
		"a lost write":                {[]*Op{put(1, 2, "a", ""), read(3, 4, "")}, false},
		"a wrong prevNode":            {[]*Op{put(1, 2, "a", ""), put(3, 4, "b", "c")}, false},
		"back and forth":              {[]*Op{put(1, 9, "a", ""), read(2, 3, "a"), read(4, 5, "")}, false},
		"unknown, and happened":       {[]*Op{put(1, 2, "a", ""), lost(3, Op{Kind: Put, Value: "b"}), read(50, 51, "b")}, true},
		"unknown, and happened late":  {[]*Op{put(1, 2, "a", ""), lost(3, Op{Kind: Put, Value: "b"}), read(50, 51, "a"), read(60, 61, "b")}, true},
		"unknown, and never":          {[]*Op{put(1, 2, "a", ""), lost(3, Op{Kind: Put, Value: "b"}), read(50, 51, "a")}, true},
		"unknown, happened twice":     {[]*Op{lost(3, Op{Kind: Put, Value: "b"}), read(5, 6, "b"), put(7, 8, "c", "b"), read(9, 10, "b")}, false},
		"unknown, before it was sent": {[]*Op{read(1, 2, "b"), lost(3, Op{Kind: Put, Value: "b"})}, false},
		"an unknown delete":           {[]*Op{put(1, 2, "a", ""), lost(3, Op{Kind: Delete}), read(5, 6, "a"), read(7, 8, "")}, true},
		"never sent": {[]*Op{at(1, 2, Op{Kind: Put, Value: "a", Outcome: Never}),
			read(3, 4, "a")}, false},
		"CAS": {[]*Op{put(1, 2, "a", ""), at(3, 4, Op{Kind: CAS, Prev: "a", Value: "b", Had: true, Found: "a"}),
			at(5, 6, Op{Kind: CAS, Prev: "a", Value: "c", Outcome: Refused, Had: true, Found: "b"}), read(7, 8, "b")}, true},
		"CAS twice from one value": {[]*Op{put(1, 2, "a", ""), at(3, 9, Op{Kind: CAS, Prev: "a", Value: "b", Had: true, Found: "a"}),
			at(3, 9, Op{Kind: CAS, Prev: "a", Value: "c", Had: true, Found: "a"})}, false},
		"CAS refused without reason": {[]*Op{put(1, 2, "a", ""),
			at(3, 4, Op{Kind: CAS, Prev: "a", Value: "b", Outcome: Refused, Had: true, Found: "a"})}, false},
		"an unknown CAS that could not": {[]*Op{put(1, 2, "a", ""), lost(3, Op{Kind: CAS, Prev: "x", Value: "b"}), read(5, 6, "b")}, false},
		"delete": {[]*Op{put(1, 2, "a", ""), at(3, 4, Op{Kind: Delete, Had: true, Found: "a"}), at(5, 6, Op{Kind: Delete, Outcome: Refused}),
			put(7, 8, "b", "")}, true},
	} {
		if err := CheckLinear(c.ops, time.Minute); (err == nil) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestCheckLinearEnds: many clients that do not know what became of their writes do not make the question undecidable.
func TestCheckLinearEnds(t *testing.T) {
	var ops []*Op
	before := ""
	for n := range 3000 {
		value := fmt.Sprint(n)
		ops = append(ops, put(10*n, 10*n+5, value, before), lost(10*n, Op{Kind: Put, Value: "u" + value}), lost(10*n, Op{Kind: CAS, Prev: value, Value: "c" + value}))
		before = value
		if n%10 == 0 { // one of the unknown happened
			ops = append(ops, read(10*n+6, 10*n+8, "u"+value))
			before = "u" + value
		}
	}
	if err := CheckLinear(ops, time.Minute); err != nil {
		t.Error(strings.SplitN(err.Error(), "\n", 2)[0])
	}
}

func TestCheckOrder(t *testing.T) {
	indexed := func(call, ret int, index uint64) *Op { return at(call, ret, Op{Kind: Put, Index: index}) }
	for name, c := range map[string]struct {
		ops  []*Op
		want bool
	}{
		"in order":       {[]*Op{indexed(1, 2, 5), indexed(3, 4, 6)}, true},
		"at once":        {[]*Op{indexed(1, 5, 6), indexed(2, 4, 5)}, true},
		"against it":     {[]*Op{indexed(1, 2, 6), indexed(3, 4, 5)}, false},
		"far against it": {[]*Op{indexed(1, 2, 6), indexed(0, 9, 4), indexed(3, 4, 5)}, false},
		"twice":          {[]*Op{indexed(1, 5, 6), indexed(1, 5, 6)}, false},
	} {
		if err := CheckOrder(c.ops); (err == nil) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCheckJobs(t *testing.T) {
	done := at(1, 2, Op{Kind: Post, Value: "a", Job: "/q/7"})
	unknown := lost(1, Op{Kind: Post, Value: "b"})
	for name, c := range map[string]struct {
		queue map[string]string
		want  bool
	}{
		"both":     {map[string]string{"/q/7": "a", "/q/9": "b"}, true},
		"the one":  {map[string]string{"/q/7": "a"}, true},
		"lost":     {map[string]string{"/q/9": "b"}, false},
		"moved":    {map[string]string{"/q/8": "a"}, false},
		"twice":    {map[string]string{"/q/7": "a", "/q/8": "b", "/q/9": "b"}, false},
		"invented": {map[string]string{"/q/7": "a", "/q/8": "c"}, false},
	} {
		if err := CheckJobs([]*Op{done, unknown}, c.queue); (err == nil) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCheckEvents(t *testing.T) {
	a, b := Event{Index: 3, Key: "/a", Value: "x"}, Event{Index: 5, Key: "/a", Value: "y", Prev: 3}
	gone, again := Event{Index: 6, Key: "/a", Prev: 5, Ended: true}, Event{Index: 8, Key: "/a", Value: "z"}
	for name, c := range map[string]struct {
		events []Event
		want   bool
	}{
		"all":            {[]Event{a, b, gone, again}, true},
		"one left out":   {[]Event{a, gone}, false},
		"first left out": {[]Event{b}, false},
		"twice":          {[]Event{a, a}, false},
		"end left out":   {[]Event{a, b, again}, false},
		"out of order":   {[]Event{b, a}, false},
	} {
		if err := CheckEvents(c.events); (err == nil) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if CheckSame([]Event{a, b}, []Event{a}) != nil || CheckSame([]Event{a, b}, []Event{a, gone}) == nil {
		t.Error("CheckSame")
	}
}

func TestCheckTold(t *testing.T) {
	done := at(1, 2, Op{Kind: Put, Value: "x", Index: 3})
	unknown := lost(3, Op{Kind: Put, Value: "y"})
	deleted := lost(4, Op{Kind: Delete})
	never := at(1, 2, Op{Kind: Put, Value: "n", Outcome: Never})
	x, y := Event{Index: 3, Key: "/k", Value: "x"}, Event{Index: 4, Key: "/k", Value: "y"}
	gone := Event{Index: 5, Key: "/k", Ended: true}
	for name, c := range map[string]struct {
		events []Event
		want   bool
	}{
		"what was acknowledged": {[]Event{x}, true},
		"and the unknown":       {[]Event{x, y, gone}, true},
		"lost":                  {[]Event{y}, false},
		"another index":         {[]Event{{Index: 4, Key: "/k", Value: "x"}}, false},
		"never sent":            {[]Event{x, {Index: 4, Key: "/k", Value: "n"}}, false},
		"deleted twice":         {[]Event{x, gone, {Index: 6, Key: "/k", Ended: true}}, false},
	} {
		if err := CheckTold([]*Op{done, unknown, deleted, never}, c.events); (err == nil) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}
