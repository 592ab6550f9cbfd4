package bench

import (
	"fmt"
	"net"
	"sync"
	"testing"
	"time"
)

const (
	idlers  = 10_000 // connections that have asked once and are silent since
	loris   = 1_000  // connections whose request never ends
	crowdOf = 16     // clients that write meanwhile
)

// BenchmarkBesideACrowd compares the writers of a server that is left alone with those of one that is beset: the p99 stays
// within twice of what it was. The process needs some 12,000 descriptors.
func BenchmarkBesideACrowd(b *testing.B) {
	for b.Loop() {
		addr := startServer(b)
		measure := func(what string) time.Duration {
			done := make(chan struct{})
			time.AfterFunc(10*time.Second, func() { close(done) })
			l := write(b, addr, crowdOf, during(done, 1000))
			l.report(b, what)
			return l.all[len(l.all)*99/100]
		}
		write(b, addr, crowdOf, counted(1000))
		alone := measure("alone")
		var crowd sync.WaitGroup
		leave := make(chan struct{})
		for range idlers {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			fmt.Fprint(c, "GET /version HTTP/1.1\r\nHost: h\r\n\r\n")
			if _, err := c.Read(make([]byte, 1)); err != nil {
				b.Fatal(err)
			}
		}
		for range loris {
			crowd.Go(func() { drip(addr, leave) })
		}
		beset := measure("beset")
		close(leave)
		crowd.Wait()
		b.ReportMetric(float64(beset)/float64(alone), "p99-ratio")
	}
}

// drip sends a header a second for as long as it is let, and comes again when it is cut.
func drip(addr string, leave <-chan struct{}) {
	next := time.NewTicker(time.Second)
	defer next.Stop()
	var c net.Conn
	defer func() {
		if c != nil {
			c.Close()
		}
	}()
	for i := 0; ; i++ {
		var err error
		if c == nil {
			if c, err = net.Dial("tcp", addr); err == nil {
				_, err = fmt.Fprint(c, "GET /v2/keys/ HTTP/1.1\r\nHost: h\r\n")
			}
		} else {
			_, err = fmt.Fprintf(c, "X-%d: y\r\n", i)
		}
		if err != nil && c != nil {
			c.Close()
			c = nil
		}
		select {
		case <-next.C:
		case <-leave:
			return
		}
	}
}
