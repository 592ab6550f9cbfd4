package proxy

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pando/test/cluster"
	"pando/test/fault/keys"
	"pando/test/server"
)

const patience = cluster.Patience

// initial is the --initial-cluster of members.
func initial(members ...*cluster.Member) string {
	var all []string
	for _, m := range members {
		all = append(all, m.Name+"="+m.PeerURL)
	}
	return strings.Join(all, ",")
}

// launch starts a proxy in front of the members and waits for nothing.
func launch(t *testing.T, dir, initialCluster string, args ...string) *server.Server {
	t.Helper()
	return server.Launch(t, server.Options{
		Name: "proxy", Dir: dir, Bootstrap: []string{"--initial-cluster", initialCluster},
		Args: append([]string{"--proxy", "on", "--proxy-refresh-interval", "300"}, args...),
	})
}

// start waits until it passes requests on.
func start(t *testing.T, dir, initialCluster string, args ...string) (*server.Server, *keys.Client) {
	t.Helper()
	p := launch(t, dir, initialCluster, args...)
	if err := p.Ready(patience); err != nil {
		t.Fatalf("%v\n%s", err, p.Log())
	}
	c := keys.New(p.Endpoint, 16)
	t.Cleanup(c.Close)
	return p, c
}

func put(t *testing.T, c *keys.Client, key, value string) {
	t.Helper()
	a, err := c.Do(t.Context(), "PUT", keys.Path(key), keys.Form("value", value))
	if err != nil || !a.OK() {
		t.Fatalf("PUT %s: %v, %v", key, a, err)
	}
}

// await tries until there is no error.
func await(t *testing.T, what string, try func() error) {
	t.Helper()
	server.Await(t, what, patience, try)
}

// knows waits until the proxy's file names exactly these members.
func knows(t *testing.T, p *server.Server, members ...*cluster.Member) {
	t.Helper()
	file := filepath.Join(p.Dir, "proxy", "cluster")
	await(t, file, func() error {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		for _, m := range members {
			if !strings.Contains(string(text), `"`+m.PeerURL+`"`) {
				return fmt.Errorf("%v is not in %s", m, text)
			}
		}
		if n := strings.Count(string(text), "http://"); n != len(members) {
			return fmt.Errorf("%d members are in %s", n, text)
		}
		return nil
	})
}

// status sends a request and returns the answer's status.
func status(t *testing.T, method, url string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}
