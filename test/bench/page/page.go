// Package page writes docs/benchmarks.md, docs/limits.md and their plots from a record, and from nothing else: the same record is the same page.
package page

import (
	"bytes"
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
	"time"

	"pando/test/bench/record"
)

//go:embed page.md.tmpl limits.md.tmpl
var templates embed.FS

// view is a record as the template sees it.
type view struct {
	*record.Record
	Measures string          // that there are to take
	subjects []string        // names, Pando first, then etcd 3.4
	drawn    map[string]bool // by the name of the plot
}

// Write writes benchmarks.md and limits.md in dir, and the plots in benchmarks/ below it, which has to be there. The page names the measures that
// there are to take.
func Write(r *record.Record, dir string, measures []string) error {
	if r.Latest() == nil {
		return fmt.Errorf("there is nothing to write a page of in %s", dir)
	}
	v := &view{Record: r, Measures: strings.Join(measures, ", ")}
	for _, name := range []string{record.Pando, record.Etcd34} {
		if slices.ContainsFunc(r.Subjects(), func(s record.Subject) bool { return s.Name == name }) {
			v.subjects = append(v.subjects, name)
		}
	}
	for _, s := range r.Subjects() {
		if !slices.Contains(v.subjects, s.Name) {
			v.subjects = append(v.subjects, s.Name)
		}
	}
	var err error
	if v.drawn, err = v.plots(filepath.Join(dir, "benchmarks")); err != nil {
		return err
	}
	for template, name := range map[string]string{"page.md.tmpl": "benchmarks.md", "limits.md.tmpl": "limits.md"} {
		if err := v.write(template, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

func (v *view) write(from, file string) error {
	t, err := template.ParseFS(templates, from)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, v); err != nil {
		return err
	}
	return os.WriteFile(file, b.Bytes(), 0o644)
}

// Has reports whether anything of a measure is there.
func (v *view) Has(measure string) bool { return len(v.Ats(measure)) > 0 }

// Plot is a plot's place in the page; nothing if it was not drawn.
func (v *view) Plot(name, alternative string) string {
	if !v.drawn[name] {
		return ""
	}
	return fmt.Sprintf("![%s](benchmarks/%s.svg)\n", alternative, name)
}

// Latencies are the plots of latency percentiles.
func (v *view) Latencies() string {
	var b strings.Builder
	for _, l := range loads {
		b.WriteString(v.Plot("latency-"+l.measure, "Latency percentiles: "+l.name))
	}
	return b.String()
}

// Machine is what the figures were taken on, in one line.
func (v *view) Machine() string {
	m := v.Latest().Machine
	return fmt.Sprintf("%d cores of %s, %s of memory, %s, data on %s", m.Cores, m.CPU, byteSize.text(float64(m.Memory)), m.Kernel, m.FileSystem)
}

// BareSync is the latency of the disk alone, over all rounds.
func (v *view) BareSync() string {
	f := record.Figure{Measure: "put-one", Value: "p50-us"}
	p50 := v.Spread(record.Disk, f)
	f.Value = "p99-us"
	return fmt.Sprintf("p50 %s, p99 %s", microseconds.spread(p50), microseconds.spread(v.Spread(record.Disk, f)))
}

// RunTable is the table of runs that the page is put together from.
func (v *view) RunTable() string {
	t := newTable("date (UTC)", "took", "runnable before it", "measures", "programs")
	for _, r := range v.Runs {
		var programs []string
		for _, s := range r.Subjects {
			programs = append(programs, s.Name+": "+s.Version)
		}
		t.add(r.Date.Format("2006-01-02 15:04"), (time.Duration(r.Seconds) * time.Second).String(), digits(r.Machine.Load),
			strings.Join(r.Measures, ", "), strings.Join(programs, "<br>"))
	}
	return t.String()
}

// Quick reports whether the figures are those of a quick run.
func (v *view) Quick() bool { return v.Latest().Quick }

// Idle is the table of clusters that do nothing.
func (v *view) Idle() string {
	t := newTable("", "", "CPU per node")
	v.addRows(t, "three nodes, idle", record.Figure{Measure: "idle"}, []column{{"", "cpu-percent", percent}})
	return t.String()
}
