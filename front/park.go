package front

import (
	"net/http"
	"slices"
	"time"
)

// parkedAnswer is an answer whose head is known, and that goes on when something happens.
type parkedAnswer struct {
	goOn func(http.ResponseWriter) (done bool)
	end  func()
	// last: the connection ends with it. The others are what the answer's head has said.
	last, chunked, isHead bool
	status                int
}

// Waker returns what makes a parked answer go on, from any goroutine and at any time; it does not wait.
func (w *response) Waker() func() { return w.conn.wake }

// Park says that the answer, whose header and status are set, goes on later. goOn is called at once, and then whenever the
// answer was woken, in any goroutine but in one at a time; it returns true when the answer is complete. end is called when it is,
// or when the client has gone, or goOn has panicked, once; then nothing is called any more. The handler returns after Park,
// and its request is no longer its.
func (w *response) Park(goOn func(http.ResponseWriter) (done bool), end func()) {
	w.waits = &parkedAnswer{goOn: goOn, end: end}
}

// park begins a parked answer with what there is already.
func (w *response) park() verdict {
	c := w.conn
	c.waits, w.waits = w.waits, nil
	w.commit()
	c.waits.last, c.waits.chunked, c.waits.isHead, c.waits.status = w.last, w.chunked, w.isHead, w.status
	return w.tell()
}

// tell calls goOn and sends what it gave. If the answer is complete, the connection waits for nothing but a request.
func (w *response) tell() verdict {
	c, waits := w.conn, w.conn.waits
	if waits.goOn(w) {
		c.waits = nil
		waits.end() // before the client knows that it is over
		w.end()
		if waits.last || c.server.stopping.Load() {
			return over
		}
	} else {
		w.send()
	}
	if w.err != nil {
		return over
	}
	return again
}

// stay parks a connection with its answer. The goroutine of its request calls it, and goes on with the next request if the
// answer is completed meanwhile.
func (c *conn) stay() verdict {
	if c.have > 0 {
		c.early = slices.Clone(c.buf[:c.have])
	}
	c.release()
	for !c.park() {
		if next := c.goOn(nil); next != again || c.waits == nil {
			if next == again {
				c.begin()
			}
			return next
		}
	}
	return apart
}

// park leaves the connection to itself, unless it was woken meanwhile.
func (c *conn) park() bool {
	c.server.lot.enter(c)
	deaf, at, ending := c.early != nil, c.spot, &c.server.cutting
	if c.waits == nil {
		ending = &c.server.stopping
	}
	if !c.leaveAndListen(at, deaf) {
		c.state.Store(busy) // it was woken
		return false
	}
	if ending.Load() && c.state.CompareAndSwap(parked, busy) {
		c.finish() // Shutdown may have looked at it before
	}
	return true
}

// leaveAndListen is under a mutex, so that who has the connection next listens later as well: what is asked last counts, and to go on
// deaf would lose a request.
func (c *conn) leaveAndListen(at spot, deaf bool) bool {
	c.listening.Lock()
	defer c.listening.Unlock()
	if !c.state.CompareAndSwap(busy, parked) {
		return false
	}
	c.server.lot.listen(at, deaf)
	return true
}

// goOn tells what there is to tell, for a member of the crew or in the goroutine of the request.
func (c *conn) goOn(m *member) (next verdict) {
	x := exchanges.Get().(*exchange)
	w := &x.response
	defer func() {
		if p := recover(); p != nil {
			c.panicked(p)
			next = over
		}
		x.reset()
		exchanges.Put(x)
	}()
	w.conn, w.begun, w.member = c, true, m
	w.status, w.chunked, w.isHead = c.waits.status, c.waits.chunked, c.waits.isHead
	return w.tell()
}

// resume is what the crew does with a connection that was woken: it goes on until there is nothing more to tell. Afterwards it
// is not the crew's any more.
func (c *conn) resume(m *member) {
	for c.waits != nil {
		if c.goOn(m) == over {
			c.finish()
			return
		}
		if c.waits != nil && c.park() {
			return
		}
	}
	if c.early != nil {
		c.server.wg.Go(c.serve)
	} else {
		c.rest()
	}
}

// rest parks a connection that waits for nothing but its next request.
func (c *conn) rest() {
	c.restedAt.Store(time.Now().UnixNano())
	for !c.park() {
		// It was woken for an answer that has ended.
	}
}

// wake is called when something has happened that the answer may wait for.
func (c *conn) wake() {
	for {
		switch c.state.Load() {
		case parked:
			if c.state.CompareAndSwap(parked, busy) {
				c.server.crew.take(c)
				return
			}
		case busy:
			if c.state.CompareAndSwap(busy, woken) {
				return
			}
		default:
			return
		}
	}
}

// heard is called when something comes from the client of a parked connection, or when that has gone. Broken says that nothing
// can be sent or received any more.
func (c *conn) heard(broken bool) {
	if !c.state.CompareAndSwap(parked, busy) {
		return // whoever has it looks again
	}
	if c.waits == nil {
		c.server.wg.Go(c.serve)
		return
	}
	if c.early == nil {
		broken = !c.overhear()
	}
	if broken {
		c.finish()
	} else if !c.park() {
		c.server.crew.take(c)
	}
}

// overhear reads what comes early, and returns false if nothing will come any more.
func (c *conn) overhear() bool {
	var b [512]byte
	switch n, err := c.spot.read(b[:]); {
	case n > 0:
		c.early = slices.Clone(b[:n])
		return true
	case n == 0 && err == nil: // the client has closed its side, and may still listen
		if c.waits.chunked {
			_, _ = c.spot.tryWrite(lastChunk)
		}
		return false
	default:
		return isAgain(err)
	}
}

var lastChunk = []byte("0\r\n\r\n")
