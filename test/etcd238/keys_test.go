package etcd238

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

const formType = "application/x-www-form-urlencoded"

// keyRequest is one random request to the keys API.
type keyRequest struct {
	method, target string // the target has a query
	form, content  string // the body and its type; "" for none
}

func (r keyRequest) String() string {
	return fmt.Sprintf("%s %s [%s] %.200q", r.method, r.target, r.content, r.form)
}

// keyClient follows no redirect.
var keyClient = &http.Client{
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	Transport:     &http.Transport{MaxIdleConnsPerHost: 100},
}

func (r keyRequest) to(ctx context.Context, endpoint string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, r.method, endpoint+r.target, strings.NewReader(r.form))
	if err != nil {
		return nil, err
	}
	if r.content != "" {
		req.Header.Set("Content-Type", r.content)
	}
	return keyClient.Do(req)
}

// head is what an answer says above its body, without what differs.
func head(resp *http.Response) string {
	text := fmt.Sprint(resp.StatusCode)
	for _, name := range []string{"Content-Type", "X-Etcd-Index", "Allow", "Location", "X-Content-Type-Options"} {
		text += fmt.Sprintf(" %s=%q", name, resp.Header.Values(name))
	}
	for _, name := range []string{"X-Etcd-Cluster-Id", "X-Raft-Index", "X-Raft-Term"} {
		text += fmt.Sprint(" ", name, len(resp.Header.Values(name)))
	}
	return text + "\n"
}

var (
	expiration = regexp.MustCompile(`"expiration":"[^"]*"`)
	ttlValue   = regexp.MustCompile(`"ttl":\d+`)
	overdue    = regexp.MustCompile(`,"ttl":-\d+`)
	ttlMasked  = regexp.MustCompile(`,"ttl":N`)
)

// masked leaves out when exactly nodes are due, and whether they go late.
func masked(body string) string {
	body = expiration.ReplaceAllString(overdue.ReplaceAllString(body, ""), `"expiration":"T"`)
	return ttlValue.ReplaceAllString(body, `"ttl":N`)
}

// answer returns what endpoint answers.
func (r keyRequest) answer(ctx context.Context, endpoint string) (string, error) {
	resp, err := r.to(ctx, endpoint)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return head(resp) + masked(string(body)), err
}

// keyNames are names that meet, and a few that something may make trouble with. All are UTF-8: etcd's snapshots lose what is not.
func keyName(random *rand.Rand) string {
	switch random.IntN(14) {
	case 0:
		return pick(random, "a b", "é", "<&>", "\"\\", "\u2028", "\x01\t", "%", "+", "?", "#", ";", "=", "...", "-", "~", "\x00", "\x7f", "\U0001F600")
	case 1:
		return pick(random, "_h0", "_h1", "_")
	case 2:
		return fmt.Sprintf("%03d", random.IntN(200))
	}
	return pick(random, "a", "b", "c", "ab", "d")
}

func keyPath(random *rand.Rand) string {
	if random.IntN(25) == 0 {
		return pick(random, "", "/")
	}
	path := ""
	for range 1 + random.IntN(3) {
		path += "/" + keyName(random)
	}
	return path
}

// keyTarget is where a path is asked for; now and then it is not clean, or escaped where it need not be.
func keyTarget(random *rand.Rand, path string) string {
	switch random.IntN(60) {
	case 0:
		path += pick(random, "//a", "/./a", "/../a", "/..")
	case 1, 2:
		path += "/"
	}
	escaped := (&url.URL{Path: path}).EscapedPath()
	if random.IntN(20) == 0 {
		escaped = strings.Replace(escaped, "/a", "/%61", 1)
	}
	return "/v2/keys" + escaped
}

func randomBool(random *rand.Rand) string {
	if random.IntN(12) > 0 {
		return pick(random, "true", "false")
	}
	return pick(random, "1", "0", "t", "F", "TRUE", "tRUE", "yes", "")
}

// randomIndex is near the present one, or no index at all.
func randomIndex(random *rand.Rand, index uint64) string {
	if random.IntN(10) == 0 {
		return pick(random, "0", "1", "00", "x", "", "-1", "18446744073709551615", "18446744073709551616")
	}
	return strconv.FormatUint(index-min(index, random.Uint64N(20)), 10)
}

// randomParameters draws those of a request, more of those that mean something to its method.
func randomParameters(random *rand.Rand, method string, index uint64) url.Values {
	v := url.Values{}
	oneIn := func(n int, name string, value func() string) {
		if random.IntN(n) == 0 {
			v.Add(name, value())
			if random.IntN(30) == 0 {
				v.Add(name, value())
			}
		}
	}
	boolean := func() string { return randomBool(random) }
	number := func() string { return randomIndex(random, index) }
	write := method == "PUT" || method == "POST"
	rare := map[bool]int{true: 1, false: 8}
	if write {
		oneIn(1+random.IntN(2), "value", func() string {
			return pick(random, "x", "y", "", "<z>\u2028&é", strings.Repeat("long ", random.IntN(2000)))
		})
		oneIn(9, "ttl", func() string { return pick(random, "10000", "99999", "", "5x", "+5", "012345") })
	}
	oneIn(8*rare[write], "prevExist", boolean)
	oneIn(6*rare[write || method == "DELETE"], "prevValue", func() string { return pick(random, "x", "y", "x", "y", "", "z") })
	oneIn(6*rare[write || method == "DELETE"], "prevIndex", number)
	oneIn(2+5*rare[method == "DELETE"], "dir", boolean)
	oneIn(3, "recursive", boolean)
	oneIn(50, "waitIndex", number)
	oneIn(50, "stream", boolean)
	oneIn(50, "unknown", boolean)
	if random.IntN(15) == 0 {
		v.Set("refresh", randomBool(random))
		if random.IntN(4) > 0 {
			v.Set("ttl", "50000")
			v.Del("value")
		}
	}
	if method == "GET" {
		v.Set("sorted", "true") // else etcd's order is another each time
		oneIn(10, "quorum", boolean)
	} else {
		oneIn(50, "wait", boolean)
		oneIn(50, "sorted", boolean)
	}
	return v
}

// mangled spoils a query or a form.
func mangled(random *rand.Rand, parameters string) string {
	at := random.IntN(len(parameters) + 1)
	return parameters[:at] + pick(random, ";", "%", "%4", "%zz", "&", "&&", "=", "==", "+", "?", "%3B", "%26", "%00", "/", "value") + parameters[at:]
}

// randomKeyRequest draws a request to a store that is at index.
func randomKeyRequest(random *rand.Rand, index uint64) keyRequest {
	r := keyRequest{method: pick(random, "PUT", "PUT", "PUT", "PUT", "POST", "DELETE", "DELETE", "GET", "GET", "HEAD")}
	if random.IntN(150) == 0 {
		r.method = pick(random, "PATCH", "OPTIONS", "get", "FOO")
	}
	r.target = keyTarget(random, keyPath(random))
	v := randomParameters(random, r.method, index)
	parameters := v.Encode()
	if r.method != "GET" && !v.Has("ttl") && !strings.Contains(parameters, "%") && random.IntN(20) == 0 {
		parameters = mangled(random, parameters)
	}
	if r.method != "PUT" && r.method != "POST" || random.IntN(4) == 0 {
		r.target += "?" + parameters
		return r
	}
	r.form, r.content = parameters, formType
	switch random.IntN(60) {
	case 0:
		r.content = pick(random, "application/json", "", "text/plain", "/", ";", "a/b/c", formType+";", formType+"; a", formType+"; a=b", formType+", "+formType,
			"Application/X-WWW-Form-Urlencoded", " "+formType+" ", "multipart/form-data; boundary=x", "x")
	case 1, 2, 3:
		r.target += "?" + randomParameters(random, r.method, index).Encode()
	}
	return r
}
