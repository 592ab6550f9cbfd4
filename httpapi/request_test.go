package httpapi

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"pando/store"
)

var yes, no = true, false

func TestParse(t *testing.T) {
	in := func(d time.Duration) int64 { return testTime.Add(d).UnixNano() }
	for _, c := range []struct {
		why, method, query, form string
		want                     store.Command
	}{
		{"nothing", "GET", "", "", store.Command{}},
		{"a value", "PUT", "", "value=a+b%2B", store.Command{Val: "a b+"}},
		{"body before query", "PUT", "value=q&ttl=5", "value=b", store.Command{Val: "b", Expiration: in(5 * time.Second)}},
		{"an empty body value too", "PUT", "ttl=50", "ttl=", store.Command{}},
		{"the first of several", "GET", "recursive=true&recursive=maybe", "", store.Command{Recursive: true}},
		{"stray separators", "GET", "&&sorted=1&", "", store.Command{Sorted: true}},
		{"no equals sign", "PUT", "value&ttl", "", store.Command{}},
		{"an escaped name", "PUT", "%76alue=x", "", store.Command{Val: "x"}},
		{"names are case sensitive", "PUT", "Value=x&TTL=x", "", store.Command{}},
		{"noValueOnSuccess is unknown", "PUT", "noValueOnSuccess=maybe", "", store.Command{}},
		{"ttl of 0", "PUT", "ttl=0", "", store.Command{Expiration: in(0)}},
		{"leading zeros", "PUT", "prevIndex=007", "", store.Command{PrevIndex: 7}},
		{"the largest index", "GET", "wait=T&waitIndex=18446744073709551615", "", store.Command{Wait: true, Since: 1<<64 - 1}},
		{"all the conditions", "PUT", "prevExist=f&prevValue=v&prevIndex=3&dir=1", "",
			store.Command{PrevExist: &no, PrevValue: "v", PrevIndex: 3, Dir: true}},
		{"refresh", "PUT", "refresh=TRUE&ttl=1&value=", "", store.Command{Refresh: &yes, Expiration: in(time.Second)}},
		{"no refresh", "PUT", "refresh=False&value=x", "", store.Command{Refresh: &no, Val: "x"}},
		{"a stream", "GET", "wait=1&stream=t&quorum=0", "", store.Command{Wait: true, Stream: true}},
	} {
		c.want.Method, c.want.Path = c.method, "/1/k"
		got, err := parse(c.method, "/k", c.query, c.form, testTime)
		if err != nil {
			t.Errorf("%s: %v", c.why, err)
			continue
		}
		if g, w := string(got.Marshal()), string(c.want.Marshal()); g != w {
			t.Errorf("%s: %+v, want %+v", c.why, got, c.want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct {
		method, query string
		code          int
		cause         string
	}{
		{"GET", "a=%zz", 210, `invalid URL escape "%zz"`},
		{"GET", "%=1", 210, `invalid URL escape "%"`},
		{"GET", "a=%4", 210, `invalid URL escape "%4"`},
		{"GET", "a=1;b=2", 210, "invalid semicolon separator in query"},
		{"GET", "prevIndex=", 203, `invalid value for "prevIndex"`},
		{"GET", "prevIndex=1_0", 203, `invalid value for "prevIndex"`},
		{"GET", "prevIndex=+1", 203, `invalid value for "prevIndex"`},
		{"GET", "waitIndex=18446744073709551616", 203, `invalid value for "waitIndex"`},
		{"GET", "waitIndex=x&prevIndex=x", 203, `invalid value for "prevIndex"`},
		{"GET", "stream=x&quorum=x&dir=x&wait=x&sorted=x&recursive=x", 209, `invalid value for "recursive"`},
		{"GET", "stream=x&quorum=x&dir=x&wait=x&sorted=x", 209, `invalid value for "sorted"`},
		{"GET", "stream=x&quorum=x&dir=x&wait", 209, `invalid value for "wait"`},
		{"PUT", "wait=true&prevValue=", 209, causeWaitMethod},
		{"HEAD", "wait=true", 209, causeWaitMethod},
		{"PUT", "prevValue=&ttl=x", 201, causePrevValue},
		{"GET", "ttl=-1&prevExist=x", 202, `invalid value for "ttl"`},
		{"PUT", "prevExist=&refresh=x", 209, "invalid value for prevExist"},
		{"PUT", "refresh=&value=x", 209, "invalid value for refresh"},
		{"PUT", "refresh=1&value=x", 211, causeRefreshValue},
		{"GET", "refresh=1&ttl=", 212, causeRefreshTTL},
		{"PUT", "ttl=18446744073709551615", 202, `invalid value for "ttl"`},
		{"PUT", "ttl=7500000000", 202, `invalid value for "ttl"`},
	} {
		_, err := parse(c.method, "/k", c.query, "", testTime)
		if err == nil || err.Code != c.code || err.Cause != c.cause || err.Index != 0 {
			t.Errorf("%s ?%s: %v, want %d (%s)", c.method, c.query, err, c.code, c.cause)
		}
	}
}

func TestParseLimitsDepth(t *testing.T) {
	for _, c := range []struct {
		method, query string
		depth         int
		refused       bool
	}{
		{"PUT", "", 4000, false}, {"PUT", "", 4001, true}, {"POST", "", 3999, false}, {"POST", "", 4000, true},
		{"DELETE", "", 4001, true}, {"GET", "", 4001, false}, {"HEAD", "", 100_000, false}, {"GET", "wait=true", 4001, true},
		{"GET", "wait=true", 4000, false},
	} {
		_, err := parse(c.method, strings.Repeat("/a", c.depth), c.query, "", testTime)
		if refused := err != nil; refused != c.refused || refused && (err.Code != 209 || err.Cause != "key is too deep") {
			t.Errorf("%s ?%s of %d elements: %v", c.method, c.query, c.depth, err)
		}
	}
}

func TestParseLimitsParameters(t *testing.T) {
	_, err := parse("PUT", "/k", "", strings.Repeat("a&", 1_000_000), testTime)
	if err == nil || err.Code != 210 || err.Cause != errTooManyParameters.Error() {
		t.Error(err)
	}
	if _, err := parse("PUT", "/k", strings.Repeat("a&", maxParameters-1), "", testTime); err != nil {
		t.Error(err)
	}
}

// FuzzParse compares the form with net/url's, and holds parse to what the rest relies on.
func FuzzParse(f *testing.F) {
	f.Add("GET", "/a", "wait=true&waitIndex=7", "")
	f.Add("PUT", "", "prevValue=x", "value=a%20b&ttl=5&ttl=x")
	f.Add("POST", "/q", "%zz&;", "&&=&dir=1")
	f.Fuzz(func(t *testing.T, method, key, query, form string) {
		c, err := parse(method, key, query, form, testTime)
		fromForm, formErr := url.ParseQuery(form)
		fromQuery, queryErr := url.ParseQuery(query)
		if malformed := formErr != nil || queryErr != nil; malformed != (err != nil && err.Code == store.CodeInvalidForm) {
			t.Fatalf("%v, net/url says %v and %v", err, formErr, queryErr)
		}
		if err != nil {
			if err.Index != 0 || err.Message == "" || err.Status() != http.StatusBadRequest {
				t.Fatalf("%+v", err)
			}
			return
		}
		if c.Path != "/1"+key || c.Method != method || c.Wait && method != "GET" || c.Expiration < 0 {
			t.Fatalf("%+v", c)
		}
		values := append(fromForm["value"], fromQuery["value"]...)
		if len(values) > 0 && c.Val != values[0] || len(values) == 0 && c.Val != "" {
			t.Fatalf("value %q, want the first of %q", c.Val, values)
		}
		if method != "PUT" {
			return // few others may stand in the log
		}
		again, unmarshalErr := store.Unmarshal(c.Marshal())
		if unmarshalErr != nil || again.Val != c.Val || again.Path != c.Path {
			t.Fatalf("%+v does not survive the log: %v", c, unmarshalErr)
		}
	})
}
