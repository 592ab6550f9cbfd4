package scenario

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"pando/test/cluster"
)

// as sends a request with credentials, "" for none, to a member, and returns status and body.
func as(t *testing.T, login string, m *cluster.Member, method, target, body string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), cluster.Patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, m.Endpoint+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if name, password, given := strings.Cut(login, ":"); given {
		req.SetBasicAuth(name, password)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return resp.StatusCode, string(text)
}

// awaitStatus waits until every member answers a request in that way: what one has carried out reaches the others a moment
// later.
func awaitStatus(t *testing.T, c *cluster.Cluster, login, method, target string, status int) {
	t.Helper()
	for _, m := range c.Members() {
		c.Await(fmt.Sprintf("%d for %s %s as %q from %v", status, method, target, login, m), cluster.Patience, func() error {
			if got, text := as(t, login, m, method, target, ""); got != status {
				return fmt.Errorf("%d %s", got, text)
			}
			return nil
		})
	}
}

// authScenario makes users and roles through one member after the other and finds them enforced by all.
func authScenario(t *testing.T, c *cluster.Cluster) {
	awaitStatus(t, c, "", "GET", "/v2/auth/enable", 200)
	n := 0
	next := func() *cluster.Member { n++; return c.Members()[n%len(c.Members())] }
	put := func(login, target, body string) {
		t.Helper()
		m := next()
		if status, text := as(t, login, m, "PUT", target, body); status > 201 {
			t.Fatalf("PUT %s through %v: %d %s", target, m, status, text)
		}
		if login == "" && body != "" {
			awaitStatus(t, c, login, "GET", target, 200)
		}
	}
	put("", "/v2/auth/roles/r", `{"role":"r","permissions":{"kv":{"read":["/r/*"],"write":["/r/*"]}}}`)
	put("", "/v2/auth/users/root", `{"user":"root","password":"one"}`)
	put("", "/v2/auth/users/u", `{"user":"u","password":"p"}`)
	put("", "/v2/auth/users/u", `{"user":"u","grant":["r"]}`)
	put("", "/v2/auth/enable", "")
	awaitStatus(t, c, "u:p", "GET", "/v2/keys/other", 401)
	awaitStatus(t, c, "u:p", "PUT", "/v2/keys/r/k", 200)
	awaitStatus(t, c, "", "GET", "/v2/keys/r/k?quorum=true", 200) // guests may, until
	put("root:one", "/v2/auth/roles/guest", `{"role":"guest","revoke":{"kv":{"read":["/*"],"write":["/*"]}}}`)
	awaitStatus(t, c, "", "GET", "/v2/keys/r/k?quorum=true", 401)
	awaitStatus(t, c, "", "POST", "/v2/members", 401)
	put("root:one", "/v2/auth/users/root", `{"user":"root","password":"two"}`)
	awaitStatus(t, c, "root:two", "GET", "/v2/auth/users/root", 200)
	awaitStatus(t, c, "root:one", "GET", "/v2/auth/users/root", 401)
	if status, text := as(t, "root:two", next(), "DELETE", "/v2/auth/enable", ""); status != 200 {
		t.Fatal(status, text)
	}
	awaitStatus(t, c, "", "GET", "/v2/keys/r/k", 200)
	c.SameTree()
}

// What one member is told about users and roles all of them enforce, and changes through all of them at once are not lost.
func TestAuth(t *testing.T) {
	c := cluster.Start(t, cluster.Options{Size: 3})
	awaitStatus(t, c, "", "GET", "/v2/auth/enable", 200)
	if status, text := as(t, "", c.Members()[0], "PUT", "/v2/auth/roles/many", `{"role":"many"}`); status != 201 {
		t.Fatal(status, text)
	}
	awaitStatus(t, c, "", "GET", "/v2/auth/roles/many", 200)
	var all sync.WaitGroup
	const each = 10
	for n, m := range c.Members() {
		all.Go(func() {
			for i := range each {
				body := fmt.Sprintf(`{"role":"many","grant":{"kv":{"read":["/%d/%d"]}}}`, n, i)
				if status, text := as(t, "", m, "PUT", "/v2/auth/roles/many", body); status != 200 {
					t.Errorf("%s through %v: %d %s", body, m, status, text)
				}
			}
		})
	}
	all.Wait()
	m := c.Members()[0]
	c.Await("all that was granted", cluster.Patience, func() error {
		_, text := as(t, "", m, "GET", "/v2/auth/roles/many", "")
		if n := strings.Count(text, `"/`); n != 3*each {
			return fmt.Errorf("%d patterns: %s", n, text)
		}
		return nil
	})
	authScenario(t, c)
}

// Members of etcd and Pandos enforce the same, whoever leads and whoever was told.
func TestMixedAuth(t *testing.T) {
	etcd, ok := etcd238(t)
	if !ok {
		return
	}
	pando := cluster.At(t, "")
	for _, k := range []cluster.Kind{cluster.Pando, cluster.Etcd2} {
		t.Run(fmt.Sprintf("led by %v", k), func(t *testing.T) {
			c := startMixed(t, []cluster.Binary{pando, etcd, pando})
			leadBy(c, k)
			authScenario(t, c)
		})
	}
}
