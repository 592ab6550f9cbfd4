package service

import (
	"net/http"
	"strings"
	"testing"

	"pando/test/server"
)

// Packages are logged as --log-package-levels says, under etcd's names, until somebody sets one level for all.
func TestLogPackageLevels(t *testing.T) {
	const ofServer, ofEngine, last = "published {Name:", "leader changed", "everything that was acknowledged is on disk"
	for _, c := range []struct {
		levels       string
		said, unsaid []string
	}{
		{"", []string{ofServer, ofEngine}, nil},
		{"etcdserver=ERROR", []string{ofEngine}, []string{ofServer}},
		{"raft=ERROR", []string{ofServer}, []string{ofEngine}},
		{"*=ERROR,raft=INFO", []string{ofEngine}, []string{ofServer}},
	} {
		// Its port is given: it may not say which one it has.
		s := server.Start(t, server.Options{Client: server.FreeAddr(t), Args: []string{"--log-package-levels", c.levels}})
		for _, text := range c.said {
			awaitLog(t, s, text)
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, s.Endpoint+"/config/local/log", strings.NewReader(`{"Level":"INFO"}`))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusNoContent {
			t.Errorf("%s: the level cannot be set: %s", c.levels, resp.Status)
		}
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
		if !strings.Contains(s.Log(), last) {
			t.Errorf("%s: with one level for all the server is still silent", c.levels)
		}
		for _, text := range c.unsaid {
			if strings.Contains(s.Log(), text) {
				t.Errorf("%s: the log has %q:\n%s", c.levels, text, s.Log())
			}
		}
	}
}
