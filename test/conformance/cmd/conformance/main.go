// Command conformance checks a running server against the cases for /v2/keys.
//
//	go run ./test/conformance/cmd/conformance -endpoint http://127.0.0.1:2379
//
// It ends with status 1 if a case fails, 2 if it could not run.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"pando/test/conformance"
)

// words is a flag that may be given several times.
type words []string

func (w *words) String() string     { return strings.Join(*w, " ") }
func (w *words) Set(s string) error { *w = append(*w, s); return nil }

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

func run() error {
	o := conformance.Options{}
	flag.StringVar(&o.Endpoint, "endpoint", "http://127.0.0.1:2379", "the server")
	flag.Var((*words)(&o.Filter), "filter", "only cases whose name contains this; may be repeated")
	flag.Var((*words)(&o.With), "with", "the special server that the endpoint is: cors-star, cors-list or no-quorum")
	flag.BoolVar(&o.Strict, "strict", false, "accept only what 2.3.8 answers")
	flag.IntVar(&o.Jobs, "jobs", conformance.Jobs, "how many cases at a time")
	except := flag.String("except", "", "a `file` of cases to leave out: a name and the reason on each line")
	verbose := flag.Bool("v", false, "name the cases that pass, too")
	flag.Parse()
	if flag.NArg() > 0 {
		return fmt.Errorf("%q is no flag", flag.Arg(0))
	}
	cases, err := conformance.Load()
	if err != nil {
		return err
	}
	if *except != "" {
		if o.Except, err = exceptions(*except, cases); err != nil {
			return err
		}
	}
	o.Done = func(r conformance.Result) {
		if !r.Passed() {
			fmt.Println("FAIL", r)
		} else if *verbose {
			fmt.Println("ok  ", r.Case.Name)
		}
	}
	began := time.Now()
	report, err := conformance.RunAll(cases, o)
	if err != nil {
		return err
	}
	fmt.Printf("matched 2.3.8: %d, 3.4: %d, 3.5: %d; skipped %d; %v\n", report.Matched[conformance.Etcd23],
		report.Matched[conformance.Etcd34], report.Matched[conformance.Etcd35], report.Skipped, time.Since(began).Round(time.Second))
	fmt.Printf("%d passed, %d failed\n", report.Passed(), report.Failed)
	if report.Failed > 0 {
		os.Exit(1)
	}
	return nil
}

func exceptions(file string, cases []*conformance.Case) ([]string, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return conformance.Exceptions(f, cases)
}
