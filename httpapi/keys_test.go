package httpapi

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestKeysToTheByte is a conversation with a fresh member; each answer is what the reference gives.
func TestKeysToTheByte(t *testing.T) {
	g := newRig(t, Options{})
	for _, c := range []struct {
		method, target, form string
		status               int
		index, body          string
	}{
		{"GET", "/v2/keys", "", 200, "3", `{"action":"get","node":{"dir":true}}`},
		{"GET", "/v2/keys/a/b", "", 404, "3", `{"errorCode":100,"message":"Key not found","cause":"/a","index":3}`},
		{"PUT", "/v2/keys/a/b", "value=x+%22%3C%5C%FF%E2%80%A8", 201, "4",
			`{"action":"set","node":{"key":"/a/b","value":"x \"\u003c\\\ufffd\u2028","modifiedIndex":4,"createdIndex":4}}`},
		{"PUT", "/v2/keys/a/b/", "value=y&ttl=100", 200, "5",
			`{"action":"set","node":{"key":"/a/b","value":"y","expiration":"2026-11-24T12:01:40.5Z","ttl":100,"modifiedIndex":5,"createdIndex":5},` +
				`"prevNode":{"key":"/a/b","value":"x \"\u003c\\\ufffd\u2028","modifiedIndex":4,"createdIndex":4}}`},
		{"PUT", "/v2/keys/a/b?prevExist=true&prevIndex=4", "value=z", 412, "5",
			`{"errorCode":101,"message":"Compare failed","cause":"[4 != 5]","index":5}`},
		{"PUT", "/v2/keys/a/b?prevValue=y", "", 200, "6",
			`{"action":"compareAndSwap","node":{"key":"/a/b","value":"","modifiedIndex":6,"createdIndex":5},` +
				`"prevNode":{"key":"/a/b","value":"y","expiration":"2026-11-24T12:01:40.5Z","ttl":100,"modifiedIndex":5,"createdIndex":5}}`},
		{"PUT", "/v2/keys/a/_h", "", 201, "7", `{"action":"set","node":{"key":"/a/_h","value":"","modifiedIndex":7,"createdIndex":7}}`},
		{"POST", "/v2/keys/a/q", "value=1", 201, "8",
			`{"action":"create","node":{"key":"/a/q/00000000000000000008","value":"1","modifiedIndex":8,"createdIndex":8}}`},
		{"GET", "/v2/keys/a", "", 200, "8",
			`{"action":"get","node":{"key":"/a","dir":true,"nodes":[` +
				`{"key":"/a/b","value":"","modifiedIndex":6,"createdIndex":5},{"key":"/a/q","dir":true,"modifiedIndex":8,"createdIndex":8}],` +
				`"modifiedIndex":4,"createdIndex":4}}`},
		{"GET", "/v2/keys?recursive=true&quorum=true", "", 200, "8",
			`{"action":"get","node":{"dir":true,"nodes":[{"key":"/a","dir":true,"nodes":[` +
				`{"key":"/a/b","value":"","modifiedIndex":6,"createdIndex":5},{"key":"/a/q","dir":true,"nodes":[` +
				`{"key":"/a/q/00000000000000000008","value":"1","modifiedIndex":8,"createdIndex":8}],"modifiedIndex":8,"createdIndex":8}],` +
				`"modifiedIndex":4,"createdIndex":4}]}}`},
		{"GET", "/v2/keys/a/_h?wait=true&quorum=true", "", 200, "8",
			`{"action":"get","node":{"key":"/a/_h","value":"","modifiedIndex":7,"createdIndex":7}}`},
		{"DELETE", "/v2/keys/a/b?prevValue=", "", 400, "0",
			`{"errorCode":201,"message":"PrevValue is Required in POST form","cause":"\"prevValue\" cannot be empty","index":0}`},
		{"DELETE", "/v2/keys/a?dir=true", "", 403, "8", `{"errorCode":108,"message":"Directory not empty","cause":"/a","index":8}`},
		{"DELETE", "/v2/keys/a?recursive=true", "", 200, "9",
			`{"action":"delete","node":{"key":"/a","dir":true,"modifiedIndex":9,"createdIndex":4},` +
				`"prevNode":{"key":"/a","dir":true,"modifiedIndex":4,"createdIndex":4}}`},
		{"DELETE", "/v2/keys", "", 400, "9", `{"errorCode":107,"message":"Root is read only","cause":"/","index":9}`},
		{"DELETE", "/v2/keys/?prevIndex=1", "", 403, "9", `{"errorCode":102,"message":"Not a file","index":9}`},
	} {
		w := g.do(c.method, c.target, c.form)
		if w.Code != c.status || w.Body.String() != c.body+"\n" {
			t.Errorf("%s %s: %d %s\nwant %d %s", c.method, c.target, w.Code, w.Body, c.status, c.body)
		}
		checkHeaders(t, c.method+" "+c.target, w.Header(), c.index, c.status < 300)
	}
}

func checkHeaders(t *testing.T, what string, h http.Header, index string, success bool) {
	t.Helper()
	if h.Get("Content-Type") != "application/json" || h.Get("X-Etcd-Cluster-Id") != "abc" || h.Get("X-Etcd-Index") != index {
		t.Errorf("%s: headers %v, want etcd index %s", what, h, index)
	}
	if hasRaft := h.Get("X-Raft-Index") != "" && h.Get("X-Raft-Term") == "1"; hasRaft != success {
		t.Errorf("%s: headers %v", what, h)
	}
}

func TestHeadTellsTheLengthOfGet(t *testing.T) {
	g := newRig(t, Options{})
	g.do("PUT", "/v2/keys/long", "value="+strings.Repeat("<", 100_000))
	for i := range 2000 {
		g.do("PUT", fmt.Sprintf("/v2/keys/d/%d", i), "value=v")
	}
	for _, target := range []string{"/v2/keys/long", "/v2/keys/d", "/v2/keys?recursive=true", "/v2/keys/none", "/v2/keys?ttl=x"} {
		get, head := g.do("GET", target, ""), g.do("HEAD", target, "")
		if head.Code != get.Code || head.Body.Len() != 0 || head.Header().Get("Content-Length") != strconv.Itoa(get.Body.Len()) {
			t.Errorf("HEAD %s: %d, length %s; GET: %d, %d bytes", target, head.Code, head.Header().Get("Content-Length"), get.Code, get.Body.Len())
		}
	}
	if w := g.do("HEAD", "/v2/keys/d?quorum=true", ""); w.Code != 200 {
		t.Error("HEAD with quorum:", w.Code)
	}
}

func TestOnlyFormsAreRead(t *testing.T) {
	for _, c := range []struct {
		contentType string
		value       string
		cause       string
	}{
		{"application/x-www-form-urlencoded", "x", ""},
		{"Application/X-WWW-Form-URLEncoded; charset=utf-8", "x", ""},
		{"application/x-www-form-urlencoded;", "x", ""},
		{"application/json", "", ""},
		{"multipart/form-data; boundary=x", "", ""},
		{"", "", ""},
		{";;;", "", "mime: no media type"},
		{"a/b/c", "", "mime: unexpected content after media subtype"},
		{"application/x-www-form-urlencoded; a", "", "mime: invalid media parameter"},
	} {
		for body, value := range map[string]string{"value=x": c.value, "": ""} {
			g := newRig(t, Options{})
			r, _ := http.NewRequest("PUT", "/v2/keys/k", strings.NewReader(body))
			r.Header.Set("Content-Type", c.contentType)
			w := newRecorder()
			g.handler.ServeHTTP(w, r)
			got := w.Body.String()
			if c.cause != "" && !strings.Contains(got, c.cause) || c.cause == "" && !strings.Contains(got, `"value":"`+value+`"`) {
				t.Errorf("%q with the body %q: %s", c.contentType, body, got)
			}
		}
	}
}

func TestBodiesOfOtherMethodsAreNotLookedAt(t *testing.T) {
	g := newRig(t, Options{})
	g.do("PUT", "/v2/keys/k", "value=a")
	if w := g.do("GET", "/v2/keys/k", "recursive=maybe"); w.Code != 200 {
		t.Error(w.Body)
	}
	if w := g.do("DELETE", "/v2/keys/k", "prevValue=b"); w.Code != 200 {
		t.Error(w.Body)
	}
}

func TestFailuresAreError300(t *testing.T) {
	g := newRig(t, Options{})
	for _, c := range []struct {
		err    error
		status int
		cause  string
	}{
		{&Failure{Status: 500, Cause: "etcdserver: request timed out"}, 500, "etcdserver: request timed out"},
		{&Failure{Status: 503, Cause: "etcdserver: too many requests"}, 503, "etcdserver: too many requests"},
		{fmt.Errorf("wrapped: %w", &Failure{Status: 503, Cause: "inner"}), 503, "inner"},
		{errors.New("unforeseen"), 500, "unforeseen"},
	} {
		g.fail = c.err
		want := `{"errorCode":300,"message":"Raft Internal Error","cause":"` + c.cause + `","index":0}` + "\n"
		for _, w := range []*recorder{g.do("PUT", "/v2/keys/k", ""), g.do("GET", "/v2/keys?quorum=true", "")} {
			if w.Code != c.status || w.Body.String() != want {
				t.Errorf("%v: %d %s", c.err, w.Code, w.Body)
			}
			checkHeaders(t, c.cause, w.Header(), "0", false)
		}
		if w := g.do("GET", "/v2/keys", ""); w.Code != 200 {
			t.Error("a plain read needs nobody:", w.Code)
		}
	}
}

func TestAStoppedServerCutsConnections(t *testing.T) {
	g := newRig(t, Options{})
	g.fail = ErrStopped
	defer func() {
		if p := recover(); p != http.ErrAbortHandler {
			t.Error(p)
		}
	}()
	g.do("PUT", "/v2/keys/k", "")
}

func TestOverdueKeysShowNegativeTTL(t *testing.T) {
	now := testTime
	g := newRig(t, Options{Now: func() time.Time { return now }})
	g.do("PUT", "/v2/keys/k", "ttl=2")
	for _, c := range []struct {
		after time.Duration
		want  string
	}{{0, `"ttl":2,`}, {1500 * time.Millisecond, `"ttl":1,`}, {2 * time.Second, `.5Z","modified`}, {7 * time.Second, `"ttl":-5,`}} {
		now = testTime.Add(c.after)
		if w := g.do("GET", "/v2/keys/k", ""); !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("after %v: %s, want %s", c.after, w.Body, c.want)
		}
	}
}
