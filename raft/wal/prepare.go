package wal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"pando/fsys"
)

const (
	scratchSuffix = ".tmp"
	// defaultRetry is how long the preparer waits after a failure.
	defaultRetry = time.Second
)

// preparer has the next segment ready: a file of zeros, durable but for its name, and locked. Its goroutine lives from
// newPreparer to stop; an inline one has none, and only one goroutine may use it.
type preparer struct {
	fs    fsys.FS
	dir   string
	size  int64
	retry time.Duration

	ready  chan fsys.File // hands over one file; never closed
	failed chan struct{}  // capacity 1: err was set
	err    atomic.Pointer[error]
	inline bool
	next   fsys.File // inline: the one that is ready
	made   int       // inline: how many there were

	quit chan struct{} // closed by stop
	done chan struct{} // closed by the goroutine when it ends
}

func newPreparer(f fsys.FS, dir string, size int64, retry time.Duration, inline bool) *preparer {
	p := &preparer{
		fs: f, dir: dir, size: size, retry: retry, inline: inline,
		ready: make(chan fsys.File), failed: make(chan struct{}, 1),
		quit: make(chan struct{}), done: make(chan struct{}),
	}
	if inline {
		close(p.done)
	} else {
		go p.run()
	}
	return p
}

func (p *preparer) run() {
	defer close(p.done)
	for n := 0; ; n++ {
		f := p.prepare(p.name(n))
		if f == nil {
			return
		}
		select {
		case p.ready <- f:
		case <-p.quit:
			discard(p.fs, f)
			return
		}
	}
}

func (p *preparer) name(n int) string {
	return filepath.Join(p.dir, fmt.Sprintf("%d%s", n%2, scratchSuffix))
}

// prepare makes a file of zeros, again and again until it works; nil when it is time to end.
func (p *preparer) prepare(name string) fsys.File {
	for {
		f, err := p.make(name)
		if err == nil {
			p.err.Store(nil)
			return f
		}
		if errors.Is(err, errQuit) {
			return nil
		}
		p.err.Store(&err)
		select {
		case p.failed <- struct{}{}:
		default:
		}
		again := time.NewTimer(p.retry)
		select {
		case <-again.C:
		case <-p.quit:
			again.Stop()
			return nil
		}
	}
}

var errQuit = errors.New("the log is being closed")

// make creates the file. What it could not finish it removes, so that a full disk gets the room back.
func (p *preparer) make(name string) (fsys.File, error) {
	f, err := p.fs.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	if err = f.Lock(); err == nil {
		if err = fillZeros(f, 0, p.size, p.quit); err == nil {
			return f, nil
		}
	}
	discard(p.fs, f)
	return nil, err
}

// fillZeros writes zeros from one offset to another and makes them durable, so that a later write there needs no new
// block and no new length. It gives up with errQuit when quit, which may be nil, is closed.
func fillZeros(f fsys.File, from, to int64, quit <-chan struct{}) error {
	for from < to {
		select {
		case <-quit:
			return errQuit
		default:
		}
		n, err := f.WriteAt(zeros[:min(int64(len(zeros)), to-from)], from)
		if err == nil && n == 0 {
			err = io.ErrShortWrite
		}
		if err != nil {
			return err
		}
		from += int64(n)
	}
	return f.Sync()
}

// discard removes a prepared file. An error does not matter: the next Open removes it too.
func discard(f fsys.FS, file fsys.File) {
	file.Close()
	f.Remove(file.Name())
}

// take returns a file of zeros of size bytes or a little more, waiting for one that is being made. The next one is
// begun at once. Any error is ErrNoSpace.
func (p *preparer) take(size int64) (fsys.File, int64, error) {
	if p.inline {
		return p.takeInline(size)
	}
	for {
		select {
		case f := <-p.ready:
			return p.lengthen(f, size)
		default:
		}
		if err := p.failure(); err != nil {
			return nil, 0, err
		}
		select {
		case f := <-p.ready:
			return p.lengthen(f, size)
		case <-p.failed:
		}
	}
}

func (p *preparer) takeInline(size int64) (fsys.File, int64, error) {
	if err := p.failure(); err != nil {
		return nil, 0, err
	}
	f := p.next
	p.next = nil
	p.makeNext()
	return p.lengthen(f, size)
}

// makeNext is the goroutine's work where there is none.
func (p *preparer) makeNext() {
	if p.next != nil {
		return
	}
	f, err := p.make(p.name(p.made))
	if err != nil {
		p.err.Store(&err)
		return
	}
	p.err.Store(nil)
	p.next = f
	p.made++
}

// lengthen makes a prepared file large enough for a batch that needs more than an ordinary segment.
func (p *preparer) lengthen(f fsys.File, size int64) (fsys.File, int64, error) {
	if size <= p.size {
		return f, p.size, nil
	}
	if err := fillZeros(f, p.size, size, nil); err != nil {
		discard(p.fs, f)
		return nil, 0, fmt.Errorf("%w: %w", ErrNoSpace, err)
	}
	return f, size, nil
}

// failure is why the last attempt failed, as ErrNoSpace; nil if it did not.
func (p *preparer) failure() error {
	if p.inline {
		p.makeNext()
	}
	if err := p.err.Load(); err != nil {
		return fmt.Errorf("%w: %w", ErrNoSpace, *err)
	}
	return nil
}

// stop ends the goroutine and waits for it. The prepared file is removed.
func (p *preparer) stop() {
	close(p.quit)
	<-p.done
	if p.next != nil {
		discard(p.fs, p.next)
	}
}
