package config

import (
	"errors"
	"flag"
	"fmt"
	"io"

	"go.uber.org/zap/zapcore"
)

const (
	defaultName       = "default"
	defaultPeerURLs   = "http://localhost:2380,http://localhost:7001"
	defaultClientURLs = "http://localhost:2379,http://localhost:4001"

	// MinEventHistory is how many events the v2 API promises to keep, and the default.
	MinEventHistory = 1000
	maxEventHistory = 10_000_000 // the ring is allocated at once
)

// flags is the whole flag table of etcd 2.3.8 with 3.4's additions and ours, and where the values go that anybody reads.
// A flag whose value only matters as "set" or "not set" has no field; value and given tell.
type flags struct {
	all    *flag.FlagSet
	groups []group
	from   map[string]string // flag → the text that names where its value came from: "--name" or "ETCD_NAME"
	notes  []Note

	name, dataDir, walDir           string
	snapshotCount                   uint64
	maxSnapshots, maxWALs           uint
	eventHistory                    int
	ttlGrace                        uint // ms
	heartbeat, election             uint // ms
	slowRequest                     uint // ms
	listenPeer, listenClient        urlList
	advertisePeer, advertiseClient  urlList
	initialCluster, token           string
	clusterState                    choice
	discovery, discoveryProxy       string
	discoverySRV, discoverySRVName  string
	discoveryFallback, proxy        choice
	proxyTimes                      proxyTimes
	strictReconfig, forceNewCluster bool
	cors                            origins
	enablePprof, debug, version     bool
	logLevel                        zapcore.Level
	logFormat                       choice
	addr, bindAddr                  hostPort
	peerAddr, peerBindAddr          hostPort
	tlsMinVersion                   tlsVersion
	cipherSuites                    suites
	limits                          limitFlags
}

// group is a section of the help text.
type group struct {
	title string
	set   *flag.FlagSet
	terse bool // names only
}

func newFlags() *flags {
	f := &flags{
		all:  flag.NewFlagSet("pando", flag.ContinueOnError),
		from: map[string]string{},
	}
	f.all.SetOutput(io.Discard) // parse says it all in its ExitError
	f.all.Usage = func() {}
	f.group("Member", f.memberFlags)
	f.group("Cluster", f.clusterFlags)
	f.group("Discovery", f.discoveryFlags)
	f.group("Logging and profiling", f.logFlags)
	f.group("TLS", f.tlsFlags)
	f.group("Limits", f.limitFlags)
	f.group("Proxy", f.proxyFlags)
	f.group("Unsafe", func(s *flag.FlagSet) {
		s.BoolVar(&f.forceNewCluster, "force-new-cluster", false, "Drop all other members and go on alone with the data that is here.")
	})
	f.group("Of etcd 0.4", f.addressFlags)
	f.group("General", func(s *flag.FlagSet) {
		s.BoolVar(&f.version, "version", false, "Print the version and exit.")
		s.String("config-file", "", "Read what neither flags nor the environment say from this YAML `file`, with etcd's key names.")
	})
	f.group("Of etcd 0.4, accepted and ignored", ignoredFlags(goneFlags, nil))
	f.group("Of etcd 3.x, accepted and ignored", ignoredFlags(foreignSwitches, foreignFlags))
	f.groups[len(f.groups)-1].terse = true
	f.groups[len(f.groups)-2].terse = true
	return f
}

func (f *flags) group(title string, define func(*flag.FlagSet)) {
	set := flag.NewFlagSet(title, flag.ContinueOnError)
	define(set)
	set.VisitAll(func(fl *flag.Flag) { f.all.Var(fl.Value, fl.Name, fl.Usage) })
	f.groups = append(f.groups, group{title: title, set: set})
}

func (f *flags) memberFlags(s *flag.FlagSet) {
	s.StringVar(&f.name, "name", defaultName, "This member's `name`: its key in --initial-cluster.")
	s.StringVar(&f.dataDir, "data-dir", "", "Data `directory`, created if missing. Default: NAME.etcd in the working directory.")
	s.StringVar(&f.walDir, "wal-dir", "", "`Directory` for the write-ahead log alone. Default: member/wal in the data directory.")
	s.Uint64Var(&f.snapshotCount, "snapshot-count", 0, "Applied `entries` between snapshots. 0: decide by the size of the log.")
	s.UintVar(&f.maxSnapshots, "max-snapshots", 5, "Snapshot `files` kept. 0: all.")
	s.UintVar(&f.maxWALs, "max-wals", 5, "Write-ahead log `files` kept. 0: all.")
	s.IntVar(&f.eventHistory, "event-history", MinEventHistory, "`Events` that a watcher may look back on; at least 1000.")
	s.UintVar(&f.ttlGrace, "ttl-grace", 0, "`Milliseconds` after an election or a start in which no key expires. Default: the election timeout.")
	s.UintVar(&f.heartbeat, "heartbeat-interval", 100, "`Milliseconds` between two heartbeats of the leader.")
	s.UintVar(&f.election, "election-timeout", 1000, "`Milliseconds` without a heartbeat until an election; at least 5 heartbeats.")
	f.listenPeer = mustURLs(defaultPeerURLs)
	s.Var(&f.listenPeer, "listen-peer-urls", "`URLs` to listen on for other members.")
	f.listenClient = mustURLs(defaultClientURLs)
	s.Var(&f.listenClient, "listen-client-urls", "`URLs` to listen on for clients. Needs --advertise-client-urls.")
	s.Var(&f.cors, "cors", "`Origins` that browsers may send requests from, or *.")
}

func (f *flags) clusterFlags(s *flag.FlagSet) {
	f.advertiseClient = mustURLs(defaultClientURLs)
	s.Var(&f.advertiseClient, "advertise-client-urls", "`URLs` under which clients reach this member.")
	f.advertisePeer = mustURLs(defaultPeerURLs)
	s.Var(&f.advertisePeer, "initial-advertise-peer-urls", "`URLs` under which other members reach this one.")
	s.StringVar(&f.initialCluster, "initial-cluster", defaultCluster(defaultName), "The first `members` as name=URL,name=URL. Ignored once data exists.")
	f.clusterState = choice{value: "new", of: []string{"new", "existing"}}
	s.Var(&f.clusterState, "initial-cluster-state", "`State`: new to start a cluster, existing to join one. Ignored once data exists.")
	s.StringVar(&f.token, "initial-cluster-token", "etcd-cluster", "`Text` that makes the ids of this cluster differ from those of others.")
	s.BoolVar(&f.strictReconfig, "strict-reconfig-check", false, "Refuse membership changes that would cost the quorum.")
}

func (f *flags) discoveryFlags(s *flag.FlagSet) {
	s.StringVar(&f.discovery, "discovery", "", "`URL` of a token at a discovery service.")
	f.discoveryFallback = choice{value: "proxy", of: []string{"exit", "proxy"}}
	s.Var(&f.discoveryFallback, "discovery-fallback", "`What` to become if the token is full: proxy or exit.")
	s.StringVar(&f.discoveryProxy, "discovery-proxy", "", "HTTP proxy `URL` for requests to the discovery service.")
	s.StringVar(&f.discoverySRV, "discovery-srv", "", "DNS `domain` whose SRV records name the members.")
	s.StringVar(&f.discoverySRVName, "discovery-srv-name", "", "`Suffix` of the service name in --discovery-srv queries.")
}

func (f *flags) logFlags(s *flag.FlagSet) {
	s.BoolVar(&f.debug, "debug", false, "Log at level debug.")
	s.Var(&f.logLevel, "log-level", "Lowest `level` logged: debug, info, warn, error, panic or fatal.")
	f.logFormat = choice{value: "console", of: []string{"console", "json"}}
	s.Var(&f.logFormat, "log-format", "`Format`: console (lines for people) or json.")
	s.String("log-package-levels", "", "Other levels for single packages as `package=LEVEL,...`, under etcd's names: etcdserver, etcdhttp, raft, rafthttp.")
	s.UintVar(&f.slowRequest, "slow-request", 1000, "`Milliseconds` that a request may take before the log says where they went; watches excepted. 0: never.")
	s.BoolVar(&f.enablePprof, "enable-pprof", false, "Serve profiles below /debug/pprof on the client port.")
}

func (f *flags) addressFlags(s *flag.FlagSet) {
	s.Var(&f.addr, "addr", "`IP:port`; deprecated: use --advertise-client-urls.")
	s.Var(&f.bindAddr, "bind-addr", "`IP:port`; deprecated: use --listen-client-urls.")
	s.Var(&f.peerAddr, "peer-addr", "`IP:port`; deprecated: use --initial-advertise-peer-urls.")
	s.Var(&f.peerBindAddr, "peer-bind-addr", "`IP:port`; deprecated: use --listen-peer-urls.")
	for _, name := range []string{"peers", "peers-file"} {
		s.Func(name, "No longer supported: use --initial-cluster.", func(string) error {
			return fmt.Errorf("flag %q is no longer supported.", "-"+name)
		})
	}
}

// parse reads the command line, then the environment, then the configuration file. What ends the program at once is an *ExitError.
func (f *flags) parse(args, environ []string) error {
	err := f.all.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return &ExitError{Code: 0, Stdout: f.help()}
	case err != nil:
		return &ExitError{Code: 2, Stdout: usage, Stderr: err.Error() + "\n"}
	case f.all.NArg() > 0:
		return contradiction("'%s' is not a valid flag", f.all.Arg(0))
	case f.version:
		return &ExitError{Code: 0, Stdout: versionText()}
	}
	f.all.Visit(func(fl *flag.Flag) { f.from[fl.Name] = "--" + fl.Name })
	if err := f.parseEnvironment(environ); err != nil {
		return err
	}
	return f.parseFile()
}

// given reports whether the flag was set, on the command line or in the environment, to whatever value.
func (f *flags) given(name string) bool { return f.from[name] != "" }

func (f *flags) value(name string) string { return f.all.Lookup(name).Value.String() }

func (f *flags) warn(format string, args ...any) {
	f.notes = append(f.notes, Note{zapcore.WarnLevel, fmt.Sprintf(format, args...)})
}

func (f *flags) info(format string, args ...any) {
	f.notes = append(f.notes, Note{zapcore.InfoLevel, fmt.Sprintf(format, args...)})
}
