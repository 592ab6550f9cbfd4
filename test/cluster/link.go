package cluster

import (
	"net"
	"sync"
	"time"
)

// link is the way from one member to another. Any goroutine may use it.
type link struct {
	mu      sync.Mutex
	held    bool          // bytes wait
	refused bool          // there are no connections
	delay   time.Duration // that bytes take
	changed chan struct{} // closed and replaced at each change
}

func newLink() *link { return &link{changed: make(chan struct{})} }

func (l *link) change(f func(*link)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(l)
	close(l.changed)
	l.changed = make(chan struct{})
}

// pass waits until bytes that were sent at the time sent have made their way. It reports false if done came first.
func (l *link) pass(sent time.Time, done <-chan struct{}) bool {
	for {
		l.mu.Lock()
		held, changed, left := l.held, l.changed, l.delay-time.Since(sent)
		l.mu.Unlock()
		if !held && left <= 0 {
			return true
		}
		var arrived <-chan time.Time
		if !held {
			arrived = time.After(left)
		}
		select {
		case <-changed:
		case <-arrived:
		case <-done:
			return false
		}
	}
}

func (l *link) refuses() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.refused
}

const (
	chunkSize = 32 << 10
	// maxChunks bounds what is on its way in one direction of one connection; then the sender has to wait, as for a real
	// network.
	maxChunks = 64
)

// chunk is what was read at once; without data it is the end of the stream.
type chunk struct {
	data []byte
	sent time.Time
}

// conn is one connection from a member to another, with the proxy between its two halves.
type conn struct {
	dialler, listener *net.TCPConn // towards the member that opened it, and towards the other
	there, back       *link        // the ways that its two directions take
	once              sync.Once
	done              chan struct{} // closed with the connection
}

func (c *conn) close() {
	c.once.Do(func() {
		close(c.done)
		c.dialler.Close()
		c.listener.Close()
	})
}

// reset ends the connection as a crash of both sides' kernels would: at once and with an error.
func (c *conn) reset() {
	_ = c.dialler.SetLinger(0)
	_ = c.listener.SetLinger(0)
	c.close()
}

// run carries bytes until the connection ends.
func (c *conn) run() {
	defer c.close()
	var all sync.WaitGroup
	all.Go(func() { c.carry(c.listener, c.dialler, c.there) })
	all.Go(func() { c.carry(c.dialler, c.listener, c.back) })
	all.Wait()
}

// carry takes what comes from one side over the link to the other. That one side closed it travels over the link too.
func (c *conn) carry(to, from *net.TCPConn, over *link) {
	chunks := make(chan chunk, maxChunks)
	var reader sync.WaitGroup
	defer reader.Wait()
	reader.Go(func() {
		defer close(chunks)
		for {
			data := make([]byte, chunkSize)
			n, err := from.Read(data)
			if err != nil {
				n = 0
			}
			select {
			case chunks <- chunk{data: data[:n], sent: time.Now()}:
			case <-c.done:
				return
			}
			if err != nil {
				return
			}
		}
	})
	for k := range chunks {
		if !over.pass(k.sent, c.done) || len(k.data) == 0 {
			c.close()
			return
		}
		if _, err := to.Write(k.data); err != nil {
			// The other side is gone. That news has its own way back, so this direction only throws away what comes.
			for range chunks {
			}
			return
		}
	}
}
