// Command compare measures Pando beside etcd 3.4 and further binaries, and writes docs/benchmarks.md.
//
//	make bench                                      # everything: more than half an hour on a quiet machine
//	make bench BINARIES=/opt/etcd-2.3.8/etcd
//	make bench ONLY=get,put                         # these measures; the page keeps the others as they were
//	make bench-page                                 # the page again from what was measured
//	go run ./test/bench/compare --quick --out /tmp/page --pando bin/pando
//
// A quick run shows that everything works; its figures mean little.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"pando/test/bench/bare"
	"pando/test/bench/measure"
	"pando/test/bench/page"
	"pando/test/bench/record"
)

type options struct {
	pando, etcd, out, dir, only string
	form                        measure.Form
	quick, render               bool
	binaries                    []string
}

func main() {
	if len(os.Args) == 3 && os.Args[1] == measure.Bare {
		if err := bare.Serve(os.Args[2], os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	var o options
	flag.StringVar(&o.pando, "pando", "bin/pando", "the `binary` of this checkout")
	flag.StringVar(&o.etcd, "etcd", "etcd", "the etcd to compare with; empty for none")
	flag.StringVar(&o.out, "out", "docs", "the `directory` of benchmarks.md, whose plots and figures are in benchmarks/ below it")
	flag.StringVar(&o.dir, "dir", os.TempDir(), "the `directory` for the servers' data; not in memory")
	flag.StringVar(&o.only, "only", "", "the `measures` to take, separated by commas: "+strings.Join(measure.Names(), ", "))
	flag.BoolVar(&o.quick, "quick", false, "little of everything")
	rounds := flag.Int("rounds", 0, "the `turns` of each program in a measure; 0 for what is usual")
	flag.BoolVar(&o.render, "render", false, "measure nothing, write the page again")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "Usage: compare [flags] [further binaries]")
		flag.PrintDefaults()
	}
	flag.Parse()
	o.binaries, o.form = flag.Args(), measure.Full
	if o.quick {
		o.form = measure.Quick
	}
	if *rounds > 0 {
		o.form.Rounds, o.form.Fills = *rounds, min(*rounds, o.form.Fills)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends it at once
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run measures what is asked for and writes the page after each measure, so that what is interrupted leaves what was taken.
func run(ctx context.Context, o options) error {
	figures := filepath.Join(o.out, "benchmarks")
	if err := os.MkdirAll(figures, 0o755); err != nil {
		return err
	}
	file := filepath.Join(figures, "results.json")
	kept, err := record.Load(file)
	if err != nil {
		return err
	}
	if o.render {
		return page.Write(kept, o.out, measure.Names())
	}
	names, err := chosen(o.only)
	if err != nil {
		return err
	}
	subjects, err := subjects(o)
	if err != nil {
		return err
	}
	machine, err := record.ThisMachine(o.dir)
	if err != nil {
		return err
	}
	bench := measure.Bench{Subjects: subjects, Generator: o.pando, Dir: o.dir, Form: o.form}
	now := record.Run{Date: time.Now().UTC().Truncate(time.Second), Quick: o.quick, Machine: machine}
	for _, s := range subjects {
		now.Subjects = append(now.Subjects, s.Subject)
	}
	var fresh []record.Sample // of the measure under way
	began := time.Now()
	bench.Take = func(s record.Sample) {
		fresh = append(fresh, s)
		fmt.Printf("%8v  %s %s of %s, round %d\n", time.Since(began).Round(time.Second), s.Measure, at(s.At), s.Subject, s.Round+1)
	}
	return bench.Run(ctx, names, func(name string) error {
		now.Measures, now.Seconds = append(now.Measures, name), time.Since(began).Seconds()
		kept.Add(now, fresh)
		fresh = nil
		if err := kept.Save(file); err != nil {
			return err
		}
		return page.Write(kept, o.out, measure.Names())
	})
}

// at is a number that a measure goes through; nothing if it goes through none.
func at(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("with %d", n)
}

// chosen are the measures that a list names; all, if it is empty.
func chosen(list string) ([]string, error) {
	all := measure.Names()
	if list == "" {
		return all, nil
	}
	names := strings.Split(list, ",")
	for _, n := range names {
		if !slices.Contains(all, n) {
			return nil, fmt.Errorf("%q is no measure; there are %s", n, strings.Join(all, ", "))
		}
	}
	return names, nil
}

// subjects are Pando, the etcd to compare with, and the further binaries.
func subjects(o options) ([]measure.Subject, error) {
	pando, err := measure.NewSubject(o.pando, true)
	if err != nil {
		return nil, err
	}
	all := []measure.Subject{pando}
	paths := o.binaries
	if o.etcd != "" {
		path, err := exec.LookPath(o.etcd)
		if err != nil {
			return nil, errors.Join(err, errors.New("test/install/install.sh installs etcd 3.4; --etcd= goes without"))
		}
		paths = append([]string{path}, paths...)
	}
	for _, path := range paths {
		s, err := measure.NewSubject(path, false)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(all, func(o measure.Subject) bool { return o.Name == s.Name }) {
			return nil, fmt.Errorf("%s is one more %s", path, s.Name)
		}
		all = append(all, s)
	}
	return all, nil
}
