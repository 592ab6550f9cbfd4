package front

import (
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// Connections that ask for nothing are closed at once, in whatever way they ask for nothing.
func TestShutdownClosesWhatIsIdle(t *testing.T) {
	g := newRestlessRig(t, nil, Options{}, patience) // served stays idle
	fresh, served, half, rested := g.dial(), g.dial(), g.dial(), g.dial()
	served.send(get("/echo"))
	served.hears("GET /echo ")
	half.send(get("/echo") + "GET /echo HTTP/1.1\r\n")
	half.hears("GET /echo ")
	rested.send(get("/wait"))
	resp := rested.head()
	g.eventually("its answer is parked", func() bool { return g.parked() == 1 }) // told before, it would be idle
	g.bells.ring("", "now")
	_, _ = io.ReadAll(resp.Body)
	g.eventually("it rests", func() bool { return g.parked() == 1 })
	g.eventually("all are there", func() bool { return g.open.Load() == 4 })
	g.stop(patience)
	for _, c := range []*client{fresh, served, half, rested} {
		c.ends()
	}
}

// Answers that are under way are given, and say that they are the last; no other request is.
func TestShutdownWaitsForAnswers(t *testing.T) {
	began, goOn := make(chan struct{}), make(chan struct{})
	g := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(began) // a second request panics
		<-goOn
		_, _ = io.WriteString(w, "answer")
	}), Options{})
	c := g.dial()
	c.send(get("/") + get("/"))
	<-began
	stopped := make(chan struct{})
	go func() { defer close(stopped); g.stop(patience) }()
	g.eventually("it stops", g.front.stopping.Load)
	close(goOn)
	resp := c.head()
	if b, err := io.ReadAll(resp.Body); string(b) != "answer" || err != nil || !resp.Close {
		t.Errorf("%q, %v, close %v", b, err, resp.Close)
	}
	c.ends()
	<-stopped
}

// What waits when the server stops can still be told, and the connection ends with it; what is not told is cut.
func TestShutdownWithParkedAnswers(t *testing.T) {
	t.Parallel()
	g := newRig(t, nil, Options{})
	told, cut, stream := g.dial(), g.dial(), g.dial()
	told.send(get("/wait/told"))
	answer := told.head()
	cut.send(get("/wait/cut") + get("/echo"))
	cut.head()
	stream.send(get("/stream"))
	stream.head()
	g.eventually("they are parked", func() bool { return g.parked() == 3 })
	stopped := make(chan struct{})
	go func() { defer close(stopped); g.stop(300 * time.Millisecond) }()
	g.eventually("it stops", g.front.stopping.Load)
	g.bells.ring("/wait/told", "last")
	if b, err := io.ReadAll(answer.Body); string(b) != "last\n" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	told.ends()
	<-stopped
	for _, c := range []*client{cut, stream} {
		if b, err := io.ReadAll(c.r); len(b) > 0 || err != nil && !isReset(err) {
			t.Errorf("%q, %v", b, err)
		}
	}
}

// A connection that is parked, or that rests, just after Shutdown has looked at it does not stay. The tests stand at the place.
func TestNothingIsParkedBehindShutdown(t *testing.T) {
	for _, path := range []string{"/wait", "/echo"} {
		inside, goOn := make(chan *response), make(chan struct{})
		var b *bells
		g := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			inside <- w.(*response)
			<-goOn
			b.ServeHTTP(w, r)
		}), Options{})
		b = newBells(t)
		g.bells = b
		c := g.dial()
		c.send(get(path))
		<-inside
		g.front.stopping.Store(path == "/echo")
		g.front.cutting.Store(path == "/wait")
		close(goOn)
		c.head()
		g.eventually("it is closed", func() bool { return g.open.Load() == 0 })
		g.front.stopping.Store(false)
		g.front.cutting.Store(false)
	}
	g := newRig(t, nil, Options{HeaderTimeout: 2 * patience})
	c := g.dial()
	g.eventually("it is idle", func() bool { return g.in(idle) == 1 })
	g.front.stopping.Store(true)
	c.send("GET /e") // is no request yet
	c.ends()
	g.front.stopping.Store(false)
	c = g.dial()
	c.send(get("/wait"))
	resp := c.head()
	g.eventually("it is parked", func() bool { return g.parked() == 1 })
	only := g.only()
	if !only.state.CompareAndSwap(parked, busy) {
		t.Fatal("it is not parked")
	}
	only.waits.end()
	only.waits = nil
	g.front.stopping.Store(true)
	only.rest() // between the last look of tell and being parked
	if b, err := io.ReadAll(resp.Body); len(b) > 0 || err == nil {
		t.Errorf("%q, %v", b, err)
	}
	g.front.stopping.Store(false)
}

// A server that was stopped before it served closes the listener all the same.
func TestServeAfterShutdown(t *testing.T) {
	g := newRig(t, nil, Options{})
	g.stop(0)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := g.front.Serve(l); err != http.ErrServerClosed {
		t.Error(err)
	}
	if _, err := l.Accept(); err == nil {
		t.Error("the listener is still open")
	}
}

// Who sends too slowly is cut: heads from their first byte, bodies, and connections that send nothing at first.
func TestTimeouts(t *testing.T) {
	const short = 300 * time.Millisecond
	g := newRig(t, nil, Options{HeaderTimeout: short, BodyTimeout: short})
	for name, sent := range map[string]string{
		"nothing":       "",
		"half a head":   "GET /echo HTTP/1.1\r\n",
		"half a body":   "PUT /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf",
		"a second head": get("/echo") + "GET /ec",
		"behind a wait": get("/wait") + "GET /ec",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Now() // its time may begin before dial returns
			c := g.dial()
			c.t = t
			c.send(sent)
			switch {
			case strings.HasPrefix(sent, get("/echo")):
				c.hears("GET /echo ")
			case strings.HasPrefix(sent, get("/wait")):
				resp := c.head()
				g.bells.ring("", "now")
				_, _ = io.ReadAll(resp.Body)
			}
			c.ends()
			if took := time.Since(began); took < short {
				t.Error("cut after", took)
			}
		})
	}
}

// A connection that asks for nothing is closed after IdleTimeout, in the lot as well; one that waits for an event is not, and
// neither is one that asks from time to time. No deadline is left over from before.
func TestIdleConnections(t *testing.T) {
	t.Parallel()
	const idle = time.Second
	g := newRig(t, nil, Options{IdleTimeout: idle, HeaderTimeout: idle})
	waits, asks, silent := g.dial(), g.dial(), g.dial()
	waits.send(get("/wait"))
	answer := waits.head()
	silent.send(get("/wait/silent"))
	rested := silent.head()
	g.bells.ring("/wait/silent", "now")
	if _, err := io.ReadAll(rested.Body); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	pause := time.NewTicker(idle / 4)
	defer pause.Stop()
	closed := make(chan time.Duration, 1)
	go func() {
		_, _ = silent.r.ReadByte()
		closed <- time.Since(began)
	}()
	for range 6 { // longer than any deadline
		<-pause.C
		asks.send(get("/echo"))
		asks.hears("GET /echo ")
	}
	if took := <-closed; took < idle {
		t.Errorf("closed after %v", took)
	}
	g.bells.ring("", "now")
	if b, err := io.ReadAll(answer.Body); string(b) != "now\n" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	waits.send(get("/echo"))
	waits.hears("GET /echo ")
	g.eventually("all are closed", func() bool { return g.open.Load() == 0 })
	if _, err := waits.r.ReadByte(); err == nil || os.IsTimeout(err) {
		t.Error(err)
	}
}
