package bench

import (
	"context"
	"encoding/binary"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// latest is how long after the start a request is due at most, in nanoseconds: beyond a time.Duration it would be due long ago.
const latest = 100 * 365 * 24 * float64(time.Hour)

// pace numbers the requests of a run and says when each is due.
type pace struct {
	rate   float64       // per second; 0: each is due at once
	count  int64         // 0: no limit
	length time.Duration // 0: no limit
	start  time.Time
	end    time.Time // zero: no limit
	next   atomic.Int64
}

// begin starts the clock. No request has been taken.
func (p *pace) begin() {
	p.start = time.Now()
	if p.length > 0 {
		p.end = p.start.Add(p.length)
	}
}

// take waits until the next request is due and returns its number and when that was; ok is false if
// there is none any more. A request that was due before the end is made, however late: left out, it
// would hide that the server kept it waiting. ctx ends the wait, t is the caller's own.
func (p *pace) take(ctx context.Context, t *timer) (n int64, due time.Time, ok bool) {
	n = p.next.Add(1) - 1
	if p.count > 0 && n >= p.count {
		return 0, due, false
	}
	now := time.Now()
	due = now
	if p.rate > 0 {
		due = p.start.Add(time.Duration(min(float64(n)/p.rate*float64(time.Second), latest)))
	}
	if !p.end.IsZero() && !due.Before(p.end) || ctx.Err() != nil {
		return 0, due, false
	}
	if wait := due.Sub(now); wait > 0 && !t.sleep(wait) {
		return 0, due, false
	}
	return n, due, true
}

// owed is how many requests have been due by now but were not taken, if there is a rate.
func (p *pace) owed(now time.Time) int64 {
	if p.rate == 0 {
		return 0
	}
	if !p.end.IsZero() && now.After(p.end) {
		now = p.end
	}
	due := int64(now.Sub(p.start).Seconds() * p.rate)
	if p.count > 0 {
		due = min(due, p.count)
	}
	return max(0, due-p.next.Load())
}

// timer sleeps to within some ten microseconds by a timer of the kernel (timerfd_create(2)): the
// runtime's own wakes an idle process at whole milliseconds, which would be seen in every latency.
// One goroutine uses it.
type timer struct {
	fd   int // file's
	file *os.File
	stop func() bool
}

// newTimer is a timer whose sleep ends early when ctx ends.
func newTimer(ctx context.Context) (*timer, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("timerfd_create", err)
	}
	t := &timer{fd: fd, file: os.NewFile(uintptr(fd), "timerfd")}
	t.stop = context.AfterFunc(ctx, func() { _ = t.file.SetReadDeadline(time.Unix(1, 0)) }) // closed at worst
	return t, nil
}

// sleep returns false if it ended early.
func (t *timer) sleep(d time.Duration) bool {
	err := unix.TimerfdSettime(t.fd, 0, &unix.ItimerSpec{Value: unix.NsecToTimespec(int64(d))}, nil)
	if err != nil {
		return false // the kernel refuses times out of range only, which run's bounds leave out
	}
	var expirations [8]byte
	_, err = t.file.Read(expirations[:])
	return err == nil && binary.NativeEndian.Uint64(expirations[:]) > 0
}

func (t *timer) close() {
	t.stop()
	_ = t.file.Close() // nothing was written
}
