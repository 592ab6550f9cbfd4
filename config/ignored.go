package config

import "flag"

// goneFlags are switches of etcd 0.4 that 2.3 still reads and does nothing with (server spec, section 2).
var goneFlags = []string{
	"cluster-active-size", "cluster-remove-delay", "cluster-sync-interval", "config", "force", "max-result-buffer",
	"max-retry-attempts", "peer-heartbeat-interval", "peer-election-timeout", "retry-interval", "snapshot", "v", "vv",
}

// foreignSwitches and foreignFlags belong to the v3 API, to bbolt or to logging as etcd 3.x does it. Unit files have them.
var (
	foreignSwitches = []string{
		"enable-v2", "enable-grpc-gateway", "experimental-initial-corrupt-check", "experimental-v3demo", "initial-election-tick-advance", "pre-vote",
	}
	foreignFlags = []string{
		"auth-token", "auto-compaction-mode", "auto-compaction-retention", "backend-batch-interval", "backend-batch-limit", "bcrypt-cost",
		"experimental-auto-compaction-retention", "experimental-corrupt-check-time", "experimental-enable-v2v3",
		"experimental-gRPC-addr", "grpc-keepalive-interval", "grpc-keepalive-min-time", "grpc-keepalive-timeout", "host-whitelist",
		"listen-metrics-urls", "log-outputs", "logger", "max-request-bytes", "max-txn-ops", "metrics", "quota-backend-bytes",
		"self-signed-cert-validity",
	}
)

// ignoredFlags defines flags whose value nobody reads.
func ignoredFlags(switches, valued []string) func(*flag.FlagSet) {
	return func(s *flag.FlagSet) {
		for _, name := range switches {
			s.Var(new(ignoredSwitch), name, "")
		}
		for _, name := range valued {
			s.String(name, "", "")
		}
	}
}

// ignoredSwitch is a flag.Value that needs no argument and takes any: -max-result-buffer=5 was valid once.
type ignoredSwitch struct{ text string }

func (i *ignoredSwitch) String() string        { return i.text }
func (i *ignoredSwitch) Set(text string) error { i.text = text; return nil }

// IsBoolFlag tells package flag that a word behind the flag is not its value.
func (i *ignoredSwitch) IsBoolFlag() bool { return true }

// noteIgnored warns of each flag that was given and means nothing here.
func (f *flags) noteIgnored() {
	for _, name := range goneFlags {
		if f.given(name) {
			f.warn("flag %q is no longer supported - ignoring.", "-"+name)
		}
	}
	for _, names := range [][]string{foreignSwitches, foreignFlags} {
		for _, name := range names {
			if f.given(name) {
				f.warn("%s has no meaning for pando, which serves the v2 API only - ignoring.", f.from[name])
			}
		}
	}
}
