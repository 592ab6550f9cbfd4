package service

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"

	"pando/test/server"
)

// A server that is told to stop takes nobody new, answers who is under way, and ends watches so that their clients notice.
func TestDrain(t *testing.T) {
	s := server.Start(t, server.Options{})
	poll := ask(t, s, "GET /v2/keys/x?wait=true HTTP/1.1\r\nHost: x\r\n\r\n")
	stream := ask(t, s, "GET /v2/keys/y?wait=true&stream=true HTTP/1.1\r\nHost: x\r\n\r\n")
	poll.head(t)
	stream.head(t)
	write := halfRequest(t, s)
	put(t, s.Endpoint, "/y", strings.Repeat("y", 10_000))

	s.Signal(syscall.SIGTERM)
	await(t, "a new connection is refused", func() bool {
		c, err := net.Dial("tcp", address(s))
		if err == nil {
			c.Close()
		}
		return errors.Is(err, syscall.ECONNREFUSED)
	})
	if strings.Contains(s.Log(), stopped) {
		t.Error("it has not waited for the request under way")
	}
	write.send(t, restOfRequest)
	if status := write.head(t); status != http.StatusCreated {
		t.Errorf("the request under way was answered with %d", status)
	}
	if rest := poll.rest(); rest != "" {
		t.Errorf("a poll without an event ends with %q, want the bare end of the connection", rest)
	}
	if rest := stream.rest(); !strings.HasSuffix(rest, "}}\n\r\n0\r\n\r\n") || strings.Count(rest, `"action":"set"`) != 1 {
		t.Errorf("a stream ends with %q, want its event and the last chunk", rest)
	}
	ended(t, s, -1, syscall.SIGTERM)
	if !strings.Contains(s.Log(), stopped) {
		t.Errorf("no good end:\n%s", s.Log())
	}
	again := server.Start(t, server.Options{Dir: s.Dir})
	if v := value(t, again, "/half"); v != "whole" {
		t.Errorf("the last write is %q", v)
	}
}

// Clients that never finish hold a stop up for a while, not for ever.
func TestDeadline(t *testing.T) {
	s := server.Start(t, server.Options{})
	for range 10 {
		halfRequest(t, s)
	}
	s.Signal(syscall.SIGTERM)
	ended(t, s, -1, syscall.SIGTERM)
	if !strings.Contains(s.Log(), stopped) {
		t.Errorf("no good end:\n%s", s.Log())
	}
}

// What was acknowledged until the very end is there afterwards.
func TestLastWrites(t *testing.T) {
	const writers = 8
	s := server.Start(t, server.Options{})
	var acknowledged [writers]int
	var all, begun sync.WaitGroup
	begun.Add(writers)
	for w := range writers {
		all.Go(func() {
			for n := 1; ; n++ {
				resp, err := http.PostForm(s.Endpoint+fmt.Sprintf("/v2/keys/%d", w), url.Values{"value": {fmt.Sprint(n)}})
				if err == nil {
					_, err = io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
				}
				if err == nil && resp.StatusCode == http.StatusCreated {
					acknowledged[w] = n
				}
				if n == 3 {
					begun.Done()
				}
				if err != nil {
					return
				}
			}
		})
	}
	begun.Wait()
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	all.Wait()
	again := server.Start(t, server.Options{Dir: s.Dir})
	for w, n := range acknowledged {
		resp, err := http.Get(again.Endpoint + fmt.Sprintf("/v2/keys/%d", w))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		for i := 1; i <= n; i++ {
			if !strings.Contains(string(body), fmt.Sprintf(`"value":"%d"`, i)) {
				t.Errorf("writer %d: value %d of %d was acknowledged and is not there", w, i, n)
			}
		}
	}
}

// conn is a client that writes its requests byte by byte.
type conn struct {
	net.Conn
	r *bufio.Reader
}

func address(s *server.Server) string { return strings.TrimPrefix(s.Endpoint, "http://") }

// ask opens a connection and sends text on it.
func ask(t *testing.T, s *server.Server, text string) *conn {
	t.Helper()
	c, err := net.Dial("tcp", address(s))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	asked := &conn{c, bufio.NewReader(c)}
	asked.send(t, text)
	return asked
}

func (c *conn) send(t *testing.T, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

// head reads the head of an answer and returns its status.
func (c *conn) head(t *testing.T) (status int) {
	t.Helper()
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode // the body stays where it is
}

// rest is what comes until the connection ends, in whatever way.
func (c *conn) rest() string {
	text, _ := io.ReadAll(c.r)
	return string(text)
}

const restOfRequest = "whole"

// halfRequest is a write whose body has begun and does not end. It is under way when this returns: it has been told to go on.
func halfRequest(t *testing.T, s *server.Server) *conn {
	t.Helper()
	c := ask(t, s, "PUT /v2/keys/half HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"+
		"Expect: 100-continue\r\nContent-Length: 11\r\n\r\n")
	if status := c.head(t); status != http.StatusContinue {
		t.Fatalf("told %d", status)
	}
	c.send(t, "value=")
	return c
}

func put(t *testing.T, endpoint, key, text string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPut, endpoint+"/v2/keys"+key, strings.NewReader(url.Values{"value": {text}}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("PUT %s: %s", key, resp.Status)
	}
}

// value is that of a key.
func value(t *testing.T, s *server.Server, key string) string {
	t.Helper()
	resp, err := http.Get(s.Endpoint + "/v2/keys" + key)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(body), `"value":"`)
	text, _, _ = strings.Cut(text, `"`)
	return text
}
