package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pando/test/asked"
	"pando/test/bench/measure"
	"pando/test/bench/record"
	"pando/test/server"
)

// TestMain is the program itself when a measure calls it for a bare server.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == measure.Bare {
		main()
		return
	}
	if asked.For("PANDO_TEST_COMPARE", "the tests of the comparison") {
		os.Exit(m.Run())
	}
}

// tiny is as little as there can be of everything.
var tiny = measure.Form{
	Rounds: 1, Duration: 100 * time.Millisecond, Turns: 1, Quiet: 200 * time.Millisecond, Idle: 100 * time.Millisecond,
	Clients: []int{1, 8}, Keys: []int{1000, 2000}, Fills: 1, Watchers: 50, FanOut: 50,
}

// TestCompare takes every measure of Pando, and of the etcd that is installed if one is, and looks whether all of it is on the page.
func TestCompare(t *testing.T) {
	o := options{pando: server.Build(t), out: t.TempDir(), dir: t.TempDir(), form: tiny, quick: true}
	names := []string{record.Pando}
	if path, err := exec.LookPath("etcd"); err == nil {
		o.etcd = path
		names = append(names, record.Etcd34)
	}
	if err := run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	kept, err := record.Load(filepath.Join(o.out, "benchmarks", "results.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range kept.Failures() {
		t.Errorf("%s of %s: %s", s.Measure, s.Subject, s.Failed)
	}
	for _, m := range measure.Names() {
		for _, name := range names {
			if m == "limits" && name != record.Pando {
				continue // others are not beside them
			}
			if !slices.ContainsFunc(kept.Samples, func(s record.Sample) bool { return s.Measure == m && s.Subject == name }) {
				t.Errorf("no %s of %s", m, name)
			}
		}
	}
	page := read(t, filepath.Join(o.out, "benchmarks.md"))
	_, table, _ := strings.Cut(page, "## What has to hold")
	table, _, _ = strings.Cut(table, "## Requests")
	rows := 0
	for line := range strings.Lines(table) {
		if strings.HasPrefix(line, "| ") {
			rows++
			// So short a load may use less CPU than the kernel counts.
			if o.etcd != "" && !strings.Contains(line, "CPU") && strings.HasSuffix(line, " – |\n") {
				t.Errorf("not measured: %s", line)
			}
		}
	}
	if rows < 15 {
		t.Errorf("%d rows in\n%s", rows, table)
	}
	checkPlots(t, o.out, page)
	checkPortions(t, o, page)
}

// checkPlots: what the page shows is there, and is XML.
func checkPlots(t *testing.T, out, page string) {
	t.Helper()
	links := strings.Split(page, "](benchmarks/")[1:]
	if len(links) < 12 {
		t.Errorf("%d links", len(links))
	}
	for _, link := range links {
		name, _, _ := strings.Cut(link, ")")
		text := read(t, filepath.Join(out, "benchmarks", name))
		if filepath.Ext(name) != ".svg" {
			continue
		}
		for d := xml.NewDecoder(strings.NewReader(text)); ; {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Errorf("%s: %v", name, err)
				break
			}
		}
	}
}

// checkPortions: the page can be written again from what was kept, and a part of it be measured again.
func checkPortions(t *testing.T, o options, page string) {
	t.Helper()
	again := o
	again.render = true
	if err := run(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	if got := read(t, filepath.Join(o.out, "benchmarks.md")); got != page {
		t.Errorf("written again it is\n%s\nand was\n%s", got, page)
	}
	again.render, again.only, again.form.Rounds = false, "get", 2
	if err := run(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	kept, err := record.Load(filepath.Join(o.out, "benchmarks", "results.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(kept.Runs) != 2 || slices.Contains(kept.Runs[0].Measures, "get") || !slices.Equal(kept.Runs[1].Measures, []string{"get"}) {
		t.Errorf("%+v", kept.Runs)
	}
}

// TestPage: docs/benchmarks.md and its plots are what the command makes of docs/benchmarks/results.json.
func TestPage(t *testing.T) {
	const docs = "../../../docs"
	o := options{out: t.TempDir(), render: true}
	figures := filepath.Join(o.out, "benchmarks")
	if err := os.Mkdir(figures, 0o755); err != nil {
		t.Fatal(err)
	}
	results := read(t, filepath.Join(docs, "benchmarks", "results.json"))
	if err := os.WriteFile(filepath.Join(figures, "results.json"), []byte(results), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	made, err := filepath.Glob(filepath.Join(figures, "*"))
	if err != nil {
		t.Fatal(err)
	}
	there, err := filepath.Glob(filepath.Join(docs, "benchmarks", "*"))
	if err != nil || len(there) != len(made) {
		t.Errorf("%d files instead of %d: %v", len(there), len(made), err)
	}
	for _, file := range append(made, filepath.Join(o.out, "benchmarks.md")) {
		name, err := filepath.Rel(o.out, file)
		if err != nil {
			t.Fatal(err)
		}
		if read(t, file) != read(t, filepath.Join(docs, name)) {
			t.Errorf("docs/%s is not what `make bench-page` writes", name)
		}
	}
}

func TestRefused(t *testing.T) {
	good := options{pando: server.Build(t), out: t.TempDir(), dir: t.TempDir(), form: tiny}
	for name, change := range map[string]func(*options){
		"no measure":          func(o *options) { o.only = "get,no-such-measure" },
		"no etcd":             func(o *options) { o.etcd = "no-such-etcd" },
		"no server":           func(o *options) { o.binaries = []string{"/bin/true"} },
		"memory":              func(o *options) { o.dir = "/dev/shm" },
		"nothing to write of": func(o *options) { o.render = true },
	} {
		o := good
		change(&o)
		if err := run(t.Context(), o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := os.Stat(filepath.Join(good.out, "benchmarks.md")); err == nil {
		t.Error("there is a page")
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
