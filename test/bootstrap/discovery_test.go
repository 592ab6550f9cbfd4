package bootstrap

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"pando/config"
	"pando/test/fault/keys"
	"pando/test/server"
)

// Three Pandos meet at a fourth. Until the last has come, ports are open and silent (cluster scenario 40); the ids are made of
// the token's URL; the registry is needed no longer afterwards (39).
func TestPandoAsService(t *testing.T) {
	t.Parallel()
	s := startService(t)
	token := s.token(t, "abc", "3")
	a := node(t, "n1", token)
	await(t, "n1", says(a, "discovery: found 1 peer(s), waiting for 2 more"))
	silent(t, a.Endpoint)
	silent(t, a.Peer)
	b, c := node(t, "n2", token), node(t, "n3", token)
	ready(t, a, b, c)
	oneCluster(t, a, b, c)

	id := func(n *server.Server) string { return fmt.Sprintf("%x", config.MemberID([]string{n.Peer}, token)) }
	want := map[string]string{id(a): "n1=" + a.Peer, id(b): "n2=" + b.Peer, id(c): "n3=" + c.Peer}
	if got := s.registered(t, "abc"); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("registered: %v, want %v", got, want)
	}

	s.Kill()
	if err := b.Stop(); err != nil {
		t.Fatal(err)
	}
	b = server.Start(t, server.Options{Name: "n2", Dir: b.Dir, Client: strings.TrimPrefix(b.Endpoint, "http://"), Bootstrap: []string{"--discovery", token},
		Peer: strings.TrimPrefix(b.Peer, "http://")})
	if err := says(b, "discovery token ignored since a cluster has already been initialized. Valid log found at")(); err != nil {
		t.Error(err)
	}
	oneCluster(t, a, b, c)
}

// More than the token is for: the third of two becomes a proxy or exits, and is not seen in the directory (scenario 38).
func TestFull(t *testing.T) {
	t.Parallel()
	s := startService(t)
	token := s.token(t, "two", "2")
	a, b := node(t, "n1", token), node(t, "n2", token)
	ready(t, a, b)

	ends(t, node(t, "n3", token, "--discovery-fallback", "exit"), "failed to join discovery cluster (discovery: cluster is full)")

	p := node(t, "n3", token)
	ready(t, p)
	if err := says(p, "discovery cluster full, falling back to proxy")(); err != nil {
		t.Error(err)
	}
	oneCluster(t, p, a, b)
	if got := s.registered(t, "two"); len(got) != 2 {
		t.Errorf("registered: %v", got)
	}

	// It is a proxy from now on, whatever the flags say, and needs no service.
	s.Kill()
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	again := server.Start(t, server.Options{Name: "n3", Dir: p.Dir, Client: server.FreeAddr(t)})
	oneCluster(t, again, a, b)
	if err := says(again, "initialized as proxy before")(); err != nil {
		t.Error(err)
	}
}

// What stops a member (server spec, section 5).
func TestRefused(t *testing.T) {
	t.Parallel()
	s := startService(t)
	for name, c := range map[string]struct {
		token string
		says  []string
	}{
		"no token":    {s.Endpoint + "/v2/keys" + registry + "none", []string{"failed to join discovery cluster (100: Key not found (", "please generate a new discovery token"}},
		"no number":   {s.token(t, "word", "three"), []string{"discovery: size key is bad"}},
		"nobody":      {s.token(t, "zero", "0"), []string{"discovery: size key is bad"}},
		"no keys":     {s.Endpoint + "/version", []string{"discovery: bad discovery endpoint"}},
		"no JSON":     {s.Endpoint + "/health", []string{"discovery: bad discovery endpoint"}},
		"no path":     {s.Endpoint, []string{"discovery: bad discovery endpoint: the URL names no token"}},
		"no URL":      {"token", []string{"discovery: bad discovery endpoint: "}},
		"not a token": {s.Endpoint + "/v2/keys/", []string{"failed to join discovery cluster (100: Key not found (/_config)"}},
	} {
		t.Run(name, func(t *testing.T) {
			n := node(t, "n1", c.token)
			ends(t, n, c.says...)
			if _, err := os.Stat(filepath.Join(n.Dir, "member")); err == nil {
				t.Error("something is left in the data directory")
			}
		})
	}
	t.Run("proxy", func(t *testing.T) {
		ends(t, node(t, "n1", s.token(t, "one", "1"), "--discovery-proxy", "http://"), "invalid proxy address")
	})
	t.Run("existing", func(t *testing.T) {
		ends(t, node(t, "n1", s.token(t, "old", "1"), "--initial-cluster-state", "existing"),
			"discovery URL should not be set when joining existing initial cluster")
	})
}

// Somebody else has registered what is no use to this member.
func TestBadRegistrations(t *testing.T) {
	t.Parallel()
	s := startService(t)
	for name, c := range map[string]struct {
		value string
		says  []string
	}{
		"no URLs":   {"hello", []string{"discovery: invalid URL"}},
		"no scheme": {"x=127.0.0.1:1", []string{"discovery: invalid URL"}},
		"same name": {"n1=http://127.0.0.1:1", []string{"discovery: found duplicate name", "member with duplicated name has registered with discovery service token",
			"please check (cURL) the discovery token", "do not reuse the discovery token"}},
	} {
		t.Run(name, func(t *testing.T) {
			key := strings.ReplaceAll(name, " ", "")
			token := s.token(t, key, "2")
			s.do(t, "PUT", keys.Path(registry+key+"/1234"), "value", c.value)
			ends(t, node(t, "n1", token), c.says...)
			if got := s.registered(t, key); len(got) != 2 {
				t.Errorf("the registration does not stay: %v", got)
			}
		})
	}
}

// A member that has lost its disk does not get in again (scenario 39).
func TestDiskLost(t *testing.T) {
	t.Parallel()
	s := startService(t)
	token := s.token(t, "lost", "1")
	n := node(t, "d1", token)
	ready(t, n)
	n.Kill()
	again := server.Launch(t, server.Options{Name: "d1", Client: server.FreeAddr(t), Peer: strings.TrimPrefix(n.Peer, "http://"), Bootstrap: []string{"--discovery", token}})
	ends(t, again, `member "d1" has previously registered with discovery service token (`+token+")",
		"Please check the given data dir path if the previous bootstrap succeeded")
}

// A service that cannot be reached, or fails, is asked again and again.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	s := startService(t)
	s.token(t, "late", "1")
	addr := server.FreeAddr(t)
	n := node(t, "n1", "http://"+addr+"/v2/keys"+registry+"late")
	await(t, "a first attempt", says(n, "retrying in 2s"))

	target, err := url.Parse(s.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	pass := httputil.NewSingleHostReverseProxy(target)
	var mu sync.Mutex
	bad := 2
	front := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		switch { // one that fails, then one that breaks off when it has registered the member
		case bad == 2:
			bad--
			http.Error(w, "out of order", http.StatusBadGateway)
		case bad == 1 && r.Method == http.MethodPut:
			bad--
			pass.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		default:
			pass.ServeHTTP(w, r)
		}
	}))
	front.Listener.Close()
	if front.Listener, err = listenOn(addr); err != nil {
		t.Fatal(err)
	}
	front.Start()
	defer front.Close()
	if err := n.Ready(2 * patience); err != nil {
		t.Fatal(err, n.Log())
	}
	for _, text := range []string{"retrying in 4s", "502 Bad Gateway", "retrying in 8s"} {
		if err := says(n, text)(); err != nil {
			t.Error(err)
		}
	}
}

// Every request of a member, in order and in form (server spec, section 5).
func TestRequests(t *testing.T) {
	t.Parallel()
	s := startService(t)
	s.token(t, "seen", "2")
	target, err := url.Parse(s.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	pass := httputil.NewSingleHostReverseProxy(target)
	var mu sync.Mutex
	var seen []string
	first := true // only the first member's requests are looked at
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		mu.Lock()
		if first {
			seen = append(seen, strings.TrimSpace(r.Method+" "+r.RequestURI+" "+string(body)))
		}
		mu.Unlock()
		if r.Header.Get("Accept") != "" || r.Header.Get("Authorization") != "" {
			t.Errorf("unexpected headers: %v", r.Header)
		}
		pass.ServeHTTP(w, r)
	}))
	defer front.CloseClientConnections()
	path := "/v2/keys" + registry + "seen"
	n := node(t, "n1", front.URL+path)
	await(t, "n1", says(n, "waiting for 1 more"))
	state := s.do(t, "GET", keys.Path(registry+"seen"))
	id := fmt.Sprintf("%x", config.MemberID([]string{n.Peer}, front.URL+path))
	want := requests(n, path, id, state)
	await(t, "the last request", func() error {
		mu.Lock()
		defer mu.Unlock()
		if len(seen) < len(want) {
			return fmt.Errorf("%d requests", len(seen))
		}
		first = false
		return nil
	})
	ready(t, n, node(t, "n2", front.URL+path))
	mu.Lock()
	defer mu.Unlock()
	if !slices.Equal(seen, want) {
		t.Errorf("requests:\n%s\nwant:\n%s", strings.Join(seen, "\n"), strings.Join(want, "\n"))
	}
}

// requests are those of a member that is the first to register.
func requests(n *server.Server, path, id string, state *keys.Answer) []string {
	size := "GET " + path + "/_config/size?quorum=false&recursive=false&sorted=false"
	list := "GET " + path + "?quorum=false&recursive=false&sorted=false"
	return []string{
		size, list,
		"PUT " + path + "/" + id + "?prevExist=false " + url.Values{"value": {"n1=" + n.Peer}}.Encode(),
		fmt.Sprintf("GET %s/%s?recursive=false&wait=true&waitIndex=%d", path, id, state.Node.Nodes[0].CreatedIndex),
		size, list,
		fmt.Sprintf("GET %s?recursive=true&wait=true&waitIndex=%d", path, state.Index+1),
	}
}

// Redirects are followed with method and body, and everything can go through an HTTP proxy.
func TestRedirectAndProxy(t *testing.T) {
	t.Parallel()
	s := startService(t)
	s.token(t, "moved", "2")
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		to := *r.URL
		to.Path = strings.Replace(to.Path, "/short", "/v2/keys"+registry+"moved", 1)
		http.Redirect(w, r, s.Endpoint+to.RequestURI(), map[string]int{"GET": http.StatusFound, "PUT": http.StatusTemporaryRedirect}[r.Method])
	}))
	defer front.Close()
	var asked atomic.Int32
	through := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		if r.In.URL.Host == "discovery.invalid" { // a name that only the proxy knows
			asked.Add(1)
			r.Out.URL.Host = strings.TrimPrefix(front.URL, "http://")
		}
	}})
	defer through.CloseClientConnections()

	const token = "http://discovery.invalid/short"
	a := node(t, "n1", token, "--discovery-proxy", strings.TrimPrefix(through.URL, "http://"))
	b := node(t, "n2", token, "--discovery-proxy", through.URL)
	ready(t, a, b)
	oneCluster(t, a, b)
	if asked.Load() < 10 {
		t.Errorf("the proxy was asked %d times", asked.Load())
	}
}

// A proxy waits until the token is full, and registers nothing.
func TestProxyWaits(t *testing.T) {
	t.Parallel()
	s := startService(t)
	token := s.token(t, "wait", "1")
	p := node(t, "p", token, "--proxy", "on")
	waiting := node(t, "q", token, "--proxy", "on")
	for _, w := range []*server.Server{p, waiting} {
		await(t, "the proxy", says(w, "discovery: found 0 peer(s), waiting for 1 more"))
	}
	if err := waiting.Stop(); err != nil { // at any time
		t.Error(err)
	}
	n := node(t, "n1", token)
	ready(t, n, p)
	oneCluster(t, p, n)
	if got := s.registered(t, "wait"); len(got) != 1 {
		t.Errorf("registered: %v", got)
	}
}
