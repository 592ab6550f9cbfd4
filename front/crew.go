package front

import (
	"runtime"
	"sync"
)

// crew tells parked answers what has happened: a few goroutines that come when there is something to tell, so that ten thousand
// watchers of one key need no ten thousand goroutines at the same time.
type crew struct {
	server  *Server
	mu      sync.Mutex
	queue   []*conn // each connection at most once: it is busy
	working int
}

// member is one of the crew.
type member struct {
	crew *crew
	// stuck: it waits for a client and counts no more.
	stuck bool
}

// take is given a connection to go on with.
func (w *crew) take(c *conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queue = append(w.queue, c)
	w.help()
}

// help calls another member if there is work for one. The caller holds the mutex.
func (w *crew) help() {
	if len(w.queue) > 0 && w.working < runtime.GOMAXPROCS(0) {
		w.working++
		w.server.wg.Go(w.work)
	}
}

func (w *crew) work() {
	m := &member{crew: w}
	for !m.stuck {
		c := w.next()
		if c == nil {
			return
		}
		c.resume(m)
	}
}

// next returns the connection that waits longest. With none, a member less is there.
func (w *crew) next() *conn {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) == 0 {
		w.queue = nil
		w.working--
		return nil
	}
	c := w.queue[0]
	w.queue[0] = nil
	w.queue = w.queue[1:]
	return c
}

// write sends a piece without waiting, if the system takes it. A client that does not read has a goroutine of its own from now on.
func (m *member) write(c *conn, b []byte) error {
	if !m.stuck {
		n, err := c.spot.tryWrite(b)
		if err != nil || n == len(b) {
			return err
		}
		b = b[n:]
		m.leave()
	}
	_, err := c.tcp.Write(b)
	return err
}

// leave makes room for another member.
func (m *member) leave() {
	m.stuck = true
	m.crew.mu.Lock()
	defer m.crew.mu.Unlock()
	m.crew.working--
	m.crew.help()
}
