package httpapi

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"pando/eventhistory"
	"pando/store"
)

// line reads one event of a watch.
func line(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	s, err := r.ReadString('\n')
	if err != nil {
		t.Fatalf("%v after %q", err, s)
	}
	return s
}

func event(action, key, value string, index int) string {
	return fmt.Sprintf(`{"action":"%s","node":{"key":"%s","value":"%s","modifiedIndex":%d,"createdIndex":%d}}`+"\n", action, key, value, index, index)
}

func TestWatchSendsHeadersAtOnceAndOneEvent(t *testing.T) {
	g := newRig(t, Options{})
	c := dial(t, g.listen(t))
	resp := c.get("/v2/keys/d?wait=true&recursive=true")
	checkHeaders(t, "watch", resp.Header, "3", true)
	if resp.StatusCode != 200 || len(resp.TransferEncoding) != 1 {
		t.Error(resp.Status, resp.TransferEncoding)
	}
	g.do("PUT", "/v2/keys/d/_hidden", "")
	g.do("PUT", "/v2/keys/d/k", "value=v")
	body, err := io.ReadAll(resp.Body)
	if want := event("set", "/d/k", "v", 5); err != nil || string(body) != want {
		t.Errorf("%v, %s, want %s", err, body, want)
	}
	if resp := c.get("/version"); resp.StatusCode != 200 {
		t.Error("the connection is of no more use:", resp.Status)
	}
}

func TestWatchReplaysHistory(t *testing.T) {
	g := newRig(t, Options{})
	for i := range 3 {
		g.do("PUT", "/v2/keys/k", fmt.Sprintf("value=%d&ttl=100", i))
	}
	w := g.do("GET", "/v2/keys/k?wait=true&waitIndex=1", "")
	want := `{"action":"set","node":{"key":"/k","value":"0","expiration":"2026-11-24T12:01:40.5Z","ttl":100,"modifiedIndex":4,"createdIndex":4}}` + "\n"
	if w.Body.String() != want || w.Header().Get("X-Etcd-Index") != "6" {
		t.Errorf("%s at %s", w.Body, w.Header().Get("X-Etcd-Index"))
	}
	for range 1100 {
		g.do("PUT", "/v2/keys/k", "")
	}
	w = g.do("GET", "/v2/keys/k?wait=true&stream=true&waitIndex=106", "")
	want = `{"errorCode":401,"message":"The event in requested index is outdated and cleared",` +
		`"cause":"the requested history has been cleared [107/106]","index":1106}` + "\n"
	if w.Code != 400 || w.Body.String() != want {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	checkHeaders(t, "401", w.Header(), "1106", false)
}

func TestStreamGoesOnAfterItsReplay(t *testing.T) {
	g := newRig(t, Options{})
	g.do("PUT", "/v2/keys/k", "value=a")
	g.do("PUT", "/v2/keys/other", "value=b")
	g.do("DELETE", "/v2/keys/k", "")
	resp := dial(t, g.listen(t)).get("/v2/keys/k?wait=true&stream=true&waitIndex=4")
	r := bufio.NewReader(resp.Body)
	if got := line(t, r); got != event("set", "/k", "a", 4) {
		t.Error(got)
	}
	if got := line(t, r); !strings.Contains(got, `"action":"delete"`) {
		t.Error(got)
	}
	g.do("PUT", "/v2/keys/k", "value=c")
	if got := line(t, r); got != event("set", "/k", "c", 7) {
		t.Error("the deletion was told twice, or the stream is over:", got)
	}
}

func TestExpirationIsToldWithTheTTLOfTheEvent(t *testing.T) {
	g := newRig(t, Options{})
	c := dial(t, g.listen(t))
	g.do("PUT", "/v2/keys/k", "value=v&ttl=5")
	resp := c.get("/v2/keys/k?wait=true")
	g.expire(t, testTime.Add(5e9))
	want := `{"action":"expire","node":{"key":"/k","modifiedIndex":5,"createdIndex":4},` +
		`"prevNode":{"key":"/k","value":"v","expiration":"2026-11-24T12:00:05.5Z","ttl":5,"modifiedIndex":4,"createdIndex":4}}` + "\n"
	if body, err := io.ReadAll(resp.Body); err != nil || string(body) != want {
		t.Errorf("%v, %s", err, body)
	}
}

func TestStopCutsAPollAndEndsAStream(t *testing.T) {
	g := newRig(t, Options{})
	addr := g.listen(t)
	poll := dial(t, addr).get("/v2/keys/k?wait=true")
	stream := dial(t, addr).get("/v2/keys/k?wait=true&stream=true")
	g.do("PUT", "/v2/keys/other", "")
	g.store.StopWatches()
	if body, err := io.ReadAll(poll.Body); !errors.Is(err, io.ErrUnexpectedEOF) || len(body) > 0 {
		t.Errorf("poll: %q, %v", body, err)
	}
	if body, err := io.ReadAll(stream.Body); err != nil || len(body) > 0 {
		t.Errorf("stream: %q, %v", body, err)
	}
	if _, err := g.Watch("/1/k", false, false, 0, nil); !errors.Is(err, eventhistory.ErrStopped) {
		t.Error(err)
	}
	refused := dial(t, addr)
	refused.send("GET /v2/keys/k?wait=true HTTP/1.1\r\nHost: h\r\n\r\n")
	if _, err := refused.r.ReadByte(); err != io.EOF {
		t.Error("a watch after the stop was answered:", err)
	}
}

func TestHalfClosedPollEndsWell(t *testing.T) {
	g := newRig(t, Options{})
	c := dial(t, g.listen(t))
	resp := c.get("/v2/keys/k?wait=true")
	if err := c.Conn.(patient).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(resp.Body); err != nil || len(body) > 0 {
		t.Errorf("%q, %v", body, err)
	}
}

func TestHTTP10StreamHasNoFraming(t *testing.T) {
	g := newRig(t, Options{})
	c := dial(t, g.listen(t))
	c.send("GET /v2/keys/k?wait=true&stream=true HTTP/1.0\r\n\r\n")
	resp := c.answer(http.MethodGet)
	if len(resp.TransferEncoding) > 0 || resp.ContentLength >= 0 {
		t.Error(resp.TransferEncoding, resp.ContentLength)
	}
	g.do("PUT", "/v2/keys/k", "value=1")
	if got := line(t, c.r); got != event("set", "/k", "1", 4) {
		t.Error(got)
	}
}

// A client that does not read holds up nobody. It is told everything that is still in the history, and then that it is over.
func TestASlowReaderOfAStreamLosesNothingUntilTheWindowPasses(t *testing.T) {
	t.Parallel()
	const kept, size = 50, 1_000_000 // 50 MB: more than sockets hold
	s := newLone(t, store.Options{Now: fixedTime, HistorySize: kept})
	g := &rig{s, New(s, Options{Now: fixedTime})}
	c := dial(t, g.listen(t))
	resp := c.get("/v2/keys/k?wait=true&stream=true")
	value := strings.Repeat("z", size)
	for range kept {
		g.do("PUT", "/v2/keys/k", "value="+value)
	}
	r := bufio.NewReaderSize(resp.Body, 3*size)
	for i := range kept {
		got, err := r.ReadSlice('\n')
		if err != nil || !bytes.Contains(got[size:], fmt.Appendf(nil, `","modifiedIndex":%d,`, 4+i)) {
			t.Fatalf("event %d: %v, %.60s", i, err, got)
		}
	}
	for range 3 * kept {
		g.do("PUT", "/v2/keys/k", "value="+value)
	}
	events := 0
	for {
		got, err := r.ReadSlice('\n')
		if err == io.EOF && len(got) == 0 {
			break
		}
		if err != nil {
			t.Fatalf("%v: the stream was cut inside an event", err)
		}
		events++
	}
	if events == 0 || events >= 3*kept {
		t.Error(events, "events came, then the end")
	}
}
