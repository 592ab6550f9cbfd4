package httpapi

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// heads are requests that reach every handler; the fuzzer goes on from there.
func heads(f *testing.F) {
	for _, target := range []string{
		"/v2/keys/k?recursive=true&quorum=true", "/v2/keys/k?wait=true&waitIndex=2", "/v2/members", "/v2/members/c1", "/v2/members/leader",
		"/v2/machines", "/v2/auth/enable", "/v2/stats/self", "/health", "/version", "/members", "/raft/probing", "//a/../b", "*",
		"http://h/v2/keys?sorted=true", "/v2/keys/%ff%00?prevValue=%zz;",
	} {
		for _, rest := range []string{
			"Host: h\r\nContent-Length: 0\r\n\r\n",
			"Host: h\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 13\r\n\r\nvalue=x&ttl=5",
			"Host: h\r\nContent-Type: application/json\r\nContent-Length: 28\r\n\r\n{\"peerURLs\":[\"http://a:1\"]}\n",
			"Host: h\r\nContent-Type: application/x-www-form-urlencoded; a=\"\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ndir\r\n0\r\n\r\n",
		} {
			for _, method := range []string{"GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "BREW"} {
				f.Add([]byte(method + " " + target + " HTTP/1.1\r\nOrigin: o\r\nAuthorization: Basic cm9vdDp4\r\n" + rest))
			}
		}
	}
}

// answered serves the request in data, if it is one, whose client has gone already: no watch waits. r is nil if it is none.
func answered(t *testing.T, h http.Handler, data []byte) (r *http.Request, w *recorder) {
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(data)))
	if err != nil {
		return nil, nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w = newRecorder()
	func() {
		defer func() {
			if p := recover(); p != nil && p != http.ErrAbortHandler {
				panic(p)
			}
		}()
		h.ServeHTTP(w, r.WithContext(ctx))
	}()
	return r, w
}

// FuzzClientPort: no request makes a handler panic, and what the keys API answers is JSON.
func FuzzClientPort(f *testing.F) {
	heads(f)
	core, logs := observer.New(zap.ErrorLevel)
	var g *rig
	served := 0
	f.Fuzz(func(t *testing.T, data []byte) {
		if served%10_000 == 0 { // the tree does not grow for ever
			g = newRig(t, Options{CORS: []string{"*"}, Logger: zap.New(core)})
		}
		served++
		r, w := answered(t, guarded(g.handler), data)
		if panics := logs.FilterMessage("panic while serving a request").TakeAll(); len(panics) > 0 {
			t.Fatalf("%+v", panics)
		}
		if r == nil {
			return
		}
		if body := w.Body.Bytes(); r.Method != http.MethodHead && w.Header().Get("Content-Type") == typeJSON[0] && len(body) > 0 && !json.Valid(body) {
			t.Fatalf("%d %s", w.Code, body)
		}
	})
}

// FuzzPeerPort: the same for what the peer port serves beside raft.
func FuzzPeerPort(f *testing.F) {
	heads(f)
	g := newRig(f, Options{})
	h := guarded(NewPeer(g, fixedTime))
	f.Fuzz(func(t *testing.T, data []byte) {
		if r, w := answered(t, h, data); r != nil && (w.Code < 200 || w.Code > 599) {
			t.Fatal(w.Code)
		}
	})
}
