package etcd238

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"pando/test/server"
)

// twoWatches are the same watch at both servers.
type twoWatches struct {
	request keyRequest
	path    string
	// past says that the watch began with events that had happened, and recursive whether it is for those below, too.
	past, recursive bool
	cancel          context.CancelFunc

	mu   sync.Mutex
	got  [2]string
	done sync.WaitGroup
}

// randomWatch opens one at both servers, whose index is the given one.
func (s *sideBySide) randomWatch(index uint64) *twoWatches {
	w := &twoWatches{path: strings.TrimSuffix(keyPath(s.random), "/"), recursive: s.random.IntN(2) == 0}
	v := url.Values{"wait": {"true"}, "recursive": {fmt.Sprint(w.recursive)}}
	switch s.random.IntN(3) {
	case 0:
		w.past = true
		v.Set("waitIndex", fmt.Sprint(index-min(index-1, s.random.Uint64N(60))))
	case 1:
		v.Set("waitIndex", fmt.Sprint(index+1+s.random.Uint64N(6)))
	}
	if !w.past {
		v.Set("stream", fmt.Sprint(s.random.IntN(3) == 0))
	}
	w.open(s, v)
	return w
}

func (w *twoWatches) open(s *sideBySide, parameters url.Values) {
	w.request = keyRequest{method: "GET", target: "/v2/keys" + (&url.URL{Path: w.path}).EscapedPath() + "?" + parameters.Encode()}
	var ctx context.Context
	ctx, w.cancel = context.WithCancel(s.t.Context())
	for i, server := range s.servers {
		resp, err := w.request.to(ctx, server.Endpoint)
		if err != nil {
			s.t.Fatal(err)
		}
		w.got[i] = head(resp)
		w.done.Go(func() {
			defer resp.Body.Close()
			w.read(i, resp.Body)
		})
	}
}

// end stands behind an answer that ended well.
const end = "the end"

// read adds what comes, and its end, to what was got from a server.
func (w *twoWatches) read(server int, from io.Reader) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		w.mu.Lock()
		w.got[server] += string(buf[:n])
		if err == io.EOF {
			w.got[server] += end
		}
		w.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// same waits until both were told the same, all of it if ended is true, and ends the watches.
func (w *twoWatches) same(t *testing.T, ended bool) {
	t.Helper()
	defer w.done.Wait()
	defer w.cancel()
	server.Await(t, w.request.String(), patience, func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		pando, etcd := masked(w.got[0]), masked(w.got[1])
		if pando == etcd && (!ended || strings.HasSuffix(etcd, end)) || w.documented(pando, etcd) {
			return nil
		}
		return fmt.Errorf("\netcd  %s\nPando %s", etcd, pando)
	})
}

var removal = regexp.MustCompile(`\{"action":"(?:delete|expire)","node":\{"key":"([^"]*)"`)

// documented says whether docs/compatibility.md has what the two differ in: recursive replays find events of the node itself, and
// replays do not find the removal of a directory whose name merely begins the same.
func (w *twoWatches) documented(pando, etcd string) bool {
	if !w.past {
		return false
	}
	if w.recursive && strings.Contains(pando, fmt.Sprintf(`"node":{"key":%q,`, w.path)) {
		return true
	}
	m := removal.FindStringSubmatch(etcd)
	return m != nil && strings.HasPrefix(w.path, m[1]) && !strings.HasPrefix(w.path, m[1]+"/")
}
