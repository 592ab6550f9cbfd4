package conformance

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

func parseCase(t *testing.T, text string) *Case {
	t.Helper()
	cases, err := load(fstest.MapFS{"cases/x.json": {Data: []byte("[" + text + "]")}})
	if err != nil {
		t.Fatal(err)
	}
	return cases[0]
}

const (
	keyHeaders = "Content-Type: application/json\r\nX-Etcd-Cluster-Id: 1f\r\nX-Raft-Index: 9\r\nX-Raft-Term: 2\r\nX-Etcd-Index: 107"
	keyBody    = `{"action":"set","node":{"key":"/DIR/a","value":"x","expiration":"EXP","ttl":100,"modifiedIndex":107,"createdIndex":105}}` + "\n"
	keyGolden  = `"headers":{"content-type":"application/json","x-etcd-cluster-id":"id","x-etcd-index":"=modifiedIndex","x-raft-index":"n","x-raft-term":"n"},
		"json":{"action":"set","node":{"key":"/{dir}/a","value":"x","expiration":"<rfc3339>","ttl":100,"modifiedIndex":"#2","createdIndex":"#1"}},"newline":true`
	keyCase = `{"name":"a/b","steps":[{"method":"PUT","path":"/v2/keys/{dir}/a","timeout_ms":300,"expect":{"status":201,` + keyGolden + `}}]}`
)

func inSeconds(n int) string {
	return strings.TrimRight(time.Now().Add(time.Duration(n)*time.Second).UTC().Format("2006-01-02T15:04:05.999999998"), "0") + "Z"
}

// Each change to an answer that is right must be seen.
func TestEveryDeviationIsSeen(t *testing.T) {
	right := "HTTP/1.1 201 X\r\n" + keyHeaders + "\r\nConnection: close\r\n\r\n" + strings.Replace(keyBody, "EXP", inSeconds(100), 1)
	if r := judge(t, keyCase, right); !r.Passed() {
		t.Fatal(r)
	}
	for _, c := range []struct{ old, new, want string }{
		{"201 X", "200 X", "status"},
		{"application/json", "text/plain", "content-type"},
		{"X-Raft-Term: 2", "X-Raft-Term: 0", "x-raft-term"},
		{"X-Raft-Index: 9\r\n", "", "x-raft-index"},
		{"X-Etcd-Cluster-Id: 1f", "X-Etcd-Cluster-Id: 1F", "x-etcd-cluster-id"},
		{"X-Etcd-Index: 107", "X-Etcd-Index: 108", "x-etcd-index"},
		{"X-Raft-Term", "Location: /\r\nX-Raft-Term", "location"},
		{`"set"`, `"create"`, "json.action"},
		{"/DIR/a", "/DIR/b", "json.node.key"},
		{`"x"`, `"y"`, "json.node.value"},
		{`"x"`, `1`, "json.node.value"},
		{`"createdIndex":105`, `"createdIndex":107`, "only 1 different"},
		{`"createdIndex":105`, `"createdIndex":"105"`, "createdIndex"},
		{`"ttl":100`, `"ttl":102`, "ttl"},
		{`"ttl":100,`, ``, "missing"},
		{`"ttl":100`, `"ttl":100,"dir":true`, "unexpected"},
		{`"ttl":100`, `"ttl":100,"ttl":100`, "twice"},
		{`"value":"x","expiration"`, `"expiration"`, "missing"},
		{`"modifiedIndex":107,"createdIndex":105`, `"createdIndex":105,"modifiedIndex":107`, "field order"},
		{"Z\"", "0Z\"", "no expiration"},
		{"Z\"", "+00:00\"", "no expiration"},
		{inSeconds(100)[:10], "2016-02-03", "but the ttl is 100"},
		{"}}\n", "}}", "newline"},
		{"}}\n", "}}\n\n", "newline"},
		{"}}\n", "}", "body"},
		{"Connection: close", "Content-Length: 9999", "open"},
		{right, "", "error"},
		{right, "HTTP/1.1 201 X\r\n", "error"},
		{"HTTP/1.1 201", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201", "interim"},
	} {
		r := judge(t, keyCase, strings.Replace(right, c.old, c.new, 1))
		if r.Passed() || !strings.Contains(r.String(), c.want) {
			t.Errorf("%q for %q: want a difference in %q, got %v", c.new, c.old, c.want, r)
		}
	}
}

// listCase has two nodes in a listing, errorCase an error.
const (
	listCase = `{"name":"a/b","steps":[{"method":"GET","path":"/v2/keys/{dir}/%s","expect":{"status":200,"headers":{"x-etcd-index":"ok","content-type":"application/json"},
		"json":{"action":"get","node":{"dir":true,"nodes":[{"key":"/{dir}/a","modifiedIndex":"#1"},{"key":"/{dir}/q/{020:#2}","modifiedIndex":"#2"}]}},"newline":true}}]}`
	listBody  = `{"action":"get","node":{"dir":true,"nodes":[%s]}}` + "\n"
	errorCase = `{"name":"a/b","steps":[{"method":"GET","path":"/v2/keys/{dir}/x","expect":{"status":404,"headers":{"x-etcd-index":"ok","content-type":"application/json"},
		"json":{"errorCode":100,"cause":"%s","index":"cur"},"newline":true}}]}`
)

func jsonAt(index, body string) string {
	return "HTTP/1.0 200 X\r\nContent-Type: application/json\r\nX-Etcd-Index: " + index + "\r\n\r\n" + body
}

func TestListings(t *testing.T) {
	a, q := `{"key":"/DIR/a","modifiedIndex":101}`, `{"key":"/DIR/q/00000000000000000102","modifiedIndex":102}`
	for _, c := range []struct {
		path, index, nodes string
		pass               bool
	}{
		{"", "102", a + "," + q, true},
		{"", "102", q + "," + a, true},
		{"?sorted=true", "102", a + "," + q, true},
		{"?sorted=true", "102", q + "," + a, false},
		{"", "101", a + "," + q, false}, // older than what it shows
		{"", "0", a + "," + q, false},
		{"", "102", a, false},
		{"", "102", a + "," + a, false},
		{"", "102", a + "," + q + "," + q, false},
		{"", "102", a + "," + strings.Replace(q, "000102", "000103", 1), false},
		{"", "103", a + "," + strings.Replace(q, ":102", ":103", 1), false},
	} {
		if r := judge(t, fmt.Sprintf(listCase, c.path), jsonAt(c.index, fmt.Sprintf(listBody, c.nodes))); r.Passed() != c.pass {
			t.Errorf("%+v: %v", c, r)
		}
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		golden, cause, header, index string
		pass                         bool
	}{
		{"/{dir}/x", "/DIR/x", "100", "100", true},
		{"/{dir}/x", "/DIR", "100", "100", false},
		{"/{dir}/x", "/DIR/x", "101", "100", false}, // not the header's
		{"/{dir}/x", "/DIR/x", "99", "99", false},   // below the start
		{"/{dir}/x", "/DIR/x", "0", "0", false},
		{"timed out{...}", "timed out, lost", "100", "100", false}, // only that one sentence may go on
		{"etcdserver: request timed out{...}", "etcdserver: request timed out, possibly", "100", "100", true},
		{"etcdserver: request timed out{...}", "etcdserver: request", "100", "100", false},
		{"[{a*64} != b]", "[" + strings.Repeat("a", 64) + " != b]", "100", "100", true},
		{"[{a*64} != b]", "[" + strings.Repeat("a", 65) + " != b]", "100", "100", false},
		{"[1 != #1]", "[1 != 100]", "100", "100", false}, // an index that was never seen
	} {
		body := fmt.Sprintf(`{"errorCode":100,"cause":"%s","index":%s}`+"\n", c.cause, c.index)
		if r := judge(t, fmt.Sprintf(errorCase, c.golden), strings.Replace(jsonAt(c.header, body), "200", "404", 1)); r.Passed() != c.pass {
			t.Errorf("%+v: %v", c, r)
		}
	}
}
