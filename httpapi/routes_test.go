package httpapi

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestRoutes(t *testing.T) {
	const (
		notFound = "404 page not found\n"
		refused  = "Method Not Allowed\n"
		member   = `{"id":"c1","name":"one","peerURLs":["http://127.0.0.1:2380"],"clientURLs":["http://127.0.0.1:2379"]}`
	)
	g := newRig(t, Options{})
	for _, c := range []struct {
		method, target string
		status         int
		allow, body    string
	}{
		{"GET", "/", 404, "", notFound},
		{"FOO", "/v2/keysfoo", 404, "", notFound},
		{"GET", "/V2/keys", 404, "", notFound},
		{"PUT", "/v2/stats", 404, "", notFound},
		{"GET", "/version/", 404, "", notFound},
		{"GET", "/v2/machines/", 404, "", notFound},
		{"PATCH", "/v2/keys/k?ttl=x", 405, "HEAD,GET,PUT,POST,DELETE", refused},
		{"QGET", "/v2/keys", 405, "HEAD,GET,PUT,POST,DELETE", refused},
		{"CONNECT", "/v2/keys/a//b", 405, "HEAD,GET,PUT,POST,DELETE", refused},
		{"get", "/v2/keys/", 405, "HEAD,GET,PUT,POST,DELETE", refused},
		{"POST", "/version", 405, "GET", refused},
		{"HEAD", "/health", 405, "GET", refused},
		{"DELETE", "/v2/machines", 405, "GET,HEAD", refused},
		{"HEAD", "/v2/members", 405, "GET,POST,DELETE,PUT", refused},
		{"BREW", "/v2/members/x", 405, "GET,POST,DELETE,PUT", refused},
		{"DELETE", "/v2/members/", 405, "", refused},
		{"GET", "/version?x=1", 200, "", `{"etcdserver":"2.3.8","etcdcluster":"2.3.0"}`},
		{"GET", "/health", 200, "", `{"health": "true"}`},
		{"GET", "/v2/machines", 200, "", "http://127.0.0.1:2379"},
		{"HEAD", "/v2/machines", 200, "", "http://127.0.0.1:2379"}, // net/http drops the body
		{"GET", "/v2/members", 200, "", `{"members":[` + member + `]}` + "\n"},
		{"GET", "/v2/members/", 200, "", `{"members":[` + member + `]}` + "\n"},
		{"GET", "/v2/members/leader", 200, "", member + "\n"},
		{"GET", "/v2/members/leader/", 404, "", `{"message":"Not found"}`},
		{"GET", "/v2/members/c1", 404, "", `{"message":"Not found"}`},
		{"GET", "/v2/auth/enable?x", 200, "", `{"enabled":false}` + "\n"},
		{"PUT", "/v2/auth/enable", 409, "", `{"message":"auth: No root user available, please create one"}`},
		{"HEAD", "/v2/auth/enable", 405, "GET,PUT,DELETE", refused},
		{"GET", "/v2/auth/enable/", 404, "", notFound},
		{"GET", "/v2%2F%6Bey%73", 200, "", `{"action":"get","node":{"dir":true}}` + "\n"},
		{"DELETE", "/v2%2Fkeys/none", 404, "", `{"errorCode":100,"message":"Key not found","cause":"/none","index":3}` + "\n"},
	} {
		w := g.do(c.method, c.target, "")
		if w.Code != c.status || w.Header().Get("Allow") != c.allow || w.Body.String() != c.body {
			t.Errorf("%s %s: %d, Allow %q, %s", c.method, c.target, w.Code, w.Header().Get("Allow"), w.Body)
		}
		if plain := strings.Contains(c.body, " not found\n") || c.body == refused; plain != (w.Header().Get("X-Content-Type-Options") == "nosniff") {
			t.Errorf("%s %s: %v", c.method, c.target, w.Header())
		}
		if members := strings.HasPrefix(c.target, "/v2/members") && c.allow == ""; members && w.Header().Get("X-Etcd-Cluster-Id") != "abc" {
			t.Errorf("%s %s: %v", c.method, c.target, w.Header())
		}
	}
}

func TestWithoutALeader(t *testing.T) {
	g := newRig(t, Options{})
	g.leader, g.sick = 0, true
	if w := g.do("GET", "/v2/members/leader", ""); w.Code != 503 || w.Body.String() != `{"message":"During election"}` {
		t.Error(w.Code, w.Body)
	}
	if w := g.do("GET", "/health", ""); w.Code != 503 || w.Body.String() != `{"health": "false"}`+"\n" {
		t.Error(w.Code, w.Body)
	}
	g.leader = 0xdead // removed, or not known here yet
	if w := g.do("GET", "/v2/members/leader", ""); w.Code != 503 {
		t.Error(w.Code, w.Body)
	}
}

func TestOptionsIsAnsweredAnywhere(t *testing.T) {
	c := dial(t, newRig(t, Options{CORS: []string{"*"}}).listen(t))
	for _, target := range []string{"/v2/keys/k", "/nonsense", "/v2/keys//a/../b", "*"} {
		c.send("OPTIONS " + target + " HTTP/1.1\r\nHost: h\r\n\r\n")
		resp := c.answer("OPTIONS")
		if resp.StatusCode != 200 || resp.ContentLength != 0 || resp.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Error(target, resp.Status, resp.ContentLength, resp.Header)
		}
	}
}

func TestCORS(t *testing.T) {
	for _, c := range []struct {
		list         []string
		origin, want string
	}{
		{nil, "http://a", ""},
		{[]string{"*"}, "", "*"},
		{[]string{"http://a", " * "}, "http://a", "*"},
		{[]string{"http://a", " http://b "}, "http://b", "http://b"},
		{[]string{"http://a"}, "http://A", ""},
		{[]string{"http://a", ""}, "", ""},
	} {
		g := newRig(t, Options{CORS: c.list})
		for _, target := range []string{"/v2/keys", "/v2/keys/none", "/nonsense", "/v2//keys", "/v2/members", "/v2/keys?ttl=x"} {
			r, _ := http.NewRequest("GET", target, nil)
			if c.origin != "" {
				r.Header.Set("Origin", c.origin)
			}
			w := newRecorder()
			g.handler.ServeHTTP(w, r)
			h := w.Header()
			methods, headers := h.Get("Access-Control-Allow-Methods"), h.Get("Access-Control-Allow-Headers")
			if given := c.want != ""; h.Get("Access-Control-Allow-Origin") != c.want ||
				given != (methods == "POST, GET, OPTIONS, PUT, DELETE") || given != (headers == "accept, content-type, authorization") {
				t.Errorf("%q, Origin %q, %s: %v", c.list, c.origin, target, h)
			}
		}
	}
}

func TestPeerPort(t *testing.T) {
	g := newRig(t, Options{})
	g.handler = NewPeer(g.lone, time.Now)
	for _, c := range []struct {
		method, target string
		status         int
		body           string
	}{
		{"GET", "/members", 200, `[{"id":193,"peerURLs":["http://127.0.0.1:2380"],"name":"one","clientURLs":["http://127.0.0.1:2379"]}]` + "\n"},
		{"PUT", "/members", 405, "Method Not Allowed\n"},
		{"GET", "/members/", 404, "404 page not found\n"},
		{"GET", "/version", 200, `{"etcdserver":"2.3.8","etcdcluster":"2.3.0"}`},
		{"GET", "/v2/keys", 404, "404 page not found\n"},
		{"OPTIONS", "/members", 405, "Method Not Allowed\n"},
		{"PUT", "/x//members", 301, ""},
	} {
		if w := g.do(c.method, c.target, ""); w.Code != c.status || w.Body.String() != c.body {
			t.Errorf("%s %s: %d %s", c.method, c.target, w.Code, w.Body)
		}
	}
	if w := g.do("GET", "/members", ""); w.Header().Get("X-Etcd-Cluster-Id") != "abc" {
		t.Error(w.Header())
	}
	var probe struct {
		OK  bool
		Now time.Time
	}
	w := g.do("GET", "/raft/probing", "")
	if err := json.Unmarshal(w.Body.Bytes(), &probe); err != nil || !probe.OK || probe.Now.IsZero() || w.Header().Get("Content-Type") != typeText[0] {
		t.Error(err, w.Body, w.Header())
	}
}

func TestAPanicIsNotTheEndOfTheServer(t *testing.T) {
	g := newRig(t, Options{})
	g.handler.(*handler).now = func() time.Time { panic("a bug") }
	addr := g.listen(t)
	broken := dial(t, addr)
	broken.send("GET /v2/keys HTTP/1.1\r\nHost: h\r\n\r\n")
	if _, err := broken.r.ReadByte(); err == nil {
		t.Error("answered")
	}
	if resp := dial(t, addr).get("/version"); resp.StatusCode != 200 {
		t.Error(resp.Status)
	}
}
