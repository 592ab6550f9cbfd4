package page

import (
	"maps"
	"slices"

	"pando/test/bench/record"
)

func values(m map[int]float64) []float64 { return slices.Collect(maps.Values(m)) }

// loads are the measures of requests, with their names for readers.
var loads = []struct{ measure, name string }{
	{"get", "GET, 64 connections"},
	{"qget", "quorum GET, 64 connections"},
	{"put", "PUT, 64 connections"},
	{"mixed", "9 GETs to 1 PUT, 64 connections"},
	{"put-one", "PUT, one client"},
	{"three-put", "three nodes, PUT, 64 connections"},
	{"three-put-one", "three nodes, PUT, one client"},
}

// column is a figure in a table, with its heading.
type column struct {
	head, value string
	show        unit
}

var loadColumns = []column{
	{"requests/s", "rate", number}, {"CPU per request", "cpu-us", microseconds}, {"p50", "p50-us", microseconds},
	{"p99", "p99-us", microseconds}, {"p99.9", "p999-us", microseconds}, {"longest", "max-us", microseconds},
}

// Ratios is the table of what etcd 3.4 needs against Pando, load by load; of the rate, the other way round.
func (v *view) Ratios() string {
	t := newTable(append([]string{""}, heads(loadColumns[:5])...)...)
	for _, l := range loads {
		row := []string{l.name}
		for _, c := range loadColumns[:5] {
			f := record.Figure{Measure: l.measure, Value: c.value}
			if c.value == "rate" {
				row = append(row, times.spread(v.Ratio(record.Pando, record.Etcd34, f)))
				continue
			}
			row = append(row, v.ratio(f))
		}
		t.add(row...)
	}
	return t.String()
}

func heads(columns []column) []string {
	var all []string
	for _, c := range columns {
		all = append(all, c.head)
	}
	return all
}

// Loads is the table of what each subject showed under each load.
func (v *view) Loads() string {
	t := newTable(append([]string{"", ""}, heads(loadColumns)...)...)
	for _, l := range loads {
		v.addRows(t, l.name, record.Figure{Measure: l.measure}, loadColumns)
		if bare := v.Spread(record.Disk, record.Figure{Measure: l.measure, Value: "p50-us"}); bare.Rounds > 0 {
			p99 := v.Spread(record.Disk, record.Figure{Measure: l.measure, Value: "p99-us"})
			t.add("", "bare fdatasync", "", "", microseconds.spread(bare), microseconds.spread(p99), "", "")
		}
	}
	return t.String()
}

// addRows adds one row for each subject that has figures.
func (v *view) addRows(t *table, name string, f record.Figure, columns []column) {
	for _, s := range v.subjects {
		row, any := []string{name, s}, false
		for _, c := range columns {
			f.Value = c.value
			found := v.Spread(s, f)
			any = any || found.Rounds > 0
			row = append(row, c.show.spread(found))
		}
		if any {
			t.add(row...)
			name = ""
		}
	}
}

// Through is the table of a measure by the numbers that it went through.
func (v *view) Through(measure, what string) string {
	columns := []column{{"requests/s", "rate", number}, {"CPU per request", "cpu-us", microseconds}, {"p50", "p50-us", microseconds}, {"p99", "p99-us", microseconds}}
	if measure == "keys" {
		columns = []column{
			{"memory under load", "resident-bytes", byteSize}, {"per key", "key-bytes", byteSize}, {"memory after a restart", "restarted-bytes", byteSize},
			{"restart", "restart-us", microseconds}, {"PUT/s of the fill", "rate", number}, {"p99 of the fill", "p99-us", microseconds}, {"longest of the fill", "max-us", microseconds},
		}
	}
	t := newTable(append([]string{what, ""}, heads(columns)...)...)
	for _, at := range v.Ats(measure) {
		v.addRows(t, number.short(float64(at)), record.Figure{Measure: measure, At: at}, columns)
	}
	return t.String()
}

// Size is the table of what a request costs with many keys and with few.
func (v *view) Size() string {
	f, few := v.figure("keys", ""), v.numbers("with {few}", "keys")
	t := newTable("", "", "GET: CPU", few, "ratio", "PUT: CPU", few, "ratio")
	for _, requests := range []struct{ what, name string }{{"for one key", "one-key"}, {"all over the keys", "all-keys"}} {
		v.addRows(t, v.numbers("{n} keys, requests ", "keys")+requests.what, f, comparison(requests.name))
	}
	return t.String()
}

// Beside is the table of what a reader of the whole tree costs a writer.
func (v *view) Beside() string {
	t := newTable("", "", "longest write", "beside a reader of the whole tree", "times it was read")
	v.addRows(t, v.numbers("{n} keys", "keys"), v.figure("keys", ""),
		[]column{{"", "alone-max-us", microseconds}, {"", "beside-reader-max-us", microseconds}, {"", "whole-reads", number}})
	return t.String()
}

// Watchers is the table of the watchers' figures.
func (v *view) Watchers() string {
	t := newTable("", "", "memory per watcher")
	v.addRows(t, v.numbers("{n} on one key", "watch-memory"), v.figure("watch-memory", ""), []column{{"", "watcher-bytes", byteSize}})
	fan := newTable("", "", "first one answered", "the median", "last one answered")
	v.addRows(fan, v.numbers("one write to {n}", "watch-write"), v.figure("watch-write", ""),
		[]column{{"", "first-us", microseconds}, {"", "median-us", microseconds}, {"", "last-us", microseconds}})
	crowd := newTable("", "", "GET: CPU", "without them", "ratio", "PUT: CPU", "without them", "ratio")
	v.addRows(crowd, v.numbers("{n} on other keys", "crowd"), v.figure("crowd", ""), comparison("crowd"))
	return t.String() + "\n" + fan.String() + "\n" + crowd.String()
}

// comparison are the figures of two loads with and without something.
func comparison(what string) []column {
	var all []column
	for _, w := range []string{"get", "put"} {
		name := what + "-" + w
		all = append(all, column{"", name + "-cpu-us", microseconds}, column{"", name + "-base-cpu-us", microseconds}, column{"", name + "-ratio", times})
	}
	return all
}
