// Package keys is a client of the v2 keys API for tests which look at answers as a whole: status, headers, bytes and
// what they mean. It repeats nothing, follows nothing and hides nothing, which a client for programs would.
package keys

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Node is a node as an answer shows it.
type Node struct {
	Key           string     `json:"key"`
	Value         string     `json:"value"`
	Dir           bool       `json:"dir"`
	Expiration    *time.Time `json:"expiration"`
	TTL           int64      `json:"ttl"`
	Nodes         []*Node    `json:"nodes"`
	ModifiedIndex uint64     `json:"modifiedIndex"`
	CreatedIndex  uint64     `json:"createdIndex"`
}

// Leaves calls visit for every key below and at n, in the order of the answer; directories are left out.
func (n *Node) Leaves(visit func(*Node)) {
	if !n.Dir {
		visit(n)
	}
	for _, c := range n.Nodes {
		c.Leaves(visit)
	}
}

// Event is an answer's body, or one of a stream's: what happened, or what is wrong.
type Event struct {
	Action   string `json:"action"`
	Node     *Node  `json:"node"`
	PrevNode *Node  `json:"prevNode"`

	ErrorCode int    `json:"errorCode"`
	Message   string `json:"message"`
	Cause     string `json:"cause"`
}

// Answer is a whole answer.
type Answer struct {
	Event
	Status          int
	Header          http.Header
	Index           uint64 // X-Etcd-Index; 0 if it is missing
	RaftIndex, Term uint64
	Body            []byte
}

// OK reports whether the request was carried out.
func (a *Answer) OK() bool { return a.Status == http.StatusOK || a.Status == http.StatusCreated }

// String is the answer in one line, for messages.
func (a *Answer) String() string {
	return fmt.Sprintf("%d %s (X-Etcd-Index %d)", a.Status, strings.TrimSpace(string(a.Body)), a.Index)
}

// Client sends requests to one server. Any goroutine may use it.
type Client struct {
	Endpoint string // http://host:port
	http     *http.Client
}

// New makes a client that keeps up to conns connections.
func New(endpoint string, conns int) *Client {
	return &Client{Endpoint: endpoint, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: conns}}}
}

// Close gives up the connections that are idle.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Path is a request's target below /v2/keys: Path("/a", "wait", "true") is /v2/keys/a?wait=true.
func Path(key string, query ...string) string {
	p := "/v2/keys" + (&url.URL{Path: key}).EscapedPath()
	if v := Form(query...); len(v) > 0 {
		p += "?" + v.Encode()
	}
	return p
}

// Form makes a form of names and values in turn.
func Form(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return v
}

// Do sends one request and reads the whole answer. A body that is not JSON is an error only if it should have been:
// for an answer of the keys API.
func (c *Client) Do(ctx context.Context, method, target string, form url.Values) (*Answer, error) {
	resp, err := c.send(ctx, method, target, form)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	a := &Answer{Status: resp.StatusCode, Header: resp.Header}
	if a.Body, err = io.ReadAll(resp.Body); err != nil {
		return nil, err
	}
	for name, to := range map[string]*uint64{"X-Etcd-Index": &a.Index, "X-Raft-Index": &a.RaftIndex, "X-Raft-Term": &a.Term} {
		if text := resp.Header.Get(name); text != "" {
			if *to, err = strconv.ParseUint(text, 10, 64); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	if err := json.Unmarshal(a.Body, &a.Event); err != nil && strings.HasPrefix(target, "/v2/keys") {
		return nil, fmt.Errorf("%s %s: %s: %w", method, target, a, err)
	}
	return a, nil
}

func (c *Client) send(ctx context.Context, method, target string, form url.Values) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.Endpoint+target, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return c.http.Do(req)
}

// Stream reads the events of a watch with stream=true until take answers false, the stream or ctx ends.
func (c *Client) Stream(ctx context.Context, key string, waitIndex uint64, take func(*Event) bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	query := []string{"wait", "true", "recursive", "true", "stream", "true"}
	if waitIndex > 0 {
		query = append(query, "waitIndex", strconv.FormatUint(waitIndex, 10))
	}
	resp, err := c.send(ctx, http.MethodGet, Path(key, query...), nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	for dec := json.NewDecoder(resp.Body); ; {
		e := new(Event)
		if err := dec.Decode(e); err != nil {
			return err
		}
		if !take(e) {
			return nil
		}
	}
}
