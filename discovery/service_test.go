package discovery

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"go.uber.org/zap"

	"pando/config"
)

// script is a service that gives each request the next answer of a list, whatever it is for.
type script struct {
	mu      sync.Mutex
	answers []string // "status index body"; the last is repeated
	seen    []string
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, r.Method+" "+r.RequestURI)
	var status, index int
	fields := strings.SplitN(s.answers[0], " ", 3)
	if _, err := fmt.Sscan(fields[0], &status); err != nil {
		panic(err)
	}
	if _, err := fmt.Sscan(fields[1], &index); err != nil {
		panic(err)
	}
	if len(s.answers) > 1 {
		s.answers = s.answers[1:]
	}
	w.Header().Set("X-Etcd-Index", fields[1])
	w.WriteHeader(status)
	_, _ = w.Write([]byte(fields[2]))
}

func serve(t *testing.T, answers ...string) (*script, Service) {
	t.Helper()
	s := &script{answers: answers}
	port := httptest.NewServer(s)
	t.Cleanup(port.Close)
	return s, Service{URL: port.URL + "/t", Logger: zap.NewNop()}
}

const size2 = `200 9 {"action":"get","node":{"key":"/r/t/_config/size","value":"2"}}`

func dir(index int, members ...string) string {
	var nodes []string
	for _, m := range members {
		var created int
		var name, value string
		if _, err := fmt.Sscan(strings.ReplaceAll(m, ":", " "), &created, &name, &value); err != nil {
			panic(err)
		}
		nodes = append(nodes, fmt.Sprintf(`{"key":"/r/t/%s","value":"%s=http://127.0.0.1:%d","createdIndex":%d}`, name, value, created, created))
	}
	return fmt.Sprintf(`200 %d {"action":"get","node":{"key":"/r/t","dir":true,"nodes":[%s]}}`, index, strings.Join(nodes, ","))
}

func event(action, name string, index int) string {
	return fmt.Sprintf(`200 %d {"action":%q,"node":{"key":"/r/t/%s","value":"%s=http://127.0.0.1:%d","createdIndex":%d,"modifiedIndex":%d}}`,
		index, action, name, name, index, index, index)
}

func names(members []config.Member) string {
	var all []string
	for _, m := range members {
		all = append(all, m.Name)
	}
	return strings.Join(all, " ")
}

// What happens to a directory while somebody waits for its members.
func TestWaiting(t *testing.T) {
	for name, c := range map[string]struct {
		answers []string
		want    string
		last    string // request
	}{
		"full, by age, not by place": {[]string{size2, dir(9, "7:c:c", "4:a:a", "5:b:b")}, "a b", ""},
		"one comes":                  {[]string{size2, dir(9, "4:a:a"), event("create", "b", 12)}, "a b", "waitIndex=10"},
		"one is set":                 {[]string{size2, dir(9, "4:a:a"), event("set", "b", 12)}, "a b", ""},
		"one goes, two come": {[]string{size2, dir(9, "4:a:a"), event("delete", "a", 10), size2, dir(10), event("create", "b", 11),
			event("create", "c", 13)}, "b c", "waitIndex=12"},
		"one changes": {[]string{size2, dir(9, "4:a:a"), event("set", "a", 10), size2, dir(10, "4:a:x"), event("create", "b", 12)}, "b x", ""},
		"below a member": {[]string{size2, dir(9, "4:a:a"), event("create", "a/b", 10), size2, dir(10, "4:a:a"), event("create", "b", 12)},
			"a b", "waitIndex=11"},
		"history is gone": {[]string{size2, dir(9, "4:a:a"), `400 2000 {"errorCode":401,"message":"The event in requested index is outdated and cleared","cause":"","index":2000}`,
			size2, dir(2000, "4:a:a", "12:b:b")}, "a b", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s, service := serve(t, c.answers...)
			got, err := service.Members(t.Context())
			if err != nil || names(got) != c.want {
				t.Errorf("%v, %v", got, err)
			}
			if last := s.seen[len(s.seen)-1]; !strings.HasSuffix(last, c.last) {
				t.Errorf("the last request was %s", last)
			}
		})
	}
}

// Whatever a service says, it is an error or members.
func TestStrangeAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		answers []string
		want    error
	}{
		"empty object":   {[]string{`200 1 {}`}, ErrBadEndpoint},
		"no node":        {[]string{`200 1 {"action":"get"}`}, ErrBadEndpoint},
		"no JSON":        {[]string{`200 1 <html>`}, ErrBadEndpoint},
		"no v2 error":    {[]string{`404 1 {"message":"Not Found"}`}, ErrBadEndpoint},
		"too long":       {[]string{`200 1 {"action":"get","node":{"value":"` + strings.Repeat("x", maxAnswer) + `"}}`}, ErrBadEndpoint},
		"no Location":    {[]string{`302 1 `}, ErrBadEndpoint},
		"huge size":      {[]string{`200 1 {"action":"get","node":{"value":"1001"}}`}, ErrBadSize},
		"negative size":  {[]string{`200 1 {"action":"get","node":{"value":"-1"}}`}, ErrBadSize},
		"no number":      {[]string{`200 1 {"action":"get","node":{"value":""}}`}, ErrBadSize},
		"duplicate":      {[]string{size2, dir(9), `412 9 {"errorCode":105,"message":"Key already exists","cause":"/r/t/1","index":9}`}, ErrDuplicateID},
		"full":           {[]string{size2, dir(9, "4:a:a", "5:b:b")}, ErrFull},
		"own, full":      {[]string{size2, dir(9, "4:1:a", "5:b:b"), `412 9 {"errorCode":105,"message":"Key already exists","cause":"/r/t/1","index":9}`}, ErrDuplicateID},
		"own, too late":  {[]string{size2, dir(9, "4:a:a", "5:b:b", "6:1:c")}, ErrFull},
		"late in a race": {[]string{size2, dir(9, "4:a:a"), event("create", "1", 12), event("create", "1", 12), size2, dir(12, "4:a:a", "11:b:b", "12:1:c")}, ErrFull},
		"own, removed": {[]string{size2, dir(9, "4:a:a"), event("create", "1", 12), event("create", "1", 12), size2, dir(13, "4:a:a"),
			event("create", "b", 14)}, ErrLost},
		"own, other value": {[]string{size2, dir(9, "4:a:a"), event("create", "1", 12), event("create", "1", 12), size2,
			dir(13, "4:a:a", "12:1:c")}, ErrLost},
	} {
		t.Run(name, func(t *testing.T) {
			_, service := serve(t, c.answers...)
			_, err := service.Join(t.Context(), 1, "n", []string{"http://127.0.0.1:1"})
			var join *JoinError
			if !errors.Is(err, c.want) || !errors.As(err, &join) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

func TestTwoOfAName(t *testing.T) {
	_, service := serve(t, size2, dir(9, "4:a:a", "5:b:a"))
	if _, err := service.Members(t.Context()); !errors.Is(err, ErrDuplicateName) {
		t.Error(err)
	}
}

func TestRedirectsEnd(t *testing.T) {
	port := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/again", http.StatusFound) }))
	defer port.Close()
	_, err := Service{URL: port.URL + "/t", Logger: zap.NewNop()}.Members(t.Context())
	if !errors.Is(err, ErrBadEndpoint) {
		t.Error(err)
	}
}

// A wait ends with its context.
func TestContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	port := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cancel()
		w.WriteHeader(http.StatusInternalServerError)
	}))
	defer port.Close()
	_, err := Service{URL: port.URL + "/t", Logger: zap.NewNop()}.Members(ctx)
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// No answer makes the client panic or keep more than it may.
func FuzzRead(f *testing.F) {
	for _, text := range []string{size2, dir(9, "4:a:a"), event("set", "b", 12), `{"errorCode":100}`, "", "[", "null"} {
		f.Add(200, strings.TrimPrefix(text, "200 9 "))
		f.Add(404, text)
		f.Add(500, text)
	}
	f.Fuzz(func(t *testing.T, status int, text string) {
		w := httptest.NewRecorder()
		w.Body.WriteString(text)
		resp := w.Result()
		resp.StatusCode = status
		a, err := read(resp)
		if (a == nil) == (err == nil) {
			t.Errorf("%v, %v", a, err)
		}
		if err == nil && a.Node == nil {
			t.Error("no node and no error")
		}
	})
}
