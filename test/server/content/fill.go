// Package content puts a mixture of keys into a server and reads back all that a client can see of its data, for tests
// that hand one data directory from server to server.
package content

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"pando/test/conformance/ordered"
)

// requestTime bounds each request, also one that waits for an expiry.
const requestTime = 20 * time.Second

var client = &http.Client{Timeout: requestTime}

// answer is what came back of a request to /v2/keys.
type answer struct {
	status int
	index  uint64 // X-Etcd-Index
	body   string
	doc    ordered.Object
}

// do makes a request; one that gets no answer fails the test.
func do(t testing.TB, method, endpoint, path string, fields url.Values) answer {
	t.Helper()
	req, err := http.NewRequest(method, endpoint+"/v2/keys"+path, strings.NewReader(fields.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if fields != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 256<<20))
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	index, _ := strconv.ParseUint(resp.Header.Get("X-Etcd-Index"), 10, 64)
	v, err := ordered.Parse(body)
	doc, ok := v.(ordered.Object)
	if err != nil || !ok {
		t.Fatalf("%s %s: %d %q: %v", method, path, resp.StatusCode, body, err)
	}
	return answer{resp.StatusCode, index, string(body), doc}
}

// Fill makes n random requests of every kind that writes, some of which the server has to refuse, and returns the index
// of its last write. The same random numbers on the same data make the same requests.
func Fill(t testing.TB, endpoint string, r *rand.Rand, n int) (last uint64) {
	t.Helper()
	for i := range n {
		method, path, fields := write(r, i)
		if a := do(t, method, endpoint, path, fields); a.status >= 500 {
			t.Fatalf("%s %s: %s", method, path, a.body)
		}
	}
	return do(t, "PUT", endpoint, "/last", form("value", "<&> \u2028 é")).modified()
}

// Expire writes a key, or a directory, and waits until it has expired.
func Expire(t testing.TB, endpoint string, r *rand.Rand, dir bool) {
	t.Helper()
	path := fmt.Sprintf("/expiring/%d", r.Uint64())
	a := do(t, "PUT", endpoint, path, form("ttl", "1", "dir", strconv.FormatBool(dir)))
	gone := do(t, "GET", endpoint, fmt.Sprintf("%s?wait=true&waitIndex=%d", path, a.modified()+1), nil)
	if action, _ := gone.doc.Get("action"); action != "expire" {
		t.Fatalf("want %s to expire, got %s", path, gone.body)
	}
}

// Settle makes requests that change nothing, not even the index, but are in the log: what was written before them is
// then known on disk to be committed, which a server learns only with the next write.
func Settle(t testing.TB, endpoint string) {
	t.Helper()
	for range 3 {
		if a := do(t, "DELETE", endpoint, "/never-there", nil); a.status != http.StatusNotFound {
			t.Fatalf("DELETE: %d %s", a.status, a.body)
		}
	}
}

// write chooses a request. Keys are few, so that most requests meet what earlier ones have left.
func write(r *rand.Rand, i int) (method, path string, fields url.Values) {
	dir := fmt.Sprintf("/d%d", r.IntN(5))
	key := fmt.Sprintf("%s/s%d/k%d", dir, r.IntN(3), r.IntN(6))
	value := fmt.Sprintf("%d:%s", i, strings.Repeat("v", r.IntN(40)))
	old := strconv.Itoa(r.IntN(50))
	switch r.IntN(16) {
	case 0:
		return "PUT", key, form("value", value, "prevExist", "false")
	case 1:
		return "PUT", key, form("value", value, "prevExist", "true")
	case 2:
		return "PUT", key, form("value", value, "ttl", "3600")
	case 3:
		return "PUT", key, form("ttl", "7200", "refresh", "true", "prevExist", "true")
	case 4:
		return "PUT", key, form("value", value, "prevIndex", old)
	case 5:
		return "PUT", key, form("value", "same", "prevValue", "same")
	case 6:
		return "PUT", key, form("value", "same")
	case 7:
		return "POST", dir + "/queue", form("value", value)
	case 8:
		return "POST", dir + "/queue", form("value", value, "ttl", "86400")
	case 9:
		return "DELETE", key, nil
	case 10:
		return "DELETE", key + "?prevValue=same", nil
	case 11:
		return "DELETE", dir + "/s0?recursive=true", nil
	case 12:
		return "PUT", fmt.Sprintf("%s/empty%d", dir, r.IntN(3)), form("dir", "true")
	case 13:
		return "PUT", dir, form("dir", "true", "ttl", "36000", "prevExist", "true")
	case 14:
		return "PUT", fmt.Sprintf("/_hidden/k%d", r.IntN(6)), form("value", value)
	default:
		return "PUT", key, form("value", value)
	}
}
