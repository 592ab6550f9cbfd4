package tls

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestMove takes a cluster from http to https between its members, one after the other, as docs/clustering.md says.
func TestMove(t *testing.T) {
	t.Parallel()
	a := newAuthorities(t)
	c := newClusterOf(t, false, func(int) []string { return nil })
	c.ready(0, 1, 2)
	var list struct {
		Members []struct{ Name, ID string }
	}
	if err := json.Unmarshal([]byte(strings.TrimPrefix(c.answer(0, "/v2/members"), "200 ")), &list); err != nil {
		t.Fatal(err)
	}
	ids := map[string]string{}
	for _, m := range list.Members {
		ids[m.Name] = m.ID
	}
	write := func(i int) {
		t.Helper()
		if err := put(client(nil), c.members[i].Endpoint, "k", fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3 {
		c.options[i].Args = append(c.options[i].Args, peerFlags(a.server, "--peer-trusted-ca-file", a.ca.File, "--peer-client-cert-auth")...)
		c.restart(i)
		c.ready(i)
		write(i)
	}
	for i := range 3 {
		if status := c.setPeerURL(ids[fmt.Sprintf("m%d", i)], "https://"+c.options[i].Peer); status != http.StatusNoContent {
			t.Fatalf("m%d: PUT: %d", i, status)
		}
		c.options[i].PeerTLS = true
		c.restart(i)
		c.ready(i)
		write(i)
	}
	for i, m := range c.members {
		if got := outcome(t, m.Peer+"/members", trusting(a.ca)); got != "alert" {
			t.Errorf("m%d: /members without a certificate: %s", i, got)
		}
	}
}

func (c *cluster) setPeerURL(id, url string) (status int) {
	c.t.Helper()
	await(c.t, "a new peer URL", func() error {
		r, err := http.NewRequest(http.MethodPut, c.members[0].Endpoint+"/v2/members/"+id, strings.NewReader(`{"peerURLs":["`+url+`"]}`))
		if err != nil {
			return err
		}
		r.Header.Set("Content-Type", "application/json")
		resp, err := client(nil).Do(r)
		if err != nil {
			return err
		}
		status = resp.StatusCode
		return resp.Body.Close()
	})
	return status
}
