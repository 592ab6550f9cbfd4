package etcd238

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pando/test/fault/keys"
	"pando/test/server"
)

const patience = 30 * time.Second

func put(t *testing.T, endpoint, key, value string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := keys.New(endpoint, 1)
	defer c.Close()
	if a, err := c.Do(ctx, "PUT", keys.Path(key), keys.Form("value", value)); err != nil || !a.OK() {
		t.Fatalf("PUT %s at %s: %v, %v", key, endpoint, a, err)
	}
}

func get(t *testing.T, endpoint, target string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := keys.New(endpoint, 1)
	defer c.Close()
	a, err := c.Do(ctx, "GET", target, nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(a.Body)
}

// etcd's proxy in front of a Pando, and Pando's in front of an etcd: each reads the other's member list, and each goes on from
// the file that the other has left.
func TestProxies(t *testing.T) {
	t.Parallel()
	etcd := etcd238(t)
	if etcd == "" {
		return
	}
	for name, c := range map[string]struct{ member, proxy, next string }{
		"etcd before Pando": {"", etcd, ""},
		"Pando before etcd": {etcd, "", etcd},
	} {
		t.Run(name, func(t *testing.T) {
			m := server.Start(t, server.Options{Binary: c.member, Client: server.FreeAddr(t)})
			p := server.Start(t, server.Options{Binary: c.proxy, Client: server.FreeAddr(t),
				Bootstrap: []string{"--initial-cluster", "default=" + m.Peer}, Args: []string{"--proxy", "on"}})
			put(t, p.Endpoint, "/a", "1")
			if got, want := get(t, p.Endpoint, "/v2/config/local/proxy"), `{"endpoints":["`+m.Endpoint+"\"]}\n"; got != want {
				t.Errorf("%q, want %q", got, want)
			}
			file := filepath.Join(p.Dir, "proxy", "cluster")
			text, err := os.ReadFile(file)
			if want := `{"PeerURLs":["` + m.Peer + `"]}`; err != nil || string(text) != want {
				t.Errorf("%s, %v, want %s", text, err, want)
			}
			if err := p.Stop(); err != nil {
				t.Fatal(err)
			}
			next := server.Start(t, server.Options{Binary: c.next, Dir: p.Dir, Client: server.FreeAddr(t)})
			put(t, next.Endpoint, "/a", "2")
		})
	}
}

// Three etcds meet at a Pando, and three Pandos at an etcd.
func TestDiscovery(t *testing.T) {
	t.Parallel()
	etcd := etcd238(t)
	if etcd == "" {
		return
	}
	for name, c := range map[string]struct{ service, member string }{
		"etcds at a Pando":  {"", etcd},
		"Pandos at an etcd": {etcd, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := server.Start(t, server.Options{Binary: c.service})
			put(t, s.Endpoint, "/_etcd/registry/abc/_config/size", "3")
			token := s.Endpoint + "/v2/keys/_etcd/registry/abc"
			var all []*server.Server
			for i := range 3 {
				all = append(all, server.Launch(t, server.Options{Binary: c.member, Name: fmt.Sprint("n", i), Client: server.FreeAddr(t),
					Bootstrap: []string{"--discovery", token}}))
			}
			for _, m := range all {
				if err := m.Ready(patience); err != nil {
					t.Fatalf("%v\n%s", err, m.Log())
				}
			}
			put(t, all[0].Endpoint, "/a", "1")
			for _, m := range all {
				if text := get(t, m.Endpoint, keys.Path("/a", "quorum", "true")); !strings.Contains(text, `"value":"1"`) {
					t.Errorf("%s: %s", m.Endpoint, text)
				}
			}
			fourth := server.Start(t, server.Options{Binary: c.member, Name: "n4", Client: server.FreeAddr(t), Bootstrap: []string{"--discovery", token}})
			put(t, fourth.Endpoint, "/a", "2") // a proxy
		})
	}
}
