package front

import (
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var (
	stressSeed = flag.Uint64("stress.seed", 0, "of TestStress; 0: any")
	stressTime = flag.Duration("stress.time", 400*time.Millisecond, "how long TestStress goes on before each shutdown, and a fifth of TestRequestsBehindWatches")
)

// stress is many clients who do whatever they like to one server.
type stress struct {
	*rig
	ends    atomic.Bool // the server is being shut down: whatever breaks off may
	numbers atomic.Int64
	done    [8]atomic.Int64 // per kind
}

// TestStress: whatever clients do at the same time, each gets the answers to its own requests, in order, until the server is shut down
// in the middle of it all; then nothing is left.
func TestStress(t *testing.T) {
	seed := *stressSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	for round := range uint64(3) {
		t.Run(fmt.Sprint("round ", round), func(t *testing.T) {
			t.Logf("seed %d", seed)
			s := &stress{rig: newRestlessRig(t, nil, Options{}, []time.Duration{restAfter, time.Millisecond, time.Nanosecond}[round])}
			s.others.ErrorLog = nothing()
			var all sync.WaitGroup
			for i := range 40 {
				rnd := rand.New(rand.NewPCG(seed, round<<32|uint64(i)))
				all.Go(func() { s.client(rnd) })
			}
			rnd := rand.New(rand.NewPCG(seed, round<<32|1<<31))
			stopped := make(chan struct{})
			go func() {
				defer close(stopped)
				for began := time.Now(); time.Since(began) < *stressTime || !s.varied() && time.Since(began) < patience; {
					s.ringSome(rnd)
				}
				s.ends.Store(true)
				s.stop([]time.Duration{0, 20 * time.Millisecond, 200 * time.Millisecond}[round])
			}()
			all.Wait()
			<-stopped
			if !s.varied() {
				t.Error("not everything was done:")
			}
			for kind := range s.done {
				t.Logf("kind %d: %d", kind, s.done[kind].Load())
			}
		})
	}
}

// varied says whether clients have done a bit of everything.
func (s *stress) varied() bool {
	for kind := range s.done {
		if s.done[kind].Load() < 3 {
			return false
		}
	}
	return true
}

// long is more than goes out at once.
var long = strings.Repeat("x", 1_000_000)

// ringSome tells something to some of those who wait, or to all.
func (s *stress) ringSome(rnd *rand.Rand) {
	line := []string{"line", "end"}[rnd.IntN(2)]
	if rnd.IntN(100) == 0 {
		line = long
	}
	s.bells.mu.Lock()
	var some []*bell
	for l := range s.bells.all {
		if rnd.IntN(3) > 0 {
			some = append(some, l)
		}
	}
	s.bells.mu.Unlock()
	for _, l := range some {
		l.mu.Lock()
		l.lines = append(l.lines, line)
		l.mu.Unlock()
		l.wake()
	}
	<-time.After(time.Duration(rnd.IntN(300)) * time.Microsecond)
}

// client makes connections until the server ends.
func (s *stress) client(rnd *rand.Rand) {
	for !s.ends.Load() {
		c, err := dial(s.addr)
		if err != nil {
			if !s.ends.Load() {
				s.t.Error(err)
			}
			return
		}
		for err == nil && rnd.IntN(8) > 0 {
			err = s.act(c, rnd)
		}
		if err != nil && err != errLeft && !s.ends.Load() {
			s.t.Error(err)
		}
		if rnd.IntN(3) == 0 {
			_ = c.SetLinger(0)
		}
		c.Close()
	}
}

// errLeft: the client closes the connection on purpose.
var errLeft = fmt.Errorf("left")

// act does one thing on a connection.
func (s *stress) act(c *client, rnd *rand.Rand) error {
	kind := rnd.IntN(len(s.done))
	defer s.done[kind].Add(1)
	switch kind {
	case 0: // some requests in one piece
		return s.requests(c, rnd, 1+rnd.IntN(5), nil)
	case 1: // a watch, and some more behind it
		return s.requests(c, rnd, rnd.IntN(3), []string{"/wait"})
	case 2: // a watch in between, in two pieces
		return s.requests(c, rnd, 2, []string{"/wait", "/stream"})
	case 3: // a stream to its end
		return s.requests(c, rnd, 0, []string{"/stream"})
	case 4: // one that is left
		if _, err := io.WriteString(c, get([]string{"/wait", "/stream", "/echo"}[rnd.IntN(3)])); err != nil {
			return err
		}
		if rnd.IntN(2) == 0 {
			if _, err := c.r.ReadByte(); err != nil {
				return err
			}
		}
		return errLeft
	case 5: // half a request
		_, err := io.WriteString(c, []string{"GET /e", "PUT /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n", get("/wait") + "GE"}[rnd.IntN(3)])
		if err == nil {
			err = errLeft
		}
		return err
	case 6: // the last one of a connection that is closed on one side
		if _, err := io.WriteString(c, get("/wait")); err != nil {
			return err
		}
		_ = c.CloseWrite()
		if _, err := io.Copy(io.Discard, c.r); err != nil {
			return fmt.Errorf("half closed: %w", err)
		}
		return errLeft
	default: // what net/http answers, and then the connection is its
		n := s.numbers.Add(1)
		if _, err := fmt.Fprintf(c, "PUT /echo/%d HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", n); err != nil {
			return err
		}
		return s.hears(c, fmt.Sprintf("PUT /echo/%d x", n))
	}
}

// requests sends n requests with watches among them, in one piece or more, and reads the answers.
func (s *stress) requests(c *client, rnd *rand.Rand, n int, waits []string) error {
	targets := waits
	for range n {
		targets = append(targets, fmt.Sprintf("/echo/%d", s.numbers.Add(1)))
	}
	rnd.Shuffle(len(targets), func(i, j int) { targets[i], targets[j] = targets[j], targets[i] })
	var all strings.Builder
	for _, target := range targets {
		all.WriteString(get(target))
	}
	written := make(chan error, 1)
	cut := rnd.IntN(all.Len())
	go func() {
		_, err := io.WriteString(c, all.String()[:cut])
		if err == nil {
			_, err = io.WriteString(c, all.String()[cut:])
		}
		written <- err
	}()
	for _, target := range targets {
		want := ""
		if strings.HasPrefix(target, "/echo") {
			want = "GET " + target + " "
		}
		if err := s.hears(c, want); err != nil {
			<-written
			return err
		}
	}
	return <-written
}

// hears reads an answer; one of those who wait says anything.
func (s *stress) hears(c *client, want string) error {
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return fmt.Errorf("head, %q: %w", want, err)
	}
	b, err := io.ReadAll(resp.Body)
	switch got := string(b); {
	case err != nil:
		return fmt.Errorf("body, %q: %w", want, err)
	case want == "" && !strings.HasSuffix(got, "\n"), want != "" && got != want:
		return fmt.Errorf("%.100q, want %q", got, want)
	}
	if resp.Close {
		return errLeft
	}
	return nil
}

// TestRequestsBehindWatches: what stands behind a watch is answered after it, and the connection is listened to again, while all is rung
// at the very moments at which connections are parked.
func TestRequestsBehindWatches(t *testing.T) {
	t.Parallel()
	g := newRestlessRig(t, nil, Options{}, time.Nanosecond)
	both := get("/wait") + get("/echo")
	var asking, ringing sync.WaitGroup
	var over atomic.Bool
	for range 2 {
		ringing.Go(func() {
			for !over.Load() {
				g.bells.ring("", "line")
				runtime.Gosched()
			}
		})
	}
	began := time.Now()
	for range 60 {
		c := g.dial()
		asking.Go(func() {
			for time.Since(began) < 5**stressTime {
				_ = c.SetDeadline(time.Now().Add(patience))
				if _, err := io.WriteString(c, both); err != nil {
					t.Error(err)
					return
				}
				for range 2 {
					if err := answered(c); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	asking.Wait()
	over.Store(true)
	ringing.Wait()
}

// answered reads a whole answer.
func answered(c *client) error {
	resp, err := http.ReadResponse(c.r, nil)
	if err == nil {
		_, err = io.Copy(io.Discard, resp.Body)
	}
	return err
}
