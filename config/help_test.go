package config

import (
	"flag"
	"regexp"
	"strings"
	"testing"
)

// TestHelp names every flag, on stdout.
func TestHelp(t *testing.T) {
	for _, arg := range []string{"--help", "-help", "-h", "--h"} {
		_, err := parse([]string{arg}, nil)
		exit := ended(t, err, 0)
		if exit.Stderr != "" {
			t.Errorf("%s: stderr %q", arg, exit.Stderr)
		}
		newFlags().all.VisitAll(func(fl *flag.Flag) {
			if !regexp.MustCompile(`(?m) --` + regexp.QuoteMeta(fl.Name) + `( |$)`).MatchString(exit.Stdout) {
				t.Errorf("%s does not name --%s", arg, fl.Name)
			}
		})
	}
}

// TestVersion: etcd's four lines first, before the environment and other checks (server spec, section 1).
func TestVersion(t *testing.T) {
	_, err := parse([]string{"--version", "--election-timeout", "1"}, []string{"ETCD_HEARTBEAT_INTERVAL=abc"})
	lines := strings.Split(ended(t, err, 0).Stdout, "\n")
	for i, prefix := range []string{"etcd Version: 2.3.8", "Git SHA: ", "Go Version: go", "Go OS/Arch: ", "Pando Version: "} {
		if len(lines) <= i || !strings.HasPrefix(lines[i], prefix) {
			t.Errorf("line %d of %q does not begin with %q", i+1, lines, prefix)
		}
	}
}

// TestEveryFlagOfEtcd: the flags of etcd 2.3.8 and those of 3.4 that unit files have (server spec, section 2).
func TestEveryFlagOfEtcd(t *testing.T) {
	all := newFlags().all
	for name := range strings.FieldsSeq(`name data-dir wal-dir snapshot-count heartbeat-interval election-timeout listen-peer-urls
		listen-client-urls max-snapshots max-wals cors initial-advertise-peer-urls initial-cluster initial-cluster-state
		initial-cluster-token advertise-client-urls discovery discovery-srv discovery-fallback discovery-proxy
		strict-reconfig-check proxy proxy-failure-wait proxy-refresh-interval proxy-dial-timeout proxy-write-timeout
		proxy-read-timeout cert-file key-file client-cert-auth trusted-ca-file ca-file peer-cert-file peer-key-file
		peer-client-cert-auth peer-trusted-ca-file peer-ca-file debug log-package-levels force-new-cluster enable-pprof version
		experimental-v3demo experimental-gRPC-addr experimental-auto-compaction-retention addr bind-addr peer-addr
		peer-bind-addr peers peers-file cluster-active-size cluster-remove-delay cluster-sync-interval config force
		max-result-buffer max-retry-attempts peer-heartbeat-interval peer-election-timeout retry-interval snapshot v vv
		enable-v2 pre-vote initial-election-tick-advance auto-tls peer-auto-tls logger log-level log-outputs
		quota-backend-bytes auto-compaction-mode auto-compaction-retention max-request-bytes metrics listen-metrics-urls
		host-whitelist cipher-suites discovery-srv-name client-crl-file client-cert-allowed-hostname config-file`) {
		if all.Lookup(name) == nil {
			t.Errorf("--%s is missing", name)
		}
	}
}
