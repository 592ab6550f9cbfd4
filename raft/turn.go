package raft

import (
	"fmt"
	"runtime/debug"
	"time"
)

// The loop is a monitor: whoever has news for it takes a turn at it, on its own
// goroutine, instead of waking another one. Most of what a write costs is wake-ups, and
// a write that finds a leader idle needs two there: the caller's turn appends it and hands it
// to the disk, somebody's turn commits and applies it, and that wakes the caller. Nobody waits
// for a turn: who comes while somebody is at it leaves word, and that one looks again. A
// turn waits for nothing either. The loop's own goroutine is there for the timers, and
// for what is rare.

// maxTurns bounds the turns that one caller takes, for others in the end (a count).
const maxTurns = 8

// maxRounds bounds the rounds of a turn (a count). What is to be written and applied is handed on
// at its end, and timers wait for that: it must not depend on when nobody has news any more.
const maxRounds = 16

// driver is who takes turns.
type driver int

const (
	passer   driver = iota // somebody who has other things to do
	proposer               // who waits for a write
	writer                 // the disk goroutine
)

// drive has the loop do what there is to do. Any goroutine may call it when it has left
// something to be found in a turn; one that holds a lock which is taken in a turn must not.
func (l *loop) drive() { l.driveAs(passer) }

// driveAs is drive. The disk goroutine applies nothing while there is something to write. A
// proposer writes its entry itself on a lone node, where nobody else could have it committed
// before that is done.
func (l *loop) driveAs(who driver) {
	if !l.manned {
		l.n.nudge()
		return
	}
	defer l.n.cfg.world.guard()
	for turns := 1; ; turns++ {
		l.again.Store(true)
		if !l.mu.TryLock() {
			return
		}
		l.again.Store(false)
		l.turn()
		apply := l.takeApply(who == writer && l.diskBusy || turns >= maxTurns)
		write := l.takeWrite(who == proposer && turns == 1 && apply == nil)
		l.mu.Unlock()
		switch {
		case apply != nil:
			l.n.apply.finish(*apply)
		case write != nil:
			l.n.disk.finish(*write)
		case !l.again.Load():
			return
		case turns >= maxTurns:
			l.n.nudge()
			return
		}
	}
}

// endProcess makes a panic in a turn, or in what follows from it, the end of the process whoever took the turn: those
// who answer requests recover from panics, and the engine would stand still in the middle of something.
func endProcess() {
	if p := recover(); p != nil {
		why := fmt.Sprintf("%v\n\n%s", p, debug.Stack())
		go func() { panic(why) }()
		select {} // nothing more happens here
	}
}

// takeWrite gives what is to be written to the disk goroutine, or returns it with the log
// held, to be written by whoever had the turn.
func (l *loop) takeWrite(wanted bool) *diskWork {
	w := l.toWrite
	l.toWrite = nil
	if w == nil || l.ended {
		return nil
	}
	if !wanted || w.install != nil || !l.lone() || !l.n.disk.mu.TryLock() {
		l.n.disk.work <- *w
		return nil
	}
	return w
}

// takeApply gives what is to be applied to the applier, or returns it with the state
// machine held, to be applied by whoever had the turn.
func (l *loop) takeApply(busy bool) *applyWork {
	w := l.toApply
	l.toApply = nil
	if w == nil || l.ended {
		return nil
	}
	if busy || !l.n.apply.light(w) || !l.n.apply.mu.TryLock() {
		l.n.apply.work <- *w
		return nil
	}
	return w
}

// turn does what there is to do; a round follows each event. If that is too much, it leaves
// word for another turn. It wants the lock.
func (l *loop) turn() {
	l.patient.Store(false)
	for rounds := 0; !l.ended; rounds++ {
		if rounds == maxRounds {
			l.again.Store(true)
			return
		}
		select {
		case durable := <-l.n.disk.done:
			if !l.diskDone(durable) {
				l.ended = true
				return
			}
		case last := <-l.n.apply.done:
			l.publishedTo(last)
		default:
			if !l.hear() && rounds > 0 {
				l.patient.Store(l.leading && l.patientWithDisk())
				return
			}
		}
		l.round()
		if !l.follows() {
			l.clock.onTime()
		}
	}
}

// hear takes the messages that wait, but for a change of rules.
func (l *loop) hear() bool {
	if l.rules.changing {
		return false
	}
	select {
	case m := <-l.n.inbox:
		l.pass(l.clock.message())
		l.receive(m)
		return true
	default:
		return false
	}
}

// during handles an event of the loop's own goroutine.
func (l *loop) during(event func()) {
	l.mu.Lock()
	event()
	if !l.ended {
		l.round()
	}
	l.mu.Unlock()
	l.drive()
}

// man makes the loop what drive calls.
func (l *loop) man() {
	l.timer = time.NewTimer(l.n.cfg.Heartbeat)
	l.clock = newClock(l.n.cfg.Heartbeat, l.n.cfg.Election, l.n.cfg.world.now, l.timer.Reset)
	l.early = time.NewTimer(time.Hour)
	l.early.Stop()
	l.hurry = l.early.Reset
	l.held = time.NewTimer(time.Hour)
	l.held.Stop()
	l.outbox.later = l.held.Reset
	l.manned = true
}

// run is the loop's own goroutine.
func (l *loop) run() {
	defer l.n.wg.Done()
	defer l.failReads()
	defer l.handBack()
	defer l.timer.Stop()
	defer l.early.Stop()
	defer l.held.Stop()
	l.drive()
	for {
		select {
		case <-l.n.wake:
			l.drive()
		case <-l.timer.C:
			l.during(func() { l.pass(l.clock.ranOut(l.follows())) })
		case id := <-l.n.lost:
			l.during(func() { l.connectionLost(id) })
		case c := <-l.n.changes:
			l.during(func() { l.queueChange(c) })
		case <-l.early.C:
			l.during(l.campaignEarly)
		case <-l.held.C:
			l.during(l.tellCommits)
		case answer := <-l.n.inspections:
			l.during(func() { answer <- l.rn.Status() })
		case asked := <-l.n.handOver:
			l.during(func() { asked <- l.transfer(0) != 0 })
		case in := <-l.n.incoming:
			l.during(func() { l.incoming = in })
		case t := <-l.n.transferred:
			l.during(func() { l.transferEnded(t) })
		case q := <-l.confAsk:
			l.during(func() { l.applyConf(q) })
		case <-l.n.stop:
			return
		}
	}
}
