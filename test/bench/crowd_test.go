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

	turn, turns = 5 * time.Second, 3
)

// BenchmarkBesideACrowd compares the writers of a server that is left alone with those of one that is beset: the p99 stays
// within twice of what it was. The two take turns, so that what else the machine does falls on both. The process needs some
// 12,000 descriptors.
func BenchmarkBesideACrowd(b *testing.B) {
	for b.Loop() {
		addr := startServer(b)
		write(b, addr, crowdOf, counted(1000))
		var alone, beset latencies
		measure := func(l *latencies) {
			done := make(chan struct{})
			time.AfterFunc(turn, func() { close(done) })
			l.add(write(b, addr, crowdOf, during(done, 1000)).all)
		}
		for range turns {
			measure(&alone)
			leave := gather(b, addr)
			measure(&beset)
			leave()
		}
		alone.report(b, "alone")
		beset.report(b, "beset")
		p99 := func(l *latencies) float64 { return float64(l.all[len(l.all)*99/100]) }
		b.ReportMetric(p99(&beset)/p99(&alone), "p99-ratio")
	}
}

// gather brings the crowd. What it returns sends them away.
func gather(b *testing.B, addr string) (leave func()) {
	b.Helper()
	var idle []net.Conn
	for range idlers {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			b.Fatal(err)
		}
		idle = append(idle, c)
		fmt.Fprint(c, "GET /version HTTP/1.1\r\nHost: h\r\n\r\n")
		if _, err := c.Read(make([]byte, 1)); err != nil {
			b.Fatal(err)
		}
	}
	var slow sync.WaitGroup
	left := make(chan struct{})
	for range loris {
		slow.Go(func() { drip(addr, left) })
	}
	return func() {
		close(left)
		slow.Wait()
		for _, c := range idle {
			c.Close()
		}
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
