package page

import (
	"fmt"
	"maps"
	"strings"

	"pando/test/bench/record"
)

// bound is what a figure is held to; one of its fields is set, or none: then it is not.
type bound struct {
	less      float64 // so many times less than etcd 3.4, in the same round
	most      float64
	aboveDisk float64 // so much more than a bare fdatasync, in the same round
}

// requirement is one row of the first table.
type requirement struct {
	what        string
	measure     string
	value       string
	show        unit
	floor, goal bound
}

// requirements are what Pando is built for. Where a measure goes through numbers of keys, the largest counts.
var requirements = []requirement{
	{"GET, 64 connections: CPU per request", "get", "cpu-us", microseconds, bound{less: 1.5}, bound{less: 3}},
	{"quorum GET, 64 connections: CPU per request", "qget", "cpu-us", microseconds, bound{less: 3}, bound{less: 5}},
	{"PUT of 100 B, 64 connections: CPU per request", "put", "cpu-us", microseconds, bound{less: 2}, bound{less: 3}},
	{"PUT, one client: p50", "put-one", "p50-us", microseconds, bound{less: 1.2}, bound{aboveDisk: 80}},
	{"three nodes, PUT to the leader, 64 connections: CPU of all members", "three-put", "cpu-us", microseconds, bound{less: 1.5}, bound{less: 2.5}},
	{"three nodes, PUT, one client: p50", "three-put-one", "p50-us", microseconds, bound{less: 1.2}, bound{less: 2}},
	{"memory per key, {n} keys of 100 B under load", "keys", "key-bytes", byteSize, bound{most: 900}, bound{most: 400}},
	{"PUT while filling {n} keys: p99", "keys", "p99-us", microseconds, bound{most: 60_000}, bound{most: 15_000}},
	{"longest write while the whole tree of {n} keys is read", "keys", "beside-reader-max-us", microseconds, bound{most: 100_000}, bound{most: 10_000}},
	{"restart with {n} keys, per key", "keys", "restart-key-us", microseconds, bound{most: 3}, bound{most: 1}},
	{"memory per waiting watcher, {n} on one key", "watch-memory", "watcher-bytes", byteSize, bound{most: 14_000}, bound{most: 5_000}},
	{"one write to {n} watchers of a key: last one answered", "watch-write", "last-us", microseconds, bound{less: 1.5}, bound{less: 3}},
	{"GET of one key among {n}: CPU against one among {few}", "keys", "one-key-get-ratio", times, bound{most: 1.3}, bound{}},
	{"PUT of one key among {n}: CPU against one among {few}", "keys", "one-key-put-ratio", times, bound{most: 1.3}, bound{}},
	{"GETs all over {n} keys: CPU against all over {few}", "keys", "all-keys-get-ratio", times, bound{most: 1.3}, bound{}},
	{"PUTs all over {n} keys: CPU against all over {few}", "keys", "all-keys-put-ratio", times, bound{most: 1.3}, bound{}},
	{"GET with {n} watchers on other keys: CPU against none", "crowd", "crowd-get-ratio", times, bound{most: 1.3}, bound{}},
	{"PUT with {n} watchers on other keys: CPU against none", "crowd", "crowd-put-ratio", times, bound{most: 1.3}, bound{}},
	{"three nodes, idle: CPU per node", "idle", "cpu-percent", percent, bound{most: 0.5}, bound{most: 0.2}},
}

// Requirements is the table of what has to hold.
func (v *view) Requirements() string {
	t := newTable(append(append([]string{""}, v.subjects...), "etcd 3.4 : Pando", "floor", "goal", "reached")...)
	for _, q := range requirements {
		f := v.figure(q.measure, q.value)
		row := []string{v.numbers(q.what, q.measure)}
		for _, s := range v.subjects {
			row = append(row, q.show.spread(v.Spread(s, f)))
		}
		ratio := v.ratio(f)
		if strings.HasSuffix(q.value, "-ratio") {
			ratio = "" // it is one itself
		}
		row = append(row, ratio, q.text(q.floor), q.text(q.goal), v.reached(q, f))
		t.add(row...)
	}
	return t.String()
}

// numbers puts in the largest ({n}) and the least ({few}) number that a measure went through.
func (v *view) numbers(text, measure string) string {
	ats := v.Ats(measure)
	if len(ats) == 0 {
		return strings.NewReplacer("{n}", "many", "{few}", "few").Replace(text)
	}
	n, few := number.short(float64(ats[len(ats)-1])), number.short(float64(ats[0]))
	return strings.NewReplacer("{n}", n, "{few}", few).Replace(text)
}

// text is how a bound stands in the table.
func (q requirement) text(b bound) string {
	switch {
	case b.less > 0:
		return fmt.Sprintf("%vx less", b.less)
	case b.most > 0:
		return q.show.short(b.most)
	case b.aboveDisk > 0:
		return "fdatasync + " + q.show.short(b.aboveDisk)
	}
	return ""
}

// reached is which of the bounds Pando's median is within.
func (v *view) reached(q requirement, f record.Figure) string {
	floor, known := v.within(q.floor, f)
	goal, hasGoal := v.within(q.goal, f)
	switch {
	case !known:
		return "–"
	case hasGoal && goal:
		return "goal"
	case floor && q.goal == bound{}:
		return "yes"
	case floor:
		return "floor"
	}
	return "**no**"
}

// within reports whether Pando's median is within a bound; known is false if there is no bound or no figure.
func (v *view) within(b bound, f record.Figure) (is, known bool) {
	switch {
	case b.less > 0:
		r := v.Ratio(record.Etcd34, record.Pando, f)
		return r.Median >= b.less, r.Rounds > 0
	case b.most > 0:
		s := v.Spread(record.Pando, f)
		return s.Median <= b.most, s.Rounds > 0
	case b.aboveDisk > 0:
		above := v.aboveDisk(f)
		return above.Median <= b.aboveDisk, above.Rounds > 0
	}
	return false, false
}

// aboveDisk is how much more than a bare fdatasync Pando takes, round by round.
func (v *view) aboveDisk(f record.Figure) record.Spread {
	disk := v.Rounds(record.Disk, f)
	above := v.Rounds(record.Pando, f)
	for round := range maps.Clone(above) {
		bare, ok := disk[round]
		if !ok {
			delete(above, round)
			continue
		}
		above[round] -= bare
	}
	return record.SpreadOf(values(above))
}

// ratio is how many times more etcd 3.4 needs.
func (v *view) ratio(f record.Figure) string {
	return times.spread(v.Ratio(record.Etcd34, record.Pando, f))
}

// figure is at the largest number that a measure went through.
func (v *view) figure(measure, value string) record.Figure {
	f := record.Figure{Measure: measure, Value: value}
	if ats := v.Ats(measure); len(ats) > 0 {
		f.At = ats[len(ats)-1]
	}
	return f
}
