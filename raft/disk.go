package raft

import (
	"cmp"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"

	"pando/raft/wal"
)

// disk owns the WAL. One append is in flight at a time. Its goroutine writes what nobody else
// does while he waits for it.
type disk struct {
	mu  sync.Mutex // held by whoever writes
	n   *Node
	wal *wal.WAL

	work    chan diskWork       // capacity 1; closed by the loop when it ends
	done    chan bool           // capacity 1; for each batch of work, whether it is durable
	records chan snapshotRecord // from the snapshot goroutine, which waits for the answer

	hasty   bool                  // whoever writes does not wait for room
	entries []wal.Entry           // room for those of a batch
	state   wal.HardState         // as last written to the WAL
	written atomic.Int64          // bytes written since start, for the snapshot trigger
	noRoom  atomic.Pointer[error] // why the batch under way cannot be written yet; nil if it can
}

// diskWork is what several MsgStorageAppend ask for.
type diskWork struct {
	messages []*raftpb.Message
	install  *incoming // the snapshot of the only message, if it has one
	settle   bool      // everything written is to be durable, a commit index too
}

// anyResponse reports whether somebody waits for what is to be written.
func anyResponse(ms []*raftpb.Message) bool {
	for _, m := range ms {
		if len(m.GetResponses()) > 0 || len(m.GetEntries()) > 0 {
			return true
		}
	}
	return false
}

// snapshotRecord asks for a durable WAL record of a snapshot (release false), or
// to give up the log that nobody needs below an index (release true).
type snapshotRecord struct {
	at      wal.Position
	release bool
	answer  chan error // capacity 1
}

func newDisk(n *Node, w *wal.WAL, st wal.HardState) *disk {
	return &disk{
		n: n, wal: w, state: st,
		work:    make(chan diskWork, 1),
		done:    make(chan bool, 1),
		records: make(chan snapshotRecord),
	}
}

func (d *disk) run() {
	defer d.n.wg.Done()
	for {
		select {
		case w, ok := <-d.work:
			if !ok {
				return
			}
			d.mu.Lock()
			durable := d.carryOut(w)
			d.mu.Unlock()
			d.done <- durable
			d.n.loop.driveAs(writer)
		case r := <-d.records:
			d.mu.Lock()
			err := d.record(r)
			d.mu.Unlock()
			r.answer <- err
		}
	}
}

// finish carries out a batch of work in place of the goroutine, which does what is left when it
// turns out that there is no room. It gives mu back, which the caller has taken.
func (d *disk) finish(w diskWork) {
	d.hasty = true
	err := d.store(w)
	d.hasty = false
	d.mu.Unlock()
	if errors.Is(err, wal.ErrNoSpace) {
		d.work <- w
		return
	}
	d.done <- d.outcome(err)
}

// carryOut makes a batch of work durable; false if that failed and the node stops.
func (d *disk) carryOut(w diskWork) bool {
	return d.outcome(d.store(w))
}

// outcome stops the node if a batch of work failed.
func (d *disk) outcome(err error) (durable bool) {
	if err != nil && !errors.Is(err, ErrStopped) {
		d.n.fail(fmt.Errorf("writing the log: %w", err))
	}
	return err == nil
}

// store is carryOut with errors as of append.
func (d *disk) store(w diskWork) error {
	if d.n.healthy() && w.install != nil {
		if err := d.install(w.install); err != nil {
			return err
		}
	}
	return d.append(w.messages, w.settle)
}

// append writes what several MsgStorageAppend ask for as one batch. It is
// durable when append returns nil, if anything in it must be: entries, a term or
// a vote; a commit index alone only with settle. ErrStopped: the node stops anyway.
func (d *disk) append(ms []*raftpb.Message, settle bool) error {
	if !d.n.healthy() {
		return ErrStopped // the log is dead: nothing more can become durable
	}
	b := wal.Batch{Entries: d.entries[:0]}
	for _, m := range ms {
		if m.Term != nil {
			b.State = &wal.HardState{Term: m.GetTerm(), Vote: m.GetVote(), Commit: m.GetCommit()}
		}
		b.Entries = appendEntries(b.Entries, m.GetEntries())
	}
	defer func() {
		clear(b.Entries)
		if cap(b.Entries) <= maxKeptEntries {
			d.entries = b.Entries
		}
	}()
	b.Sync = settle || len(b.Entries) > 0 || hasSnapshot(ms[0])
	if b.State != nil {
		b.Sync = b.Sync || b.State.Term != d.state.Term || b.State.Vote != d.state.Vote
	} else if len(b.Entries) == 0 && !settle {
		return nil // responses only: everything before them is durable
	}
	err := d.appendWithRoom(b)
	d.written.Store(d.wal.Size())
	return err
}

// maxKeptEntries bounds the room that stays with the disk between batches (a count).
const maxKeptEntries = 4096

// walEntries are entries as the log takes them. The data is shared.
func walEntries(ents []*raftpb.Entry) []wal.Entry {
	return appendEntries(make([]wal.Entry, 0, len(ents)), ents)
}

// appendEntries is walEntries, behind all.
func appendEntries(all []wal.Entry, ents []*raftpb.Entry) []wal.Entry {
	for _, e := range ents {
		all = append(all, wal.Entry{Term: e.GetTerm(), Index: e.GetIndex(), Type: uint8(e.GetType()), Data: e.GetData()})
	}
	return all
}

// appendWithRoom waits for the disk to have room again when the next segment
// cannot be prepared. The log is intact meanwhile, and the loop goes on; so do
// snapshots, because it may be them who make room.
func (d *disk) appendWithRoom(b wal.Batch) error {
	defer d.noRoom.Store(nil)
	for {
		err := d.write(b)
		if !errors.Is(err, wal.ErrNoSpace) || d.hasty {
			return err
		}
		d.noRoom.Store(&err)
		if err := d.n.cfg.world.waitForRoom(d); err != nil {
			return err
		}
	}
}

// waitForRoom returns nil when there may be room again, or ErrStopped.
func (d *disk) waitForRoom() error {
	again := time.NewTimer(cmp.Or(d.n.cfg.retry, time.Second))
	defer again.Stop()
	select {
	case <-again.C:
	case r := <-d.records:
		r.answer <- d.record(r)
	case <-d.n.stop:
		return ErrStopped
	}
	return nil
}

// write hands a batch to the WAL and keeps its state, whose commit index never
// goes back.
func (d *disk) write(b wal.Batch) error {
	if b.State != nil {
		b.State.Commit = max(b.State.Commit, d.state.Commit)
	}
	err := d.wal.Append(b)
	if err == nil && b.State != nil {
		d.state = *b.State
	}
	if n := len(b.Entries); err == nil && n > 0 {
		d.n.cfg.Observer.Saved(n, b.Entries[n-1].Index)
	}
	return err
}

// room is why nothing can be written now, or only what is left of the current
// segment; nil if there is room. Any goroutine may ask.
func (d *disk) room() error {
	if err := d.noRoom.Load(); err != nil {
		return *err
	}
	return d.wal.PrepareErr()
}

// noteSpace refuses proposals while the next log segment cannot be prepared,
// long before the log is really full, and says so once. It looks after each batch and
// at each tick.
func (l *loop) noteSpace() {
	was := l.noSpace
	l.noSpace = l.n.disk.room()
	switch {
	case l.noSpace == nil && was == nil:
		return
	case l.noSpace != nil && was == nil:
		l.n.log.Error("the next log segment cannot be prepared: writes are refused until there is room", zap.Error(l.noSpace))
	case l.noSpace == nil && was != nil:
		l.n.log.Info("the next log segment could be prepared: writes are taken again")
	}
	l.n.queue.setFull(l.noSpace)
}

func (d *disk) record(r snapshotRecord) error {
	if !d.n.healthy() {
		return ErrStopped
	}
	if r.release {
		return d.release(r.at.Index)
	}
	// etcd 2.3 panics over a commit index in front of a snapshot. What a snapshot
	// covers is committed, and durable here, though the loop may not have handed
	// over that commit index yet.
	state := d.state
	state.Commit = max(state.Commit, r.at.Index)
	if err := d.write(wal.Batch{State: &state, Snapshot: &r.at, Sync: true}); err != nil {
		if !errors.Is(err, wal.ErrNoSpace) {
			d.n.fail(fmt.Errorf("writing a snapshot record to the log: %w", err))
		}
		return err
	}
	return nil
}

func (d *disk) release(index uint64) error {
	if err := d.wal.Release(index); err != nil {
		return err
	}
	if d.n.cfg.MaxWALs == 0 {
		return nil
	}
	removed, err := d.wal.Purge(index, d.n.cfg.MaxWALs)
	for _, name := range removed {
		d.n.log.Info("removed a log file that no snapshot needs", zap.String("file", name))
	}
	return err
}

// ask sends r to the disk goroutine and waits; ErrStopped when the node ends first.
func (d *disk) ask(r snapshotRecord) error {
	r.answer = make(chan error, 1)
	select {
	case d.records <- r:
		return <-r.answer
	case <-d.n.stop:
		return ErrStopped
	}
}
