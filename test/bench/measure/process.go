package measure

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"pando/test/server"
)

// cpuTime is what processes have used so far, in user and in kernel mode.
func cpuTime(servers ...*server.Server) (sum time.Duration, err error) {
	for _, s := range servers {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.PID()))
		if err != nil {
			return 0, err
		}
		// proc(5): fields 14 and 15, in hundredths of a second; the second one, the name in brackets, may hold blanks.
		_, rest, _ := strings.Cut(string(stat), ") ")
		for _, field := range strings.Fields(rest)[11:13] {
			ticks, err := strconv.Atoi(field)
			if err != nil {
				return 0, err
			}
			sum += time.Duration(ticks) * 10 * time.Millisecond
		}
	}
	return sum, nil
}

// resident is the memory that a process has now (VmRSS of proc(5)), in bytes; 0 if it has ended.
func resident(s *server.Server) float64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.PID()))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	var kib float64
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		return 0
	}
	return kib * 1024
}

// mostResident looks at a server's memory ten times a second until it is told to stop, which returns the most it had.
func mostResident(s *server.Server) (stop func() float64) {
	ended := make(chan struct{})
	var most float64
	var looking sync.WaitGroup
	looking.Go(func() {
		next := time.NewTicker(100 * time.Millisecond)
		defer next.Stop()
		for {
			most = max(most, resident(s))
			select {
			case <-next.C:
			case <-ended:
				return
			}
		}
	})
	return func() float64 {
		close(ended)
		looking.Wait()
		return max(most, resident(s))
	}
}

// settle waits until a server has done what its load has left behind, such as a snapshot: until it uses less than a
// twentieth of a core for as long as the form says, or for thirty times that.
func (t *turn) settle(s *server.Server) {
	const times = 30
	var before time.Duration
	for range times {
		now, err := cpuTime(s)
		if err != nil {
			t.Fatal(err)
		}
		if now-before < t.bench.Form.Quiet/20 {
			return
		}
		before = now
		pause(t.ctx, t.bench.Form.Quiet)
	}
}

// pause lets time pass, or less if ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
