package server

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestStopInTheMiddle: a server stops while clients write, read, watch, go away, and ask again while they watch. No client is left
// without an end, and no watcher without a client.
func TestStopInTheMiddle(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	var s *server
	var all sync.WaitGroup
	var events atomic.Int64
	var stops atomic.Bool
	t.Run("server", func(t *testing.T) {
		var addr string
		s, addr = startHere(t)
		put(t, addr, "/v2/keys/k", "value=x")
		for i := range 60 {
			rnd := rand.New(rand.NewPCG(seed, uint64(i)))
			all.Go(func() {
				for !stops.Load() {
					n, err := play(addr, rnd)
					if events.Add(int64(n)); err != nil && !stops.Load() {
						t.Error(err)
						return
					}
				}
			})
		}
		late := time.After(patience)
		next := time.NewTicker(10 * time.Millisecond)
		defer next.Stop()
		for events.Load() < 300 {
			select {
			case <-next.C:
			case <-late:
				t.Fatalf("%d events in %v", events.Load(), patience)
			}
		}
		stops.Store(true)
	})
	all.Wait()
	if n := s.store.Hub().Watchers(); n != 0 {
		t.Errorf("%d watchers are left", n)
	}
}

// play is one connection of a client who does one of the things that clients do. It returns how many events it was told.
func play(addr string, rnd *rand.Rand) (events int, err error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return 0, err
	}
	const host = " HTTP/1.1\r\nHost: h\r\n\r\n"
	const watch, stream, get = "GET /v2/keys/k?wait=true" + host, "GET /v2/keys/k?wait=true&stream=true" + host, "GET /v2/keys/k" + host
	const write = "PUT /v2/keys/k HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 7\r\n\r\nvalue=x"
	r := bufio.NewReader(c)
	switch rnd.IntN(5) {
	case 0:
		return 0, converse(c, r, write, write, get)
	case 1:
		return 2, converse(c, r, watch, get, watch, get)
	case 2: // goes away
		_, err = io.WriteString(c, watch+get)
		return 0, err
	case 3:
		if _, err := io.WriteString(c, stream+get); err != nil {
			return 0, err
		}
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			return 0, err
		}
		lines := bufio.NewReader(resp.Body)
		for ; events < 3; events++ {
			if _, err := lines.ReadString('\n'); err != nil {
				return events, err
			}
		}
		return events, nil
	default: // closes its side
		if _, err := io.WriteString(c, watch); err != nil {
			return 0, err
		}
		if err := c.(*net.TCPConn).CloseWrite(); err != nil {
			return 0, err
		}
		_, err := io.Copy(io.Discard, r)
		return 0, err
	}
}

// converse sends requests in one piece and reads all answers.
func converse(c net.Conn, r *bufio.Reader, requests ...string) error {
	for _, request := range requests {
		if _, err := io.WriteString(c, request); err != nil {
			return err
		}
	}
	for range requests {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			return err
		}
		if resp.StatusCode > 201 {
			return fmt.Errorf("status %d", resp.StatusCode)
		}
	}
	return nil
}
