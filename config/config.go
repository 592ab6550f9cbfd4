// Package config turns the command line, the environment and a configuration file into one checked Config.
//
// It promises etcd 2.3.8's rules (server spec, sections 1 to 4): the same flags under the same names, types and defaults,
// `-name x`, `--name x` and `--name=x` alike, the same exit codes and, where a script may look for them, the same words.
// A flag beats PANDO_MY_FLAG, which beats ETCD_MY_FLAG, which beats the configuration file. What cannot be honoured is never dropped in silence: a flag of
// a part that is not built yet refuses to start (notyet.go), one without a meaning here earns a warning.
//
// It asks of its caller: print Config.Notes once there is a logger; call CheckBootstrap when the data directory is empty (the
// initial-* flags are ignored once data exists) and CheckFDLimit before listening. Nothing here logs, exits, listens or
// touches a file but that one; CheckBootstrap may resolve host names.
//
// URLs are strings in the form that url.URL prints, sorted, because member ids and the member list are made of those bytes.
package config

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.uber.org/zap/zapcore"
)

// Config is a checked configuration. It is read only once Parse has returned it.
type Config struct {
	Name    string // this member's key in InitialCluster; may be empty on a restart
	DataDir string // as given; default NAME.etcd in the working directory
	WALDir  string // where the .wal files are: --wal-dir itself, or DataDir/member/wal
	SnapDir string // where the .snap files are: DataDir/member/snap, whatever --wal-dir says

	// SnapshotCount is the number of applied entries between two snapshots; 0: nobody asked, go by bytes of WAL.
	SnapshotCount uint64
	MaxSnapshots  int // .snap files kept; 0: all
	MaxWALs       int // .wal files kept; 0: all
	EventHistory  int // events that a watcher may look back on, at least MinEventHistory

	// TTLGrace is how long after an election or a start nothing expires.
	TTLGrace  time.Duration
	Heartbeat time.Duration // > 0
	Election  time.Duration // >= 5 * Heartbeat, <= 50 s

	ListenPeer      []Listen
	ListenClient    []Listen
	AdvertiseClient []string // published at every start
	AdvertisePeer   []string // --initial-advertise-peer-urls

	ClientTLS TLS // zero if no client URL is https
	PeerTLS   TLS // for the connections to other members too

	Limits Limits

	InitialCluster  []Member // by name; no name twice. For an empty data directory only, see CheckBootstrap
	JoinExisting    bool     // --initial-cluster-state existing
	Token           string   // goes into member and cluster ids
	StrictReconfig  bool
	ForceNewCluster bool // drop all other members and go on alone

	// Discovery matters to an empty data directory only. A member that has data ignores it, and should say so.
	Discovery Discovery
	ProxyMode bool // --proxy on or readonly: an empty directory becomes a proxy's
	Proxy     Proxy

	CORS        []string // origins as given, or "*"; empty: no CORS headers
	EnablePprof bool

	LogLevel      zapcore.Level
	PackageLevels map[string]zapcore.Level // other levels for single packages, under etcd's names
	SlowRequest   time.Duration            // how long a request may take before it is logged; 0: for ever
	LogFormat     string                   // "console" or "json"

	// Notes are what the user should hear before anything else, in order.
	Notes []Note

	// For the hints of CheckBootstrap: which of its flags were left alone.
	defaultCluster, defaultPeerURLs bool
}

// Discovery says where a member without data, or a proxy, finds the members of its cluster, if not in --initial-cluster. At
// most one of URL and SRV is set. Nothing of it is checked: it means nothing once data exists.
type Discovery struct {
	URL   string // a token of a discovery service; "" is none
	Proxy string // HTTP proxy for the way there, URL or host:port; "" is none
	// FallBackToProxy: what to become if the token is full. Otherwise that is a reason to exit.
	FallBackToProxy bool

	SRV     string // DNS domain; "" is none
	SRVName string // suffix of the service's name
}

// Listen is one address to listen on.
type Listen struct {
	URL     string // http://host:port or https://host:port
	Address string // host:port, for net.Listen
	// Optional marks the second of the default ports (4001, 7001), which nobody asked for by name: if it is
	// taken, that costs a warning. Any other address that cannot be had is a reason not to start.
	Optional bool
}

// Member is one name of --initial-cluster.
type Member struct {
	Name     string
	PeerURLs []string
}

// Note is a line for the log, written before there was one.
type Note struct {
	Level zapcore.Level
	Text  string
}

// ExitError says how the process has to end: with Code, after printing Stdout and Stderr (whole lines, either may be empty).
// Code is 0 for --help and --version, 2 for a flag that is unknown or cannot be read, 1 for everything else.
type ExitError struct {
	Code           int
	Stdout, Stderr string
}

// Error is what would go to stderr.
func (e *ExitError) Error() string { return strings.TrimRight(e.Stderr, "\n") }

// refuse makes the ExitError of a configuration that was understood but cannot be run.
func refuse(format string, args ...any) *ExitError {
	return &ExitError{Code: 1, Stderr: fmt.Sprintf(format, args...) + "\n"}
}

// Parse reads args (without the program's name) and the process environment. Every error is an *ExitError.
func Parse(args []string) (*Config, error) { return parse(args, os.Environ()) }

func parse(args, environ []string) (*Config, error) {
	f := newFlags()
	err := f.parse(args, environ)
	if err == nil {
		var c *Config
		if c, err = f.config(); err == nil {
			return c, nil
		}
	}
	// Somebody who is refused because of a variable that he does not know of should see it named.
	if exit := err.(*ExitError); exit.Code == 1 {
		var said strings.Builder
		for _, n := range f.notes {
			said.WriteString(n.Text + "\n")
		}
		exit.Stderr = said.String() + exit.Stderr
	}
	return nil, err
}

// config checks the values of the flags against each other, in etcd's order, and builds the Config from them.
func (f *flags) config() (*Config, error) {
	if err := f.checkBootstrapMethod(); err != nil {
		return nil, err
	}
	c := &Config{
		Name:            f.name,
		SnapshotCount:   f.snapshotCount,
		MaxSnapshots:    int(f.maxSnapshots),
		MaxWALs:         int(f.maxWALs),
		EventHistory:    f.eventHistory,
		TTLGrace:        time.Duration(f.ttlGrace) * time.Millisecond,
		Heartbeat:       time.Duration(f.heartbeat) * time.Millisecond,
		Election:        time.Duration(f.election) * time.Millisecond,
		JoinExisting:    f.clusterState.value == "existing",
		Token:           f.token,
		StrictReconfig:  f.strictReconfig,
		ForceNewCluster: f.forceNewCluster,
		ProxyMode:       f.proxy.value != "off",
		Proxy:           f.proxyConfig(),
		Discovery: Discovery{
			URL: f.discovery, Proxy: f.discoveryProxy, FallBackToProxy: f.discoveryFallback.value == "proxy",
			SRV: f.discoverySRV, SRVName: f.discoverySRVName,
		},
		CORS:        f.cors,
		EnablePprof: f.enablePprof,
		LogLevel:    f.logLevel,
		LogFormat:   f.logFormat.value,
		SlowRequest: time.Duration(f.slowRequest) * time.Millisecond,
		Limits:      f.limits.limits(),
	}
	if !f.given("ttl-grace") {
		c.TTLGrace = c.Election
	}
	if f.debug {
		c.LogLevel = zapcore.DebugLevel
	}
	f.packageLevels(c)
	if err := f.urls(c); err != nil {
		return nil, err
	}
	if err := f.checkNumbers(); err != nil {
		return nil, err
	}
	if err := f.cluster(c); err != nil {
		return nil, err
	}
	if err := f.tls(c); err != nil {
		return nil, err
	}
	f.noteIgnored()
	f.directories(c)
	c.Notes = f.notes
	return c, nil
}

func (f *flags) directories(c *Config) {
	c.DataDir = f.dataDir
	if c.DataDir == "" {
		c.DataDir = c.Name + ".etcd"
		f.warn("no data-dir provided, using default data-dir ./%s", c.DataDir)
	}
	c.SnapDir = filepath.Join(c.DataDir, "member", "snap")
	c.WALDir = f.walDir
	if c.WALDir == "" {
		c.WALDir = filepath.Join(c.DataDir, "member", "wal")
	}
}

// cluster reads --initial-cluster. Left alone, it is this member under its own name. With a discovery service, the IDs are
// made of this member and the token's URL before the others are known (server spec, section 3).
func (f *flags) cluster(c *Config) error {
	if c.Discovery.URL != "" {
		c.Token = c.Discovery.URL
		c.InitialCluster = []Member{{Name: c.Name, PeerURLs: c.AdvertisePeer}}
		return nil
	}
	text := f.initialCluster
	if text == defaultCluster(defaultName) && c.Name != defaultName {
		text = defaultCluster(c.Name)
	}
	c.defaultCluster = text == defaultCluster(c.Name)
	c.defaultPeerURLs = strings.Join(c.AdvertisePeer, ",") == defaultPeerURLs
	members, err := ParseCluster(text)
	if err != nil {
		return refuse("error setting up initial cluster: %v", err)
	}
	c.InitialCluster = members
	return nil
}

// urls fills the four lists, each from its own flag or from the one of etcd 0.4 that it replaced.
func (f *flags) urls(c *Config) error {
	f.bindLikeAdvertised("peer-bind-addr", &f.peerBindAddr, "peer-addr", f.peerAddr)
	f.bindLikeAdvertised("bind-addr", &f.bindAddr, "addr", f.addr)
	lists := []struct {
		list    string
		urls    urlList
		address string
		old     hostPort
		to      func(urls []string)
	}{
		{"listen-peer-urls", f.listenPeer, "peer-bind-addr", f.peerBindAddr,
			func(urls []string) {
				c.ListenPeer = listens(urls, f.given("peer-bind-addr") || f.given("listen-peer-urls"))
			}},
		{"initial-advertise-peer-urls", f.advertisePeer, "peer-addr", f.peerAddr,
			func(urls []string) { c.AdvertisePeer = urls }},
		{"listen-client-urls", f.listenClient, "bind-addr", f.bindAddr,
			func(urls []string) {
				c.ListenClient = listens(urls, f.given("bind-addr") || f.given("listen-client-urls"))
			}},
		{"advertise-client-urls", f.advertiseClient, "addr", f.addr,
			func(urls []string) { c.AdvertiseClient = urls }},
	}
	for _, l := range lists {
		urls := []string(l.urls)
		if f.given(l.address) {
			if f.given(l.list) {
				return contradiction("Set only one of flags -%s and -%s", l.list, l.address)
			}
			urls = []string{f.oldScheme(l.address) + l.old.String()}
		}
		l.to(urls)
	}
	return f.checkAdvertised()
}

// oldScheme is 0.4's rule: its addresses are https as soon as there is a certificate for the port.
func (f *flags) oldScheme(addressFlag string) string {
	prefix := ""
	if strings.HasPrefix(addressFlag, "peer-") {
		prefix = "peer-"
	}
	if f.value(prefix+"cert-file") != "" || f.value(prefix+"key-file") != "" {
		return "https://"
	}
	return "http://"
}

// bindLikeAdvertised is 0.4's rule: with -addr alone, listen on its port of every interface.
func (f *flags) bindLikeAdvertised(bindFlag string, bind *hostPort, addrFlag string, addr hostPort) {
	if f.given(addrFlag) && !f.given(bindFlag) {
		*bind = hostPort{host: "::", port: addr.port}
		f.from[bindFlag] = f.from[addrFlag]
	}
}

func listens(urls []string, named bool) []Listen {
	all := make([]Listen, 0, len(urls))
	for _, text := range urls {
		u, err := url.Parse(text)
		if err != nil {
			panic(fmt.Sprintf("config: a checked URL cannot be parsed again: %v", err))
		}
		second := u.Port() == "4001" || u.Port() == "7001"
		all = append(all, Listen{URL: text, Address: u.Host, Optional: second && !named})
	}
	return all
}
