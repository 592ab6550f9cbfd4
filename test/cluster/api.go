package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"pando/test/fault/keys"
)

// short bounds questions that a member answers by itself.
const short = 2 * time.Second

// client keeps connections for reads, which it repeats when a kept one turns out to be dead.
var client = &http.Client{Transport: &http.Transport{}}

// Reply is a whole answer.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte
}

func (r *Reply) String() string {
	return fmt.Sprintf("%d %s", r.Status, strings.TrimSpace(string(r.Body)))
}

// Request sends one request to a member; a body is JSON. Any goroutine may call it.
func (m *Member) Request(timeout time.Duration, method, target, body string) (*Reply, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, m.Endpoint+target, bytes.NewBufferString(body))
	if err != nil {
		return nil, err
	}
	req.Close = method != http.MethodGet
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	r := &Reply{Status: resp.StatusCode, Header: resp.Header}
	r.Body, err = io.ReadAll(resp.Body)
	return r, err
}

// Do sends one request of the keys API to a member, on a connection of its own. Any goroutine may call it.
func (m *Member) Do(timeout time.Duration, method, target string, form url.Values) (*keys.Answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	c := keys.New(m.Endpoint, 1)
	defer c.Close()
	return c.Do(ctx, method, target, form)
}

// Put sets a key within the time of a request. It is an error if it is not set. Any goroutine may call it.
func (m *Member) Put(key, value string) (*keys.Answer, error) {
	return m.carriedOut(m.Do(Request+short, http.MethodPut, keys.Path(key), keys.Form("value", value)))
}

// MustPut sets a key or fails the test.
func (m *Member) MustPut(key, value string) *keys.Answer {
	m.cluster.t.Helper()
	a, err := m.Put(key, value)
	if err != nil {
		m.cluster.t.Fatal(err)
	}
	return a
}

// Get reads a key as this member knows it. It is an error if it knows no such key. Any goroutine may call it.
func (m *Member) Get(key string, query ...string) (*keys.Answer, error) {
	return m.carriedOut(m.Do(Request+short, http.MethodGet, keys.Path(key, query...), nil))
}

func (m *Member) carriedOut(a *keys.Answer, err error) (*keys.Answer, error) {
	if err == nil && !a.OK() {
		err = fmt.Errorf("%v: %v", m, a)
	}
	return a, err
}

// Value is the value that this member knows for a key: "" if it knows none or does not answer. Any goroutine may call it.
func (m *Member) Value(key string) string {
	a, err := m.Get(key)
	if err != nil {
		return ""
	}
	return a.Node.Value
}

// Info is a member as the API shows it.
type Info struct {
	ID         string   `json:"id"`
	Name       string   `json:"name"`
	PeerURLs   []string `json:"peerURLs"`
	ClientURLs []string `json:"clientURLs"`
}

// Leader is the name of the leader according to this member: "" if it knows none or does not answer. Any goroutine may
// call it.
func (m *Member) Leader() string {
	r, err := m.Request(short, http.MethodGet, "/v2/members/leader", "")
	if err != nil || r.Status != http.StatusOK {
		return ""
	}
	var i Info
	if json.Unmarshal(r.Body, &i) != nil {
		return ""
	}
	return i.Name
}

// List is what this member answers to /v2/members.
func (m *Member) List() []Info {
	m.cluster.t.Helper()
	r, err := m.Request(short, http.MethodGet, "/v2/members", "")
	if err != nil {
		m.cluster.t.Fatal(err)
	}
	var all struct{ Members []Info }
	if err := json.Unmarshal(r.Body, &all); err != nil || r.Status != http.StatusOK {
		m.cluster.t.Fatalf("%v: /v2/members: %v", m, r)
	}
	return all.Members
}

// ID is the member's id according to another one.
func (m *Member) ID(according *Member) string {
	m.cluster.t.Helper()
	list := according.List()
	for _, i := range list {
		if len(i.PeerURLs) == 1 && i.PeerURLs[0] == m.PeerURL {
			return i.ID
		}
	}
	m.cluster.t.Fatalf("%v is not in %+v", m, list)
	return ""
}

// Healthy reports what /health says; a member that does not answer is not healthy. Any goroutine may call it.
func (m *Member) Healthy() bool {
	r, err := m.Request(short, http.MethodGet, "/health", "")
	return err == nil && r.Status == http.StatusOK && bytes.Contains(r.Body, []byte("true"))
}

// Mixed is what /health of a Pando says of the members that are not Pando; "" if the cluster lives by Pando's own rules.
// Any goroutine may call it.
func (m *Member) Mixed() (string, error) {
	r, err := m.Request(short, http.MethodGet, "/health", "")
	if err != nil {
		return "", err
	}
	return r.Header.Get("X-Pando-Mixed-With"), nil
}
