package discovery

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"
)

const (
	dialTimeout      = 30 * time.Second
	handshakeTimeout = 10 * time.Second
	requestTimeout   = 5 * time.Second // for anything but a watch
	maxAnswer        = 1 << 20         // bytes
	maxRedirects     = 10
)

// node is a key as the v2 API shows it.
type node struct {
	Key           string `json:"key"`
	Value         string `json:"value"`
	Nodes         []node `json:"nodes"`
	CreatedIndex  uint64 `json:"createdIndex"`
	ModifiedIndex uint64 `json:"modifiedIndex"`
}

// name is the last element of the key. The path before it is the service's own: it may differ from the one that was asked for.
func (n *node) name() string { return path.Base(n.Key) }

// answer is what a request of the v2 API gives.
type answer struct {
	Action string `json:"action"`
	Node   *node  `json:"node"`
	index  uint64 // X-Etcd-Index; 0 if there is none
}

// client speaks to one token's directory. One goroutine uses it.
type client struct {
	http  *http.Client
	token url.URL
}

func newClient(token, proxy string) (*client, error) {
	u, err := url.Parse(token)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return nil, fmt.Errorf("%w: %q is no URL like http://host:2379/v2/keys/_etcd/registry/TOKEN", ErrBadEndpoint, token)
	case strings.Trim(u.Path, "/") == "":
		return nil, fmt.Errorf("%w: the URL names no token", ErrBadEndpoint)
	}
	u.RawQuery, u.Fragment = "", ""
	transport := &http.Transport{
		DialContext:         (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout: handshakeTimeout,
		// Requests are rare, and no server in between is surprised by a connection that was idle for long.
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: maxAnswer,
	}
	if proxy != "" {
		if !strings.Contains(proxy, "://") {
			proxy = "http://" + proxy
		}
		through, err := url.Parse(proxy)
		if err != nil || through.Host == "" {
			return nil, fmt.Errorf("invalid proxy address %q: it has to be a URL like http://host:3128", proxy)
		}
		transport.Proxy = http.ProxyURL(through)
	}
	return &client{token: *u, http: &http.Client{
		Transport: transport,
		// net/http would make a GET of a redirected PUT.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// get reads a key below the token, or its directory itself.
func (c *client) get(ctx context.Context, key string) (*answer, error) {
	return c.quick(ctx, http.MethodGet, key, "quorum=false&recursive=false&sorted=false", "")
}

// create makes a key that must not exist.
func (c *client) create(ctx context.Context, key, value string) (*answer, error) {
	return c.quick(ctx, http.MethodPut, key, "prevExist=false", url.Values{"value": {value}}.Encode())
}

// watch waits for the first event at or after an index, for as long as that takes.
func (c *client) watch(ctx context.Context, key string, recursive bool, index uint64) (*answer, error) {
	return c.do(ctx, http.MethodGet, key, fmt.Sprintf("recursive=%t&wait=true&waitIndex=%d", recursive, index), "")
}

func (c *client) quick(ctx context.Context, method, key, query, form string) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	return c.do(ctx, method, key, query, form)
}

// do sends a request and follows redirects, with the method and the body that it has. Errors are an errUnreachable, a
// *serviceError or ErrBadEndpoint.
func (c *client) do(ctx context.Context, method, key, query, form string) (*answer, error) {
	u := c.token
	u.Path, u.RawPath = path.Join("/", u.Path, key), ""
	u.RawQuery = query
	target := &u
	for range maxRedirects + 1 {
		resp, err := c.send(ctx, method, target, form)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errUnreachable, err)
		}
		if resp.StatusCode/100 != 3 {
			defer resp.Body.Close()
			return read(resp)
		}
		resp.Body.Close()
		if target, err = resp.Location(); err != nil {
			return nil, ErrBadEndpoint
		}
	}
	return nil, ErrBadEndpoint
}

func (c *client) send(ctx context.Context, method string, target *url.URL, form string) (*http.Response, error) {
	var body io.Reader
	if form != "" {
		body = strings.NewReader(form)
	}
	req, err := http.NewRequestWithContext(ctx, method, target.String(), body)
	if err != nil {
		return nil, err
	}
	if form != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return c.http.Do(req)
}

// read tells the answers of the v2 API from everything else.
func read(resp *http.Response) (*answer, error) {
	if resp.StatusCode/100 == 5 {
		return nil, fmt.Errorf("%w: %s", errUnreachable, resp.Status)
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errUnreachable, err)
	case len(text) > maxAnswer:
		return nil, ErrBadEndpoint
	case resp.StatusCode/100 == 2 && len(text) == 0: // a watch that a proxy gave up
		return nil, fmt.Errorf("%w: an empty answer", errUnreachable)
	}
	if resp.StatusCode/100 != 2 {
		e := new(serviceError)
		if json.Unmarshal(text, e) != nil || e.Code == 0 {
			return nil, ErrBadEndpoint
		}
		return nil, e
	}
	a := new(answer)
	if json.Unmarshal(text, a) != nil || a.Action == "" || a.Node == nil {
		return nil, ErrBadEndpoint
	}
	a.index, _ = strconv.ParseUint(resp.Header.Get("X-Etcd-Index"), 10, 64)
	return a, nil
}
