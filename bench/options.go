package bench

import (
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const usage = `Usage: pando bench WORKLOAD [flags]

Puts load on any server of etcd's v2 API and measures latency, throughput and, of
a server on this machine, CPU per request and memory. Ctrl-C ends a run early.

Workloads:
%s
Flags:
`

// Options say what load to make. Parse fills them in; Run trusts them.
type Options struct {
	Workload    string
	Endpoints   []string       // URLs, http[s]://host[:port] each
	Authorities *x509.CertPool // who may have signed the certificates of https endpoints; nil is the system's
	Username    string         // name:password, or "" for none
	Clients     int            // requests in flight at once
	Connections int            // TCP connections the clients share
	Rate        float64        // requests per second in all; 0 is as fast as it goes
	Duration    time.Duration  // no request starts later; 0 is no limit
	Count       int64          // requests in all; 0 is no limit
	Keys        int            // size of the key space
	Prefix      string         // directory of all keys, with a leading slash and no trailing one
	Prepared    bool           // the keys are there already
	ValueSize   int            // bytes
	Watchers    int
	Reads       int    // percent of the mixed workload
	Seed        uint64 // of the choice of keys
	PIDs        []int  // the servers' processes; empty: those that listen on the endpoints
	JSON        bool   // print the Result as JSON
}

// Parse reads the arguments behind `pando bench`. The error is flag.ErrHelp if help was
// asked for, which is then on out; any other says in one line what is wrong.
func Parse(args []string, out io.Writer) (*Options, error) {
	o := &Options{}
	f := flag.NewFlagSet("pando bench", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	endpoints := f.String("endpoints", "http://127.0.0.1:2379", "comma-separated `URLs` of servers, over which the connections are spread")
	f.IntVar(&o.Clients, "clients", 1, "requests in flight at once")
	f.IntVar(&o.Connections, "connections", 0, "TCP connections, shared by the clients (default as many as clients)")
	f.Float64Var(&o.Rate, "rate", 0, "`requests` per second in all, latency counts from when each was due (default as fast as it goes)")
	f.DurationVar(&o.Duration, "duration", 10*time.Second, "how long requests are started; fill and --count have no limit unless this flag is given")
	f.Int64Var(&o.Count, "count", 0, "`requests` in all, if that comes before --duration; writes for watch-one")
	f.IntVar(&o.Keys, "keys", 1000, "size of the key space")
	f.StringVar(&o.Prefix, "prefix", "/bench", "`directory` of all keys; what is in it is not deleted")
	f.BoolVar(&o.Prepared, "prepared", false, "the keys are there already, from an earlier run with the same --keys and --prefix")
	f.IntVar(&o.ValueSize, "value-size", 100, "`bytes` of each value")
	f.IntVar(&o.Watchers, "watchers", 100, "watchers of watch-one and watch-each, each with a connection of its own")
	f.IntVar(&o.Reads, "reads", 90, "`percent` of reads in mixed")
	f.Uint64Var(&o.Seed, "seed", 1, "of the random choice of keys")
	caFile := f.String("ca-file", "", "PEM `file` with the authorities of https endpoints (default the system's)")
	f.StringVar(&o.Username, "username", "", "`name:password` that each request carries")
	pids := f.String("pid", "", "comma-separated process `ids` of the servers (default those that listen on the endpoints, if on this machine)")
	f.BoolVar(&o.JSON, "json", false, "print one JSON object instead of text")
	help := len(args) == 0
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		o.Workload, args = args[0], args[1:]
	}
	err := f.Parse(args)
	if help || errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(out, usage, aboutWorkloads())
		f.SetOutput(out)
		f.PrintDefaults()
		return nil, flag.ErrHelp
	}
	if err != nil {
		return nil, err
	}
	if f.NArg() > 0 {
		return nil, fmt.Errorf("%q is neither a flag nor its value; the workload comes first", f.Arg(0))
	}
	given := map[string]bool{}
	f.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if !given["duration"] && (o.Count > 0 || o.Workload == "fill") {
		o.Duration = 0
	}
	if o.Connections == 0 && !given["connections"] {
		o.Connections = o.Clients
	}
	o.Endpoints = strings.Split(*endpoints, ",")
	if o.Authorities, err = authorities(*caFile); err != nil {
		return nil, err
	}
	if o.PIDs, err = numbers(*pids); err != nil {
		return nil, err
	}
	return o, o.check()
}

// check says which option makes no sense.
func (o *Options) check() error {
	for _, e := range o.Endpoints {
		if _, _, err := address(e); err != nil {
			return err
		}
	}
	w, known := workloads[o.Workload]
	switch {
	case o.Workload == "":
		return errors.New("which workload? See pando bench --help")
	case !known:
		return fmt.Errorf("%q is not a workload; see pando bench --help", o.Workload)
	case o.Username != "" && !strings.Contains(o.Username, ":"):
		return fmt.Errorf("--username %s: want name:password", o.Username)
	case !(o.Rate >= 0 && o.Rate <= 1e7): // nor not a number
		return fmt.Errorf("--rate %v: want 0 to 10000000", o.Rate)
	case o.Duration < 0:
		return fmt.Errorf("--duration %v: want a positive time, or 0 for no limit", o.Duration)
	case o.Count < 0:
		return fmt.Errorf("--count %d: want a positive number, or 0 for no limit", o.Count)
	case !strings.HasPrefix(o.Prefix, "/") || strings.HasSuffix(o.Prefix, "/") || url.PathEscape(o.Prefix) != strings.ReplaceAll(o.Prefix, "/", "%2F"):
		return fmt.Errorf("--prefix %q: want a directory like /bench", o.Prefix)
	case w.owned && o.Keys < o.Clients:
		return fmt.Errorf("--keys %d: %s wants at least as many as clients (%d), which have keys of their own", o.Keys, o.Workload, o.Clients)
	}
	for _, r := range []struct {
		flag            string
		is, least, most int
	}{
		{"clients", o.Clients, 1, 100_000},
		{"connections", o.Connections, 1, 100_000},
		{"keys", o.Keys, 1, 100_000_000},
		{"value-size", o.ValueSize, 0, 1 << 20},
		{"watchers", o.Watchers, 1, 1_000_000},
		{"reads", o.Reads, 0, 100},
	} {
		if r.is < r.least || r.is > r.most {
			return fmt.Errorf("--%s %d: want %d to %d", r.flag, r.is, r.least, r.most)
		}
	}
	return nil
}

// numbers are the process ids in a list; none in "".
func numbers(list string) ([]int, error) {
	var all []int
	for s := range strings.SplitSeq(list, ",") {
		if list == "" {
			break
		}
		n, err := strconv.Atoi(s)
		if err != nil || n <= 0 {
			return nil, fmt.Errorf("--pid %s: want the number of a process", s)
		}
		all = append(all, n)
	}
	return all, nil
}
