package httpapi

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"pando/test/server"
)

// checkRefused reads an answer that has to be this v2 error.
func checkRefused(t *testing.T, resp *http.Response, status, code int, cause string) {
	t.Helper()
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != status || !strings.Contains(string(body), fmt.Sprintf(`"errorCode":%d,`, code)) || !strings.Contains(string(body), cause) {
		t.Errorf("%d %.200s, want %d, error %d (%s)", resp.StatusCode, body, status, code, cause)
	}
}

func TestADeepPathIsRefused(t *testing.T) {
	g := newRig(t, Options{})
	c := dial(t, g.listen(t))
	deep := "/v2/keys" + strings.Repeat("/a", 100_000)
	for _, method := range []string{"PUT", "POST", "DELETE"} {
		c.send(method + " " + deep + " HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
		checkRefused(t, c.answer(method), 400, 209, "key is too deep")
	}
	checkRefused(t, c.get(deep+"?wait=true"), 400, 209, "key is too deep")
	checkRefused(t, c.get(deep), 404, 100, `"cause":"/a"`)
	if g.View().Index != 3 {
		t.Error("something was written")
	}
}

func TestTheDeepestKeyIsServed(t *testing.T) {
	g := newRig(t, Options{})
	key := strings.Repeat("/a", maxDepth-1)
	if w := g.do("POST", "/v2/keys"+key, "value=v"); w.Code != 201 {
		t.Fatal(w.Code, w.Body)
	}
	w := g.do("GET", "/v2/keys?recursive=true", "")
	if got := strings.Count(w.Body.String(), `"nodes":[`); w.Code != 200 || got != maxDepth {
		t.Errorf("%d, %d levels", w.Code, got)
	}
}

// TestWatchesTakeWhatTheirPathsNeed: a path of eight kilobytes can take three hundred of them in the tree of watched paths.
func TestWatchesTakeWhatTheirPathsNeed(t *testing.T) {
	g := newRig(t, Options{})
	watchers := &g.handler.(*handler).watchers
	watchers.limit = 1000
	addr := g.listen(t)
	for _, path := range []string{strings.Repeat("/a", maxDepth-1), "/" + strings.Repeat("a", 400_000)} {
		var open []*client
		for n := range 20 {
			c := dial(t, addr)
			resp := c.get(fmt.Sprintf("/v2/keys/%d%s?wait=true", n, path))
			if resp.StatusCode != 200 {
				checkRefused(t, resp, 503, 300, causeTooManyWatchers)
				break
			}
			open = append(open, c)
		}
		if n := len(open); n < 2 || n > 8 {
			t.Errorf("%d watches of paths of %d bytes were accepted", n, len(path))
		}
		for range 10 {
			c := dial(t, addr)
			if resp := c.get("/v2/keys/plain/path?wait=true"); resp.StatusCode != 200 {
				t.Error("a plain watch beside them:", resp.Status)
			}
			open = append(open, c)
		}
		if used := watchers.used.Load(); used < 300 {
			t.Errorf("they count for %d", used)
		}
		for _, c := range open {
			c.Close()
		}
		server.Await(t, "all of it is given back", time.Minute, func() error {
			if used := watchers.used.Load(); used != 0 {
				return fmt.Errorf("%d", used)
			}
			return nil
		})
	}
	watchers.limit = 1
	if resp := dial(t, addr).get("/v2/keys" + strings.Repeat("/a", maxDepth) + "?wait=true"); resp.StatusCode != 200 {
		t.Error("where there is room for one watch, that may be any:", resp.Status)
	}
}

func TestTooManyParametersAreRefused(t *testing.T) {
	c := dial(t, newRig(t, Options{}).listen(t))
	form := strings.Repeat("k&", 1_000_000)
	c.send(fmt.Sprintf("PUT /v2/keys/k HTTP/1.1\r\nHost: h\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", formType, len(form), form))
	checkRefused(t, c.answer("PUT"), 400, 210, "number of URL query parameters exceeded limit")
}

func TestTheLongestForm(t *testing.T) {
	g := newRig(t, Options{})
	addr := g.listen(t)
	value := strings.Repeat("h", int(DefaultLimits().BodyBytes)-len("value="))
	for _, c := range []struct {
		extra  string
		status int
	}{{"", 201}, {"h", 400}} {
		for _, chunked := range []bool{false, true} {
			var body io.Reader = strings.NewReader("value=" + value + c.extra)
			if chunked {
				body = io.MultiReader(body) // of no known length
			}
			r, _ := http.NewRequest("PUT", fmt.Sprintf("http://%s/v2/keys/k?prevExist=false", addr), body)
			r.Header.Set("Content-Type", formType)
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			if c.status == 400 {
				checkRefused(t, resp, 400, 210, "http: POST too large")
			} else if resp.StatusCode != 201 {
				t.Error(resp.Status)
			}
			resp.Body.Close()
			g.do("DELETE", "/v2/keys/k", "")
		}
	}
	if used := g.handler.(*handler).bodies.used.Load(); used != 0 {
		t.Error(used, "bytes of the budget are lost")
	}
}

func TestAnAnnouncedGigabyteTakesNoMemory(t *testing.T) {
	c := dial(t, newRig(t, Options{}).listen(t))
	head := "PUT /v2/keys/k HTTP/1.1\r\nHost: h\r\nContent-Length: 1073741824\r\nContent-Type: " + formType + "\r\n"
	c.send(head + "Expect: 100-continue\r\n\r\n")
	checkRefused(t, c.answer("PUT"), 400, 210, "http: POST too large")

	addr := newRig(t, Options{}).listen(t)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 100 {
		dial(t, addr).send(head + "\r\nvalue=")
	}
	c = dial(t, addr)
	c.send(head + "\r\n")
	go func() { // it is read as far as it has to be, and then the connection goes
		zeros := make([]byte, 1<<20)
		for range 1024 {
			if _, err := c.Write(zeros); err != nil {
				return
			}
		}
	}()
	checkRefused(t, c.answer("PUT"), 400, 210, "http: POST too large")
	runtime.ReadMemStats(&after)
	if grown := int64(after.Sys) - int64(before.Sys); grown > 64<<20 {
		t.Error(grown>>20, "MiB more")
	}
}

func TestBodiesShareABudget(t *testing.T) {
	g := newRig(t, Options{})
	g.handler.(*handler).bodies.limit = 100 << 10
	addr := g.listen(t)
	half := strings.Repeat("v", 60<<10) // a whole one fits into the sockets: it may be refused before it has been sent
	head := fmt.Sprintf("PUT /v2/keys/k HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\nContent-Type: %s\r\n\r\n", 2*len(half), formType)
	holder := dial(t, addr)
	holder.send(head + half)
	other := dial(t, addr)
	other.send(head + half + half)
	resp := other.answer("PUT")
	if resp.StatusCode != 503 {
		// The other one was first.
		holder.send(half)
		resp = holder.answer("PUT")
	}
	checkRefused(t, resp, 503, 300, "etcdserver: too many requests")
	if w := g.do("PUT", "/v2/keys/small", "value=x"); w.Code != 201 {
		t.Error("a small body needs no budget:", w.Code)
	}
}

func TestALongHeadIsRefused(t *testing.T) {
	c := dial(t, newRig(t, Options{}).listen(t))
	go c.Write([]byte("GET /v2/keys/k?x=" + strings.Repeat("a", 1_200_000) + " HTTP/1.1\r\nHost: h\r\n\r\n"))
	if resp := c.answer("GET"); resp.StatusCode != 431 || resp.Header.Get("Content-Type") != typeText[0] {
		t.Error(resp.Status, resp.Header)
	}
}

func TestBytesThatAreNotUTF8(t *testing.T) {
	g := newRig(t, Options{})
	c := dial(t, g.listen(t))
	c.send("PUT /v2/keys/%ff%00/\xfe HTTP/1.1\r\nHost: h\r\nContent-Type: " + formType + "\r\nContent-Length: 10\r\n\r\nvalue=\xc3%28")
	body, err := io.ReadAll(c.answer("PUT").Body)
	want := `{"action":"set","node":{"key":"/\ufffd\u0000/\ufffd","value":"\ufffd(","modifiedIndex":4,"createdIndex":4}}` + "\n"
	if err != nil || string(body) != want {
		t.Errorf("%s, %v", body, err)
	}
	if w := g.do("GET", "/v2/keys/%ff%00/%fe", ""); w.Code != 200 {
		t.Error("the key is not the bytes that were sent:", w.Body)
	}
	if w := g.do("GET", "/v2/keys/%fe%00/%fe", ""); w.Code != 404 {
		t.Error("another key prints alike and is taken for this one")
	}
}

// A broken chunked body is an error; nothing of it is written.
func TestABrokenBodyIsRefused(t *testing.T) {
	g := newRig(t, Options{})
	c := dial(t, g.listen(t))
	c.send("PUT /v2/keys/k HTTP/1.1\r\nHost: h\r\nContent-Type: " + formType + "\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nvalue=x\r\nzz\r\n")
	checkRefused(t, c.answer("PUT"), 400, 210, "")
	if g.View().Index != 3 {
		t.Error("something was written")
	}
}
