package config

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap/zapcore"
)

// must parses args, and environment variables, that have to be fine.
func must(t *testing.T, environ []string, args ...string) *Config {
	t.Helper()
	c, err := parse(args, environ)
	if err != nil {
		t.Fatalf("%q is refused: %v", args, err)
	}
	return c
}

// ended asserts that err ends the process with code, saying all of says on the named stream.
func ended(t *testing.T, err error, code int, says ...string) *ExitError {
	t.Helper()
	var exit *ExitError
	if !errors.As(err, &exit) {
		t.Fatalf("got %v, want an ExitError with code %d", err, code)
	}
	if exit.Code != code {
		t.Errorf("exit code %d, want %d; stderr %q", exit.Code, code, exit.Stderr)
	}
	for _, text := range says {
		if !strings.Contains(exit.Stdout+exit.Stderr, text) {
			t.Errorf("%q is missing in %q and %q", text, exit.Stdout, exit.Stderr)
		}
	}
	return exit
}

func warnings(c *Config) string {
	var all []string
	for _, n := range c.Notes {
		if n.Level == zapcore.WarnLevel {
			all = append(all, n.Text)
		}
	}
	return strings.Join(all, "\n")
}

// TestDefaults holds the defaults of server spec, section 2.
func TestDefaults(t *testing.T) {
	c := must(t, nil)
	if c.Name != "default" || c.DataDir != "default.etcd" || c.Token != "etcd-cluster" || c.JoinExisting {
		t.Errorf("identity: %+v", c)
	}
	if c.WALDir != "default.etcd/member/wal" || c.SnapDir != "default.etcd/member/snap" {
		t.Errorf("directories: %q, %q", c.WALDir, c.SnapDir)
	}
	if c.Heartbeat != 100*time.Millisecond || c.Election != time.Second {
		t.Errorf("times: %v, %v", c.Heartbeat, c.Election)
	}
	if c.MaxSnapshots != 5 || c.MaxWALs != 5 || c.SnapshotCount != 0 || c.EventHistory != 1000 {
		t.Errorf("numbers: %+v", c)
	}
	wantClient := []Listen{
		{URL: "http://localhost:2379", Address: "localhost:2379"},
		{URL: "http://localhost:4001", Address: "localhost:4001", Optional: true},
	}
	if !slices.Equal(c.ListenClient, wantClient) {
		t.Errorf("client addresses: %+v", c.ListenClient)
	}
	wantPeer := []Listen{
		{URL: "http://localhost:2380", Address: "localhost:2380"},
		{URL: "http://localhost:7001", Address: "localhost:7001", Optional: true},
	}
	if !slices.Equal(c.ListenPeer, wantPeer) {
		t.Errorf("peer addresses: %+v", c.ListenPeer)
	}
	if got, want := warnings(c), "no data-dir provided, using default data-dir ./default.etcd"; got != want {
		t.Errorf("warnings %q, want %q", got, want)
	}
	if err := c.CheckBootstrap(t.Context()); err != nil {
		t.Errorf("the defaults do not bootstrap: %v", err)
	}
}

// TestSpellings: -name x, -name=x, --name x and --name=x are the same (server spec, section 1).
func TestSpellings(t *testing.T) {
	for _, args := range [][]string{{"-name", "x"}, {"-name=x"}, {"--name", "x"}, {"--name=x"}} {
		if c := must(t, nil, args...); c.Name != "x" || c.DataDir != "x.etcd" {
			t.Errorf("%q: name %q, data directory %q", args, c.Name, c.DataDir)
		}
	}
	for _, text := range []string{"1", "t", "T", "true", "TRUE", "True"} {
		if !must(t, nil, "--strict-reconfig-check="+text).StrictReconfig {
			t.Errorf("%q is not true", text)
		}
	}
}

// TestNameAlone renames the default cluster too (server spec, section 2).
func TestNameAlone(t *testing.T) {
	c := must(t, nil, "-name", "x")
	if got, want := printCluster(c.InitialCluster), "x=http://localhost:2380,x=http://localhost:7001"; got != want {
		t.Errorf("initial cluster %q, want %q", got, want)
	}
	if err := c.CheckBootstrap(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestExit is the table of what ends a start at the command line (server spec, sections 1, 2, 7 and 10).
func TestExit(t *testing.T) {
	https := []string{"--listen-client-urls", "https://127.0.0.1:1", "--advertise-client-urls", "https://127.0.0.1:1"}
	for _, c := range []struct {
		args []string
		code int
		says []string
	}{
		{[]string{"foo"}, 1, []string{"error verifying flags, 'foo' is not a valid flag. See 'pando --help'."}},
		{[]string{"-config", "x"}, 1, []string{"'x' is not a valid flag"}},
		{[]string{"--strict-reconfig-check", "false"}, 1, []string{"'false' is not a valid flag"}},
		{[]string{"--nope"}, 2, []string{"nope", "usage: pando"}},
		{[]string{"--name"}, 2, []string{"name"}},
		{[]string{"--strict-reconfig-check=yes"}, 2, []string{"strict-reconfig-check", "yes"}},
		{[]string{"--heartbeat-interval", "abc"}, 2, []string{"heartbeat-interval", "abc"}},
		{[]string{"--heartbeat-interval", "-1"}, 2, []string{"heartbeat-interval"}},
		{[]string{"--initial-cluster-state", "bogus"}, 2, []string{"initial-cluster-state", "new, existing"}},
		{[]string{"--discovery-fallback", "bogus"}, 2, []string{"discovery-fallback"}},
		{[]string{"--proxy", "yes"}, 2, []string{"off, readonly, on"}},
		{[]string{"--cors", "http://[::1"}, 2, []string{"cors"}},
		{[]string{"--listen-client-urls", "127.0.0.1:99999"}, 2, []string{"listen-client-urls"}},
		{[]string{"--listen-client-urls", "unix://a:1"}, 2, []string{"scheme"}},
		{[]string{"--listen-client-urls", "http://a"}, 2, []string{"host:port"}},
		{[]string{"--listen-client-urls", "http://a:1/x"}, 2, []string{"path"}},
		{[]string{"--listen-client-urls", ""}, 2, []string{"listen-client-urls"}},
		{[]string{"--addr", "localhost:1"}, 2, []string{"IP"}},
		{[]string{"-peers", "x"}, 2, []string{`flag "-peers" is no longer supported.`}},
		{[]string{"-peers-file", "x"}, 2, []string{`flag "-peers-file" is no longer supported.`}},

		{[]string{"--listen-client-urls", "http://127.0.0.1:1"}, 1, []string{"advertise-client-urls"}},
		{[]string{"--heartbeat-interval", "0"}, 1, []string{"heartbeat-interval"}},
		{[]string{"--heartbeat-interval", "300"}, 1, []string{"-election-timeout[1000ms] should be at least as 5 times as -heartbeat-interval[300ms]"}},
		{[]string{"--heartbeat-interval", "18446744073709551615"}, 1, []string{"5 times"}},
		{[]string{"--election-timeout", "50001"}, 1, []string{"-election-timeout[50001ms] is too long, and should be set less than 50000ms"}},
		{[]string{"--event-history", "999"}, 1, []string{"event-history", "1000"}},
		{[]string{"--max-wals", "9999999999"}, 1, []string{"max-wals"}},
		{[]string{"--discovery", "http://x", "--initial-cluster", "a=http://a:1"}, 1, []string{"multiple discovery or bootstrap flags are set"}},
		{[]string{"--discovery", "http://x", "--discovery-srv", "x"}, 1, []string{"multiple discovery or bootstrap flags are set"}},
		{[]string{"--initial-cluster", "http://a:1"}, 1, []string{"error setting up initial cluster", "http://a:1"}},
		{[]string{"--initial-cluster", "a=http://a"}, 1, []string{"error setting up initial cluster"}},
		{[]string{"-addr", "127.0.0.1:1", "--advertise-client-urls", "http://127.0.0.1:1"}, 1, []string{"Set only one of flags -advertise-client-urls and -addr"}},
		{[]string{"-peer-bind-addr", "127.0.0.1:1", "--listen-peer-urls", "http://127.0.0.1:1"}, 1, []string{"Set only one of"}},
		{append(slices.Clone(https), "--cert-file", "/c"), 1, []string{"KeyFile and CertFile must both be present[key: , cert: /c]"}},
		{https, 1, []string{"cannot listen on TLS"}},

		{append(slices.Clone(https), "--auto-tls"), 1, []string{"--auto-tls", "not supported by this version"}},
		{[]string{"--peer-cert-file", "/c"}, 1, []string{"KeyFile and CertFile must both be present[key: , cert: /c]"}},
		{[]string{"--listen-peer-urls", "https://127.0.0.1:1"}, 1, []string{"cannot listen on TLS for https://127.0.0.1:1", "--peer-cert-file"}},
		{[]string{"--client-crl-file", "/c"}, 1, []string{"--client-crl-file", "not supported by this version"}},
		{[]string{"--peer-cert-allowed-cn", "x"}, 1, []string{"--peer-cert-allowed-cn", "not supported by this version"}},
		{[]string{"--tls-min-version", "1.4"}, 2, []string{"tls-min-version", "1.0, 1.1, 1.2, 1.3"}},
		{[]string{"--cipher-suites", "TLS_NONE"}, 2, []string{"cipher-suites", "TLS_NONE"}},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			got, err := parse(c.args, nil)
			if got != nil {
				t.Error("a Config is returned together with an error")
			}
			ended(t, err, c.code, c.says...)
		})
	}
}

// TestAccepted: what must not stop a server, with the warning it earns (server spec, sections 2 and 7).
func TestAccepted(t *testing.T) {
	for _, c := range []struct {
		args []string
		warn string
	}{
		{[]string{"--election-timeout", "50000", "--heartbeat-interval", "10000"}, ""},
		{[]string{"--listen-client-urls", "http://a:1", "--proxy", "on"}, ""},
		{[]string{"--listen-client-urls", "http://a:1", "--discovery", "http://d/t"}, ""},
		{[]string{"-v"}, `flag "-v" is no longer supported - ignoring.`},
		{[]string{"-max-result-buffer=5"}, `flag "-max-result-buffer" is no longer supported - ignoring.`},
		{[]string{"--enable-v2"}, "--enable-v2 has no meaning"},
		{[]string{"--enable-v2=true"}, "--enable-v2 has no meaning"},
		{[]string{"--logger", "zap"}, "--logger has no meaning"},
		{[]string{"--quota-backend-bytes=1"}, "--quota-backend-bytes has no meaning"},
		{[]string{"--experimental-v3demo"}, "--experimental-v3demo has no meaning"},
		{[]string{"--cert-file", "c", "--key-file", "k"}, "Ignored client key/cert files."},
		{[]string{"--peer-cert-file", "c", "--peer-key-file", "k"}, "Ignored peer key/cert files."},
		{append([]string{"--cert-file", "c", "--key-file", "k", "--listen-client-urls", "https://a:1,http://a:2"}, "--advertise-client-urls", "https://a:1"),
			"The scheme of client url http://a:2 is http while"},
		{[]string{"--client-cert-auth"}, "no client certificate is demanded"},
		{[]string{"--auto-tls"}, "Ignored client key/cert files."},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			got := warnings(must(t, nil, append(c.args, "--data-dir", "d")...))
			if !strings.Contains(got, c.warn) || c.warn == "" && got != "" {
				t.Errorf("warnings %q, want %q", got, c.warn)
			}
		})
	}
}

// TestURLLists are sorted, printed as url.URL prints them, and named ports are never optional.
func TestURLLists(t *testing.T) {
	c := must(t, nil, "--listen-client-urls", "http://b:4001, http://a:1", "--advertise-client-urls", "http://z:1,HTTP://y:1")
	if want := []Listen{{URL: "http://a:1", Address: "a:1"}, {URL: "http://b:4001", Address: "b:4001"}}; !slices.Equal(c.ListenClient, want) {
		t.Errorf("listen: %+v", c.ListenClient)
	}
	if want := []string{"http://y:1", "http://z:1"}; !slices.Equal(c.AdvertiseClient, want) {
		t.Errorf("advertise: %q", c.AdvertiseClient)
	}
}

// TestOldAddresses: the flags of 0.4 imply http and, alone, listen on every interface (server spec, section 2).
func TestOldAddresses(t *testing.T) {
	c := must(t, nil, "-addr", "127.0.0.1:11", "-peer-addr", "127.0.0.1:12", "-peer-bind-addr", "127.0.0.2:13")
	if want := []Listen{{URL: "http://[::]:11", Address: "[::]:11"}}; !slices.Equal(c.ListenClient, want) {
		t.Errorf("client: %+v", c.ListenClient)
	}
	if want := []Listen{{URL: "http://127.0.0.2:13", Address: "127.0.0.2:13"}}; !slices.Equal(c.ListenPeer, want) {
		t.Errorf("peer: %+v", c.ListenPeer)
	}
	if c.AdvertiseClient[0] != "http://127.0.0.1:11" || c.AdvertisePeer[0] != "http://127.0.0.1:12" {
		t.Errorf("advertised: %q, %q", c.AdvertiseClient, c.AdvertisePeer)
	}
}

// TestWALDir moves the log and leaves the snapshots (server spec, section 2).
func TestWALDir(t *testing.T) {
	c := must(t, nil, "--data-dir", "/d", "--wal-dir", "/w")
	if c.WALDir != "/w" || c.SnapDir != "/d/member/snap" {
		t.Errorf("wal %q, snap %q", c.WALDir, c.SnapDir)
	}
}

// TestCORS: commas separate, blanks do not count (cluster-api spec, section 12).
func TestCORS(t *testing.T) {
	if got := must(t, nil, "--cors", " http://a:1 ,*,").CORS; !slices.Equal(got, []string{"http://a:1", "*"}) {
		t.Errorf("got %q", got)
	}
}

func TestLogLevel(t *testing.T) {
	for _, c := range []struct {
		args []string
		want zapcore.Level
	}{
		{nil, zapcore.InfoLevel},
		{[]string{"--debug"}, zapcore.DebugLevel},
		{[]string{"--log-level", "warn"}, zapcore.WarnLevel},
	} {
		if got := must(t, nil, c.args...).LogLevel; got != c.want {
			t.Errorf("%q: %v, want %v", c.args, got, c.want)
		}
	}
}

// FuzzParse: whatever the words, there is a Config or an ExitError and never a panic.
func FuzzParse(f *testing.F) {
	f.Add("--name=x --listen-client-urls http://a:1", "ETCD_CORS=*")
	f.Add("-peers x", "PANDO_ADDR=1.2.3.4:5")
	f.Add("--initial-cluster a=http://b:1,a=http://c:1", "ETCD_INITIAL_CLUSTER_STATE=existing")
	f.Fuzz(func(t *testing.T, args, pair string) {
		c, err := parse(strings.Fields(args), []string{pair})
		var exit *ExitError
		if (c == nil) != errors.As(err, &exit) {
			t.Errorf("got %v and %v", c, err)
		}
	})
}
