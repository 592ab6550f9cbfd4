package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"pando/store"
)

// The lone member takes every change, and remembers it; a test may set what it refuses them with.

func (s *lone) AddMember(_ context.Context, urls []string) (store.Member, error) {
	s.changes = append(s.changes, fmt.Sprint("add ", urls))
	return store.Member{ID: 0xbeef, PeerURLs: urls}, s.refusal
}

func (s *lone) UpdateMember(_ context.Context, id uint64, urls []string) error {
	s.changes = append(s.changes, fmt.Sprintf("update %x %v", id, urls))
	return s.refusal
}

func (s *lone) RemoveMember(_ context.Context, id uint64) error {
	s.changes = append(s.changes, fmt.Sprintf("remove %x", id))
	return s.refusal
}

// change sends a request that changes the membership.
func (g *rig) change(method, target, contentType, body string) *recorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	w := newRecorder()
	g.handler.ServeHTTP(w, r)
	return w
}

// TestMemberChanges has answers of 2.3.8 to the byte: cluster-api spec, section 2.
func TestMemberChanges(t *testing.T) {
	const (
		json    = "application/json"
		members = "/v2/members"
		urls    = `{"peerURLs":["http://a:1"]}`
	)
	message := func(text string) string { return `{"message":"` + text + `"}` }
	for _, c := range []struct {
		method, target, contentType, body string
		status                            int
		answer, change                    string
	}{
		{"POST", members, json, `{"PEERURLS":[" http://b:2 ","http://a:1"],"name":"x","id":7}`, 201,
			`{"id":"beef","name":"","peerURLs":["http://a:1","http://b:2"],"clientURLs":[]}` + "\n", "add [http://a:1 http://b:2]"},
		{"POST", members + "/x/y", json, urls, 201, `{"id":"beef","name":"","peerURLs":["http://a:1"],"clientURLs":[]}` + "\n", "add [http://a:1]"},
		{"POST", members, "", urls, 415, message("Bad Content-Type , accept application/json"), ""},
		{"POST", members, json + "; charset=utf-8", urls, 415, message("Bad Content-Type application/json; charset=utf-8, accept application/json"), ""},
		{"POST", members, json, "", 400, message("unexpected end of JSON input"), ""},
		{"POST", members, json, "{}", 400, message("no valid URLs given"), ""},
		{"POST", members, json, "null", 400, message("no valid URLs given"), ""},
		{"POST", members, json, `{"peerURLs":["unix://a:1"]}`, 400, message("URL scheme must be http or https: unix://a:1"), ""},
		{"POST", members, json, `{"peerURLs":["http://a"]}`, 400, message(`URL address does not have the form \"host:port\": http://a`), ""},
		{"POST", members, json, `{"peerURLs":["http://a:1/"]}`, 400, message("URL must not contain a path: http://a:1/"), ""},
		{"POST", members, json, `{"peerURLs":["` + strings.Repeat("x", chunkSize) + `"]}`, 413, message("http: POST too large"), ""},
		{"PUT", members + "/00C1", json, urls, 204, "", "update c1 [http://a:1]"},
		{"PUT", members + "/zzz", "", "", 404, message("No such member: zzz"), ""},
		{"PUT", members + "/c1/", json, urls, 404, message("No such member: c1/"), ""},
		{"PUT", members + "/0x12", json, urls, 404, message("No such member: 0x12"), ""},
		{"PUT", members + "/ffffffffffffffffff", json, urls, 404, message("No such member: ffffffffffffffffff"), ""},
		{"PUT", members + "/c1", json, "{", 400, message("unexpected end of JSON input"), ""},
		{"PUT", members + "/", json, urls, 405, "Method Not Allowed\n", ""},
		{"DELETE", members + "/0c1", "", "", 204, "", "remove c1"},
		{"DELETE", members + "/leader", "", "", 404, message("No such member: leader"), ""},
		{"DELETE", members, "", "", 405, "Method Not Allowed\n", ""},
	} {
		g := newRig(t, Options{})
		w := g.change(c.method, c.target, c.contentType, c.body)
		var changes []string
		if c.change != "" {
			changes = []string{c.change}
		}
		if w.Code != c.status || w.Body.String() != c.answer || w.Header().Get("Allow") != "" || !slices.Equal(g.changes, changes) {
			t.Errorf("%s %s %.80s: %d %s, Allow %q, changes %q", c.method, c.target, c.body, w.Code, w.Body, w.Header().Get("Allow"), g.changes)
		}
		if w.Header().Get("X-Etcd-Cluster-Id") != "abc" {
			t.Errorf("%s %s: %v", c.method, c.target, w.Header())
		}
		if kind := w.Header().Get("Content-Type"); c.status != 405 && c.status != 204 && kind != json {
			t.Errorf("%s %s: %q", c.method, c.target, kind)
		}
	}
}

func TestRefusedMemberChanges(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		answer string
	}{
		{&MemberError{http.StatusConflict, "etcdserver: peerURL exists"}, 409, `{"message":"etcdserver: peerURL exists"}`},
		{fmt.Errorf("wrapped: %w", NoSuchMember("c1")), 404, `{"message":"No such member: c1"}`},
		{context.DeadlineExceeded, 500, `{"message":"Internal Server Error"}`},
		{errors.New("what only the log is told"), 500, `{"message":"Internal Server Error"}`},
	} {
		g := newRig(t, Options{})
		g.refusal = c.err
		for _, w := range []*recorder{
			g.change("POST", "/v2/members", "application/json", `{"peerURLs":["http://a:1"]}`),
			g.change("PUT", "/v2/members/c1", "application/json", `{"peerURLs":["http://a:1"]}`),
			g.change("DELETE", "/v2/members/c1", "", ""),
		} {
			if w.Code != c.status || w.Body.String() != c.answer {
				t.Errorf("%v: %d %s", c.err, w.Code, w.Body)
			}
		}
	}
	g := newRig(t, Options{})
	g.refusal = ErrStopped
	defer func() {
		if recover() != http.ErrAbortHandler {
			t.Error("a server that stops answers")
		}
	}()
	g.change("DELETE", "/v2/members/c1", "", "")
}
