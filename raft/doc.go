// Package raft is Pando's replication engine: a log of proposals, agreed on by
// the members, durable in a write-ahead log, applied in one order to a state
// machine. It wraps go.etcd.io/raft/v3 (always imported as etcdraft) and knows
// the state machine only through the StateMachine interface.
//
// # Goroutines
//
// A Node owns these, all of which Close waits for:
//
//   - the loop owns the RawNode and never waits for the disk or the tree. Its
//     goroutine has the timers and what is rare; whoever else has news for it takes a
//     turn at it himself (turn.go), because waking a goroutine costs more than most turns;
//   - the disk goroutine owns the WAL: one append in flight, which is one write
//     and at most one fdatasync. While it syncs, ticks, messages and reads go
//     on and proposals queue: that is the group commit. A proposer that finds a lone
//     node idle writes in its place;
//   - the apply goroutine owns the state machine. What it tells the loop
//     (MsgStorageApplyResp) is said when entries are really applied. A few light
//     entries are applied in its place by whoever had the turn that committed them;
//   - the snapshot goroutine writes one snapshot at a time from an immutable
//     image and stops nobody.
//
// While a member needs a snapshot its leader has a sender goroutine for it, which
// ends with the leadership or the node. A snapshot is received, verified and decoded
// by whoever calls ReceiveSnapshot; the disk and the apply goroutine install it.
//
// # Two ways of living
//
// A cluster of Pandos lives by rules that etcd 2.3 does not know (pre-vote, check of the
// quorum, learners, leadership that is handed over); one with etcd members by theirs.
// Which it is follows from the log: see level.go, and mixed.go for what goes to and
// from an etcd.
//
// # What a caller may rely on
//
//   - Propose returns a result only after the entry is on disk on a quorum and
//     applied here. An error of class ErrTooManyRequests or ErrDiskFull means
//     that the proposal never entered the log; any other error leaves its
//     outcome unknown.
//   - ReadIndex returns when everything committed before the call has been
//     applied here, so that a following read is linearizable.
//   - Ready is closed when the log has been replayed; nothing of the state
//     machine should be shown to a client before (design: "no key is served
//     before the log has been replayed").
//   - After a failed write or fsync the node stops by itself, because a page
//     that failed to sync may be gone: Done is closed and Err says why.
//
// # What is on disk
//
// A member directory holds wal/ (package raft/wal) and snap/ (package
// snapshot) in the format of etcd 2.3. A batch is durable when its fdatasync
// has returned; only then are the responses that depend on it sent. The commit
// index of the hard state is written lazily, with the next batch: after a crash
// it may be one batch behind what was acknowledged, never ahead.
package raft
