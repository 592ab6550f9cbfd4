package bootstrap

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"pando/test/fault/keys"
	"pando/test/server"
)

const (
	patience = 30 * time.Second
	registry = "/_etcd/registry/"
)

// service is a Pando that serves as a discovery service.
type service struct {
	*server.Server
	keys *keys.Client
}

func startService(t *testing.T) *service {
	t.Helper()
	s := server.Start(t, server.Options{})
	c := keys.New(s.Endpoint, 4)
	t.Cleanup(c.Close)
	return &service{s, c}
}

// do sends a request of the keys API, which has to be answered.
func (s *service) do(t *testing.T, method, target string, form ...string) *keys.Answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	a, err := s.keys.Do(ctx, method, target, keys.Form(form...))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// token makes a token for so many members and returns its URL.
func (s *service) token(t *testing.T, name, size string) string {
	t.Helper()
	if a := s.do(t, "PUT", keys.Path(registry+name+"/_config/size"), "value", size); !a.OK() {
		t.Fatal(a)
	}
	return s.Endpoint + "/v2/keys" + registry + name
}

// registered are the keys of those who registered, and their values.
func (s *service) registered(t *testing.T, name string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, n := range s.do(t, "GET", keys.Path(registry+name)).Node.Nodes {
		all[n.Key[strings.LastIndexByte(n.Key, '/')+1:]] = n.Value
	}
	return all
}

// node starts a process that finds its cluster through a token, and waits for nothing. Its client address can be advertised.
func node(t *testing.T, name, token string, args ...string) *server.Server {
	t.Helper()
	return server.Launch(t, server.Options{
		Name: name, Client: server.FreeAddr(t), Bootstrap: []string{"--discovery", token}, Args: args,
	})
}

func ready(t *testing.T, nodes ...*server.Server) {
	t.Helper()
	for _, n := range nodes {
		if err := n.Ready(patience); err != nil {
			t.Fatalf("%v\n%s", err, n.Log())
		}
	}
}

// await tries until there is no error.
func await(t *testing.T, what string, try func() error) {
	t.Helper()
	server.Await(t, what, patience, try)
}

func says(n *server.Server, text string) func() error {
	return func() error {
		if strings.Contains(n.Log(), text) {
			return nil
		}
		return fmt.Errorf("%q is not in its log:\n%s", text, n.Log())
	}
}

// ends waits for a process that is to exit with status 1 and to have said all the texts.
func ends(t *testing.T, n *server.Server, texts ...string) {
	t.Helper()
	err := n.Wait(patience)
	if err == nil || err.Error() != "exit status 1" {
		t.Errorf("it ended with %v instead of exit status 1\n%s", err, n.Log())
	}
	for _, text := range texts {
		if !strings.Contains(n.Log(), text) {
			t.Errorf("it does not say %q:\n%s", text, n.Log())
		}
	}
}

// oneCluster writes through the first and reads everywhere.
func oneCluster(t *testing.T, nodes ...*server.Server) {
	t.Helper()
	for i, n := range nodes {
		c := keys.New(n.Endpoint, 1)
		defer c.Close()
		if i == 0 {
			if a, err := c.Do(t.Context(), "PUT", keys.Path("/who"), keys.Form("value", "all")); err != nil || !a.OK() {
				t.Fatal(a, err)
			}
		}
		a, err := c.Do(t.Context(), "GET", keys.Path("/who", "quorum", "true"), nil)
		if err != nil || a.Node == nil || a.Node.Value != "all" {
			t.Fatalf("%s: %v, %v", n.Endpoint, a, err)
		}
	}
}

// silent checks that a port is open and answers nothing.
func silent(t *testing.T, endpoint string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint+"/version", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err == nil {
		resp.Body.Close()
		t.Fatalf("%s answers", endpoint)
	}
	if ctx.Err() == nil {
		t.Fatalf("%s: %v instead of silence", endpoint, err)
	}
}
