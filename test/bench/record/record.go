// Package record keeps what test/bench/compare has measured: as samples in memory, and in a file of JSON from which the page can
// be written again, and to which a later run adds.
package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"
)

// The subjects that pages name. Every other one is called by its version.
const (
	Pando  = "Pando"
	Etcd34 = "etcd 3.4"
	Disk   = "disk" // no server, but the bare loop of pwrite and fdatasync beside them
)

// Sample is what one turn of one subject has shown.
type Sample struct {
	Measure string `json:"measure"`
	Subject string `json:"subject"`
	Round   int    `json:"round"`
	At      int    `json:"at,omitempty"` // what the measure goes through: keys or clients; 0 where it goes through nothing

	// Values are single figures by name. The name says the unit: us (microseconds), s, bytes, percent; ratios and rates have none.
	Values map[string]float64 `json:"values,omitempty"`
	// Curves are points (x, y) in the order of x.
	Curves map[string][][2]float64 `json:"curves,omitempty"`
	// Failed is why there is nothing else, or not all; or "".
	Failed string `json:"failed,omitempty"`
}

// Run is one start of the command.
type Run struct {
	Date     time.Time `json:"date"`
	Seconds  float64   `json:"seconds"`
	Measures []string  `json:"measures"`
	Quick    bool      `json:"quick,omitempty"`
	Machine  Machine   `json:"machine"`
	Subjects []Subject `json:"subjects"`
}

// Subject is a program that was measured, by its own words.
type Subject struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Record is all that one page shows. A measure that was taken twice is there once: as it was taken last.
type Record struct {
	Runs    []Run    `json:"runs"`
	Samples []Sample `json:"samples"`
}

// Load reads a record; a file that does not exist is an empty one.
func Load(file string) (*Record, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return &Record{}, nil
	}
	if err != nil {
		return nil, err
	}
	var r Record
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return &r, nil
}

// Save writes the record with a sample in each line, so that versions of it can be compared.
func (r *Record) Save(file string) error {
	var b bytes.Buffer
	b.WriteString("{\"runs\": [")
	if err := lines(&b, r.Runs); err != nil {
		return err
	}
	b.WriteString("],\n\"samples\": [")
	if err := lines(&b, r.Samples); err != nil {
		return err
	}
	b.WriteString("]}\n")
	fresh := file + ".new"
	if err := os.WriteFile(fresh, b.Bytes(), 0o644); err != nil {
		return err
	}
	return os.Rename(fresh, file)
}

func lines[T any](b *bytes.Buffer, all []T) error {
	for i, one := range all {
		if i > 0 {
			b.WriteByte(',')
		}
		line, err := json.Marshal(one)
		if err != nil {
			return err
		}
		b.WriteByte('\n')
		b.Write(line)
	}
	return nil
}

// Add adds the samples of a run's latest measure. Earlier samples of that measure are forgotten, and so are runs that nothing is
// left of, and everything that cannot stand beside the run: what was taken on another machine, or quick beside full.
func (r *Record) Add(run Run, samples []Sample) {
	measure := run.Measures[len(run.Measures)-1]
	if slices.ContainsFunc(r.Runs, func(o Run) bool { return o.Quick != run.Quick || !o.Machine.Same(run.Machine) }) {
		*r = Record{}
	}
	r.Runs = slices.DeleteFunc(r.Runs, func(o Run) bool { return o.Date.Equal(run.Date) })
	for i := range r.Runs {
		r.Runs[i].Measures = slices.DeleteFunc(r.Runs[i].Measures, func(m string) bool { return m == measure })
	}
	r.Runs = slices.DeleteFunc(r.Runs, func(o Run) bool { return len(o.Measures) == 0 })
	run.Measures = slices.Clone(run.Measures)
	r.Runs = append(r.Runs, run)
	r.Samples = slices.DeleteFunc(r.Samples, func(s Sample) bool { return s.Measure == measure })
	r.Samples = append(r.Samples, samples...)
}

// Latest is the run that was begun last; nil before the first.
func (r *Record) Latest() *Run {
	if len(r.Runs) == 0 {
		return nil
	}
	return &r.Runs[len(r.Runs)-1]
}

// Subjects are those of all runs, each once.
func (r *Record) Subjects() []Subject {
	var all []Subject
	for _, run := range r.Runs {
		for _, s := range run.Subjects {
			if !slices.Contains(all, s) {
				all = append(all, s)
			}
		}
	}
	return all
}
