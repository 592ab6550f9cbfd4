package config

import "testing"

// TestCheckBootstrap is the table of what stops a member whose data directory is empty (server spec, section 4).
func TestCheckBootstrap(t *testing.T) {
	const self = "http://127.0.0.1:1"
	for _, c := range []struct {
		name string
		args []string
		says string // empty: it may start
	}{
		{"fine", []string{"--initial-cluster", "n=" + self}, ""},
		{"resolved", []string{"--initial-cluster", "n=http://localhost:1"}, ""},
		{"own name missing", []string{"--initial-cluster", "m=" + self}, `couldn't find local name "n" in the initial cluster configuration`},
		{"no cluster", []string{"--initial-cluster", ""}, `couldn't find local name "n"`},
		{"other URL", []string{"--initial-cluster", "n=http://127.0.0.1:2"},
			"--initial-cluster must include n=http://127.0.0.1:1 given --initial-advertise-peer-urls=http://127.0.0.1:1"},
		{"cluster forgotten", nil, "forgot to set --initial-cluster flag?"},
		{"more URLs", []string{"--initial-cluster", "n=http://127.0.0.1:1,n=http://127.0.0.1:2"}, "must include"},
		{"same URL twice", []string{"--initial-cluster", "n=" + self + ",m=" + self}, "initial cluster m=http://127.0.0.1:1,n=http://127.0.0.1:1 has duplicate url"},
		{"join", []string{"--initial-cluster", "n=" + self + ",m=http://127.0.0.1:2", "--initial-cluster-state", "existing"}, ""},
		{"three members", []string{"--initial-cluster", "n=" + self + ",m=http://127.0.0.1:2"}, ""},
		{"discovery", []string{"--discovery", "http://d/t"}, "--discovery: "},
		{"DNS", []string{"--discovery-srv", "d"}, "--discovery-srv: "},
		{"proxy", []string{"--proxy", "on"}, "--proxy: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := append([]string{"--name", "n", "--initial-advertise-peer-urls", self}, c.args...)
			err := must(t, nil, args...).CheckBootstrap(t.Context())
			if c.says != "" {
				ended(t, err, 1, c.says)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestPeerURLsForgotten(t *testing.T) {
	err := must(t, nil, "--initial-cluster", "default=http://127.0.0.1:1").CheckBootstrap(t.Context())
	ended(t, err, 1, "forgot to set --initial-advertise-peer-urls flag?")
}

// TestConnectionsWithin: 150 files are too few, the rest is for clients (server spec, section 2).
func TestConnectionsWithin(t *testing.T) {
	_, err := connectionsWithin(150)
	ended(t, err, 1, "file descriptor limit[150] of etcd process is too low, and should be set higher than 150")
	for limit, want := range map[uint64]int{151: 1, 1024: 874, 1 << 63: 1<<31 - 151} {
		if got, err := connectionsWithin(limit); got != want || err != nil {
			t.Errorf("limit %d: %d connections and %v, want %d", limit, got, err, want)
		}
	}
}
