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
		{"discovery", []string{"--discovery", "http://d/t"}, ""},
		{"discovery of what exists", []string{"--discovery", "http://d/t", "--initial-cluster-state", "existing"},
			"discovery URL should not be set when joining existing initial cluster"},
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
	for limit, want := range map[uint64]int{151: 1, 200: 20, 300: 50, 1024: 774, 1 << 63: 1<<31 - 251} {
		if got, err := connectionsWithin(limit); got != want || err != nil {
			t.Errorf("limit %d: %d connections and %v, want %d", limit, got, err, want)
		}
	}
}

// TestDiscovered: the members that a service or DNS names take the place of --initial-cluster.
func TestDiscovered(t *testing.T) {
	const self = "http://127.0.0.1:1"
	two := []Member{{Name: "m", PeerURLs: []string{"http://127.0.0.1:2"}}, {Name: "n", PeerURLs: []string{self}}}
	c := must(t, nil, "--name", "n", "--initial-advertise-peer-urls", self, "--discovery", "http://d/t")
	if c.Token != "http://d/t" {
		t.Errorf("the token is %q", c.Token)
	}
	d, err := c.Discovered(two)
	if err != nil || len(d.InitialCluster) != 2 || len(c.InitialCluster) != 1 {
		t.Errorf("%v of %v, %v", d.InitialCluster, c.InitialCluster, err)
	}
	_, err = c.Discovered([]Member{two[1], {Name: "o", PeerURLs: []string{self}}})
	ended(t, err, 1, "discovery cluster n=http://127.0.0.1:1,o=http://127.0.0.1:1 has duplicate url")

	c = must(t, nil, "--name", "n", "--initial-advertise-peer-urls", self, "--discovery-srv", "d")
	d, err = c.FromDNS(two)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.CheckBootstrap(t.Context()); err != nil {
		t.Error(err)
	}
	_, err = c.FromDNS(two[:1])
	ended(t, err, 1, `cannot find local etcd member "n" in SRV records`)
}
