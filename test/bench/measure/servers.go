package measure

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"pando/test/server"
)

// servePatience is how long a server may take to serve.
const servePatience = 2 * time.Minute

// start starts one node of the subject and waits until it serves.
func (t *turn) start() *server.Server {
	s := server.Launch(t, server.Options{Binary: t.subject.path, Args: t.subject.args})
	t.ready(s)
	return s
}

// startThree starts a cluster of three members that dial each other directly.
func (t *turn) startThree() []*server.Server {
	var peers, initial []string
	for i := range 3 {
		peers = append(peers, server.FreeAddr(t))
		initial = append(initial, fmt.Sprintf("m%d=http://%s", i, peers[i]))
	}
	args := append([]string{"--initial-cluster", strings.Join(initial, ",")}, t.subject.args...)
	var members []*server.Server
	for i, peer := range peers {
		members = append(members, server.Launch(t, server.Options{Binary: t.subject.path, Name: fmt.Sprintf("m%d", i), Peer: peer, Args: args}))
	}
	t.ready(members...)
	// Pandos that have just met change their leader once more.
	server.Await(t, "Pando's own rules", servePatience, func() error {
		for _, m := range members {
			header, _, err := get(m.Endpoint + "/health")
			if with := header.Get("X-Pando-Mixed-With"); err != nil || with != "" {
				return fmt.Errorf("%s is mixed with %q, %v", m.Endpoint, with, err)
			}
		}
		return nil
	})
	return members
}

func (t *turn) ready(servers ...*server.Server) {
	for _, s := range servers {
		if err := s.Ready(servePatience); err != nil {
			t.Fatalf("%v: %s", err, lastLine(s.Log()))
		}
	}
}

// leaderFirst puts the leader before the others, because the first one is asked. One that is alone is first.
func (t *turn) leaderFirst(members []*server.Server) []*server.Server {
	if len(members) == 1 {
		return members
	}
	leader := -1
	server.Await(t, "a leader", servePatience, func() error {
		_, body, err := get(members[0].Endpoint + "/v2/members/leader")
		if err != nil {
			return err
		}
		var member struct{ Name string }
		if err := json.Unmarshal(body, &member); err != nil {
			return err
		}
		if _, err := fmt.Sscanf(member.Name, "m%d", &leader); err != nil || leader < 0 || leader >= len(members) {
			return fmt.Errorf("the leader is %q", member.Name)
		}
		return nil
	})
	return slices.Concat(members[leader:], members[:leader])
}

var plain = &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// get fetches a small page that must be there.
func get(url string) (http.Header, []byte, error) {
	resp, err := plain.Get(url)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s", url, resp.Status)
	}
	return resp.Header, body, err
}

// put writes one key.
func (t *turn) put(s *server.Server, key string) {
	req, err := http.NewRequestWithContext(t.ctx, http.MethodPut, s.Endpoint+"/v2/keys"+key+"?value=x", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := plain.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusCreated && resp.StatusCode != http.StatusOK {
		t.Fatalf("PUT %s: %s", key, resp.Status)
	}
}
