package misc

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"pando/test/conformance/ordered"
	"pando/test/conformance/rawhttp"
)

const answerTime = 12 * time.Second

// headers that always count: there if the golden has them, else absent.
var headers = []string{"content-type", "allow", "location", "x-etcd-cluster-id", "x-etcd-index", "x-raft-index",
	"x-raft-term", "www-authenticate", "x-server-version"}

// outcome is what a step brought, in the form of a golden but with the values of this run. extra lists what is wrong
// though no golden says it.
type outcome struct {
	got   ordered.Object
	extra []string
}

// request sends a step's request and reads the answer.
func (r *run) request(st *Step) (outcome, error) {
	addr := r.server.client
	if st.Target == "peer" {
		addr = r.server.peer
	}
	x, err := rawhttp.Start(addr, r.bytes(st, addr), rawhttp.Options{Head: st.Method == "HEAD"})
	if errors.Is(err, syscall.ECONNREFUSED) {
		return outcome{got: ordered.Object{{Name: "error", Value: "connection refused"}}}, nil
	}
	if err != nil {
		return outcome{}, err
	}
	defer x.Close()
	x.WaitDone(ms(st.TimeoutMS, answerTime))
	reply := x.Reply()
	var o outcome
	switch {
	case reply.Status == 0 && reply.Err != nil:
		o.got.Add("error", "no response")
	case reply.Status == 0:
		o.got.Add("error", "timeout")
	default:
		o, err = r.answer(st, reply)
	}
	if took := reply.DoneAt.Sub(x.Began); len(st.ElapsedMS) == 2 && (took < ms(st.ElapsedMS[0], 0) || took > ms(st.ElapsedMS[1], 0)) {
		o.extra = append(o.extra, fmt.Sprintf("elapsed: want %v ms got %v", st.ElapsedMS, took))
	}
	return o, err
}

func ms(n int, otherwise time.Duration) time.Duration {
	if n == 0 {
		return otherwise
	}
	return time.Duration(n) * time.Millisecond
}

func (r *run) bytes(st *Step, addr string) []byte {
	if st.Raw != "" {
		return []byte(r.expand(st.Raw))
	}
	hs := []rawhttp.Header{{Name: "Host", Value: addr}}
	add := func(name, value string) { hs = append(hs, rawhttp.Header{Name: name, Value: value}) }
	var body []byte
	hasBody := true
	switch {
	case st.Form != nil:
		var pairs []string
		for _, f := range st.Form {
			pairs = append(pairs, url.QueryEscape(f.Name)+"="+url.QueryEscape(r.expand(fmt.Sprint(f.Value))))
		}
		body = []byte(strings.Join(pairs, "&"))
		add("Content-Type", "application/x-www-form-urlencoded")
	case st.JSON != nil:
		body = []byte(r.expand(string(st.JSON)))
	case st.Body != nil:
		body = []byte(r.expand(*st.Body))
	default:
		hasBody = st.Method == "POST" || st.Method == "PUT" || st.Method == "PATCH"
	}
	if st.Type != "" {
		add("Content-Type", st.Type)
	}
	if st.Auth != "" {
		add("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(st.Auth)))
	}
	for _, name := range slices.Sorted(maps.Keys(st.Headers)) {
		add(name, r.expand(st.Headers[name]))
	}
	if hasBody {
		add("Content-Length", strconv.Itoa(len(body)))
	}
	return rawhttp.Request(st.Method, r.expand(st.Path), "1.1", hs, body)
}

// answer takes of a reply what the step's mode wants.
func (r *run) answer(st *Step, reply rawhttp.Reply) (o outcome, err error) {
	o.got.Add("status", ordered.Int(reply.Status))
	if st.Mode == "status" {
		return o, r.capture(st, reply)
	}
	var hs ordered.Object
	for _, name := range slices.Concat(headers, st.CheckHeaders) {
		v, present := reply.Get(name)
		switch {
		case slices.Contains(st.IgnoreHeaders, name):
		case present:
			hs.Add(name, v)
		case slices.Contains(st.CheckHeaders, name):
			hs.Add(name, nil)
		}
	}
	o.got.Add("headers", hs)
	if st.Mode == "metrics" {
		o.extra = missing(st.Metrics, string(reply.Body))
		return o, nil
	}
	contentType, _ := reply.Get("content-type")
	doc, perr := ordered.Parse(reply.Body)
	switch {
	case perr == nil && (strings.Contains(contentType, "json") || st.Mode == "json"):
		if st.Mode == "shape" {
			o.got.Add("json_shape", shape(doc))
		} else {
			o.got.Add("json", doc)
		}
		o.got.Add("newline", strings.HasSuffix(string(reply.Body), "\n"))
		if st.Exact {
			o.got.Add("raw", string(reply.Body))
		}
	case st.Method != "HEAD" && st.Mode != "headers":
		o.got.Add("text", string(reply.Body))
	}
	return o, r.capture(st, reply)
}

// capture keeps fields of a JSON answer under the names that the step gives them.
func (r *run) capture(st *Step, reply rawhttp.Reply) error {
	for name, path := range st.Capture {
		v, err := ordered.Parse(reply.Body)
		for _, part := range strings.Split(path, ".") {
			switch at := v.(type) {
			case ordered.Object:
				v, _ = at.Get(part)
			case []any:
				if n, err := strconv.Atoi(part); err == nil && n < len(at) {
					v = at[n]
				}
			}
		}
		text, ok := v.(string)
		if err != nil || !ok {
			return fmt.Errorf("no %s to capture in %.200q", path, reply.Body)
		}
		r.names[name] = text
	}
	return nil
}

var metricType = regexp.MustCompile(`(?m)^# TYPE (etcd_\S+) (\w+)$`)

// missing are the metrics that a page lacks or has with another type.
func missing(want map[string]string, page string) (lines []string) {
	have := map[string]string{}
	for _, m := range metricType.FindAllStringSubmatch(page, -1) {
		have[m[1]] = m[2]
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if have[name] != want[name] {
			lines = append(lines, fmt.Sprintf("metric %s: want type %q got %q", name, want[name], have[name]))
		}
	}
	return lines
}
