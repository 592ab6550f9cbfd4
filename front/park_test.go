package front

import (
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"
)

// A watch waits without a goroutine; when it is told, its connection goes on as before, many times over.
func TestAnAnswerIsParked(t *testing.T) {
	g := newRig(t, nil, Options{})
	c := g.dial()
	for range 3 {
		c.send(get("/wait"))
		resp := c.head()
		g.eventually("it is parked", func() bool { return g.parked() == 1 })
		g.eventually("its goroutine has ended", func() bool { return runtime.NumGoroutine() <= g.goroutines+4 })
		g.bells.ring("", "now")
		if b, err := io.ReadAll(resp.Body); string(b) != "now\n" || err != nil {
			t.Fatalf("%q, %v", b, err)
		}
		c.send(get("/echo"))
		c.hears("GET /echo ")
	}
	if n := g.accepted.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// A stream goes on until its end, with the next request behind it.
func TestAStream(t *testing.T) {
	g := newRig(t, nil, Options{})
	c := g.dial()
	c.send(get("/stream"))
	resp := c.head()
	for _, line := range []string{"a", "b", "c"} {
		g.eventually("it is parked", func() bool { return g.parked() == 1 })
		g.bells.ring("", line)
		b := make([]byte, 2)
		if _, err := io.ReadFull(resp.Body, b); err != nil || string(b) != line+"\n" {
			t.Fatalf("%q, %v", b, err)
		}
	}
	g.bells.ring("", "end")
	if b, err := io.ReadAll(resp.Body); string(b) != "end\n" || err != nil {
		t.Fatalf("%q, %v", b, err)
	}
	c.send(get("/echo"))
	c.hears("GET /echo ")
}

// What comes while an answer waits is the next request, in pieces or whole, more than is read early or less.
func TestRequestsThatComeEarly(t *testing.T) {
	g := newRig(t, nil, Options{})
	long := "PUT /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3000\r\n\r\n" + strings.Repeat("x", 3000)
	for name, early := range map[string][]string{
		"with it":        {get("/wait") + get("/echo") + get("/wait") + long},
		"in two":         {get("/wait") + "GET /ec", "ho HTTP/1.1\r\nHost: h\r\n\r\n" + get("/wait") + long},
		"behind it":      {get("/wait"), get("/echo") + get("/wait") + long},
		"byte by byte":   strings.SplitAfter(get("/wait")+get("/echo")+get("/wait")+long[:100], ""),
		"not plain":      {get("/wait"), "GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + get("/wait") + long},
		"two who wait":   {get("/wait") + get("/wait"), get("/echo") + get("/wait") + long},
		"and two others": {get("/echo") + get("/wait"), get("/echo") + get("/echo") + get("/wait") + long},
	} {
		t.Run(name, func(t *testing.T) {
			c := g.dial()
			c.t = t
			all := strings.Join(early, "")
			if name == "byte by byte" {
				early = append(early, long[100:])
				all += long[100:]
			}
			for _, piece := range early {
				c.send(piece)
			}
			for rest := all; rest != ""; {
				switch {
				case strings.HasPrefix(rest, get("/wait")):
					rest = rest[len(get("/wait")):]
					resp := c.head()
					g.bells.ring("", "now")
					if b, err := io.ReadAll(resp.Body); string(b) != "now\n" || err != nil {
						t.Fatalf("%q, %v", b, err)
					}
				case rest == long:
					rest = ""
					c.hears("PUT /echo " + strings.Repeat("x", 3000))
				default:
					_, rest, _ = strings.Cut(rest, "\r\n\r\n")
					c.hears("GET /echo ")
				}
			}
			c.Close()
		})
	}
}

// An event that comes late, when something else has happened meanwhile, changes nothing: no byte is lost, and no watch.
func TestLateEvents(t *testing.T) {
	g := newRig(t, nil, Options{})
	for _, early := range []string{"", "GET /e"} {
		c := g.dial()
		c.send(get("/wait") + early)
		resp := c.head()
		g.eventually("it is parked", func() bool { return g.parked() == 1 })
		c.send(get("/echo")[len(early):])
		for range 3 {
			g.only().heard(false)
			g.only().wake()
			g.eventually("it is parked again", func() bool { return g.parked() == 1 })
		}
		g.bells.ring("", "now")
		if b, err := io.ReadAll(resp.Body); string(b) != "now\n" || err != nil {
			t.Fatalf("%q, %v", b, err)
		}
		c.hears("GET /echo ")
		g.only().heard(false) // of one who answers, or waits for a request
		g.only().wake()
		c.send(get("/echo"))
		c.hears("GET /echo ")
		c.Close()
		g.eventually("it is closed", func() bool { return g.open.Load() == 0 })
	}
}

// A connection from the lot waits for its next request as long as any other, not as long as for a head: neither when nothing has come
// after all, nor when its watch was told just before it was parked.
func TestNothingToReadAfterTheLot(t *testing.T) {
	g := newRestlessRig(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := w.(*response)
		wake, asked := p.Waker(), 0
		p.Park(func(w http.ResponseWriter) bool {
			wake()
			asked++
			return asked == 3
		}, func() {})
	}), Options{HeaderTimeout: 100 * time.Millisecond}, 10*time.Millisecond)
	c := g.dial()
	for range 3 {
		c.send(get("/"))
		c.hears("")
		g.eventually("it rests", func() bool { return g.parked() == 1 })
		g.only().heard(false)
		g.eventually("it rests again", func() bool { return g.parked() == 1 })
	}
}

// A client that goes away is noticed at once, however it goes, and whatever it has sent before.
func TestClientsThatGo(t *testing.T) {
	for name, goes := range map[string]func(c *client){
		"closed":     func(c *client) { c.Close() },
		"reset":      func(c *client) { _ = c.SetLinger(0); c.Close() },
		"half":       func(c *client) { _ = c.CloseWrite() },
		"early then": func(c *client) { c.send("GET /e"); _ = c.SetLinger(0); c.Close() },
	} {
		for _, path := range []string{"/wait", "/stream"} {
			t.Run(name+path, func(t *testing.T) {
				g := newRig(t, nil, Options{})
				c := g.dial()
				c.send(get(path))
				c.head()
				g.eventually("it is parked", func() bool { return g.parked() == 1 })
				goes(c)
				g.eventually("its answer ends", func() bool { return g.bells.waiting() == 0 })
				g.eventually("its connection is closed", func() bool { return g.open.Load() == 0 })
			})
		}
	}
	t.Run("reset with an early request", func(t *testing.T) {
		g := newRig(t, nil, Options{})
		c := g.dial()
		c.send(get("/wait") + get("/echo"))
		c.head()
		g.eventually("it is parked", func() bool { return g.parked() == 1 })
		_ = c.SetLinger(0)
		c.Close()
		g.eventually("its answer ends", func() bool { return g.bells.waiting() == 0 })
	})
}

// A client that has closed its side gets the end of its answer, as from net/http.
func TestHalfClosedClients(t *testing.T) {
	g := newRig(t, nil, Options{})
	c := g.dial()
	c.send(get("/wait"))
	resp := c.head()
	_ = c.CloseWrite()
	if b, err := io.ReadAll(resp.Body); len(b) != 0 || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	c.ends()
	c = g.dial()
	c.send(get("/echo") + get("/echo"))
	_ = c.CloseWrite()
	c.hears("GET /echo ")
	c.hears("GET /echo ")
	c.ends()
}

// A watch that is the last request on its connection ends it.
func TestTheLastAnswerIsParked(t *testing.T) {
	g := newRig(t, nil, Options{})
	c := g.dial()
	c.send("GET /wait HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n" + get("/echo"))
	resp := c.head()
	if !resp.Close {
		t.Error("it does not say so")
	}
	g.bells.ring("", "now")
	if b, err := io.ReadAll(resp.Body); string(b) != "now\n" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	c.ends()
}

// Handlers that panic cut their connection, and their answer ends, before it is parked, at once, and later.
func TestPanics(t *testing.T) {
	g := newRig(t, nil, Options{})
	for _, path := range []string{"/panics", "/wait/panics"} {
		c := g.dial()
		c.send(get(path) + get("/echo"))
		c.ends()
	}
	c := g.dial()
	c.send(get("/stream") + get("/echo"))
	resp := c.head()
	g.bells.ring("", "line")
	g.bells.ring("", "panic")
	if b, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("a whole answer: %q", b)
	}
	g.eventually("all are closed", func() bool { return g.open.Load() == 0 && g.bells.waiting() == 0 })
}

// A parked answer keeps to what its head has said.
func TestHeadsOfParkedAnswers(t *testing.T) {
	wakes := make(chan func(), 1)
	g := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, ok := w.(*response)
		if !ok || r.URL.Path == "/echo" {
			return
		}
		switch r.URL.Path {
		case "/length":
			w.Header().Set("Content-Length", "4")
		case "/nothing":
			w.WriteHeader(http.StatusNoContent)
		}
		asked := 0
		p.Park(func(w http.ResponseWriter) bool {
			if asked++; asked == 2 {
				_, _ = io.WriteString(w, "body")
			}
			return asked == 2
		}, func() {})
		wakes <- p.Waker()
	}), Options{})
	for _, request := range []string{"HEAD /", "GET /length", "GET /nothing", "GET /"} {
		c := g.dial()
		c.send(request + " HTTP/1.1\r\nHost: h\r\n\r\n")
		method, path, _ := strings.Cut(request, " ")
		resp, err := http.ReadResponse(c.r, &http.Request{Method: method})
		if err != nil {
			t.Fatal(err)
		}
		(<-wakes)()
		want := "body"
		if method == "HEAD" || path == "/nothing" {
			want = ""
		}
		if b, err := io.ReadAll(resp.Body); string(b) != want || err != nil {
			t.Errorf("%s: %q, %v", request, b, err)
		}
		c.send(get("/echo"))
		c.hears("")
		c.Close()
	}
}

// Clients that do not read hold nobody up, and are told all in the end.
func TestClientsThatDoNotRead(t *testing.T) {
	g := newRig(t, nil, Options{})
	var slow []*client
	var answers []*http.Response
	for range 2*runtime.GOMAXPROCS(0) + 2 {
		c := g.dial()
		c.send(get("/stream/slow") + get("/echo"))
		slow, answers = append(slow, c), append(answers, c.head())
	}
	quick := g.dial()
	quick.send(get("/stream/quick"))
	resp := quick.head()
	line := strings.Repeat("x", 1<<20)
	const lines = 4
	for range lines {
		g.bells.ring("/stream/slow", line)
	}
	g.bells.ring("/stream/quick", "end")
	if b, err := io.ReadAll(resp.Body); string(b) != "end\n" || err != nil {
		t.Fatalf("%q, %v", b, err)
	}
	g.bells.ring("/stream/slow", "end")
	for i, c := range slow {
		if i%2 == 0 {
			c.Close()
			continue
		}
		if b, err := io.ReadAll(answers[i].Body); len(b) != lines*(len(line)+1)+len("end\n") || err != nil {
			t.Errorf("%d bytes, %v", len(b), err)
		}
		c.hears("GET /echo ")
	}
	g.eventually("those who went are gone", func() bool { return g.open.Load() == int64(len(slow)/2+1) })
}

// Who asks and asks and takes no answer is cut when the server stops, and holds up nobody until then.
func TestAnswersThatNobodyTakes(t *testing.T) {
	answer := make([]byte, 100_000)
	g := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(answer) }), Options{})
	c := g.dial()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for {
			if _, err := io.WriteString(c, get("/")); err != nil {
				return
			}
		}
	}()
	other := g.dial()
	for range 100 {
		other.send(get("/"))
		other.hears(string(answer))
	}
	g.stop(0)
	<-sent
}

// A connection that asks for nothing costs no goroutine, and is answered as before.
func TestSilentConnectionsRest(t *testing.T) {
	g := newRestlessRig(t, nil, Options{}, 10*time.Millisecond)
	var clients []*client
	for range 20 {
		clients = append(clients, g.dial())
	}
	for round := range 3 {
		for _, c := range clients {
			c.send(get("/echo"))
			c.hears("GET /echo ")
			if round == 1 {
				c.send(get("/wait"))
				c.head()
			}
		}
		g.eventually("all rest", func() bool { return g.parked() == len(clients) })
		g.eventually("their goroutines have ended", func() bool { return runtime.NumGoroutine() <= g.goroutines+4 })
		if round == 1 {
			g.bells.ring("", "now")
			g.eventually("all have been told", func() bool { return g.bells.waiting() == 0 })
			for _, c := range clients {
				if s, err := c.r.ReadString('\n'); err != nil {
					t.Fatalf("%q, %v", s, err)
				}
			}
			for _, c := range clients { // the rest of the body
				if _, err := c.r.Discard(len("now\n") + len("\r\n0\r\n\r\n")); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for _, c := range clients {
		c.Close()
	}
	g.eventually("all are closed", func() bool { return g.open.Load() == 0 })
}

// What is heard of a parked connection is read at once, however soon it is parked again when nothing comes.
func TestWhatIsHeardIsRead(t *testing.T) {
	g := newRestlessRig(t, nil, Options{}, time.Nanosecond)
	c := g.dial()
	for range 5 {
		c.send(get("/echo"))
		c.hears("GET /echo ")
		g.eventually("it is parked", func() bool { return g.parked() == 1 })
	}
	c.Close()
	g.eventually("it has left", func() bool { return g.open.Load() == 0 })
}
