package tlsconfig

import (
	"crypto/sha256"
	"hash"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// glance is how often the files are looked at, at most.
	glance = time.Second
	// settled is how old the time of a file's last change has to be before an unchanged time means unchanged content: file
	// systems stamp changes more coarsely than they happen.
	settled = 2 * time.Second
)

// watched is a value made from files. Any goroutine may get it.
type watched[T any] struct {
	files []file
	parse func(contents [][]byte) (*T, error)
	// changed hears of each new content once: the value made from it, or why there is none.
	changed func(*T, error)

	value atomic.Pointer[T]
	next  atomic.Int64 // Unix nanoseconds until which nobody looks

	mu     sync.Mutex
	stamps []stamp // of what was read last
	seen   string  // digest of it, or the error
}

// stamp is what stat tells of a file.
type stamp struct {
	info fs.FileInfo // nil if there is none
	at   time.Time   // when it was asked
}

// same reports whether the file can have changed between two stamps, the first of which is s.
func (s stamp) same(later stamp) bool {
	if s.info == nil || later.info == nil {
		return false
	}
	return os.SameFile(s.info, later.info) && s.info.Size() == later.info.Size() && s.info.ModTime().Equal(later.info.ModTime()) &&
		s.at.Sub(s.info.ModTime()) > settled
}

// load makes the first value.
func (w *watched[T]) load() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	w.stamps = w.stat(now)
	value, seen, err := w.read()
	if err != nil {
		return err
	}
	w.seen = seen
	w.value.Store(value)
	w.next.Store(now.Add(glance).UnixNano())
	return nil
}

// get returns the value of the newest files that could be used.
func (w *watched[T]) get() *T {
	// While one looks, the others go on with what there is.
	if now := time.Now(); now.UnixNano() >= w.next.Load() && w.mu.TryLock() {
		w.look(now)
		w.next.Store(now.Add(glance).UnixNano())
		w.mu.Unlock()
	}
	return w.value.Load()
}

// look wants the lock held.
func (w *watched[T]) look(now time.Time) {
	stamps := w.stat(now)
	same := true
	for i, s := range stamps {
		same = same && w.stamps[i].same(s)
	}
	if same {
		return
	}
	w.stamps = stamps // taken before the files are read: what changes meanwhile is found the next time
	value, seen, err := w.read()
	if seen == w.seen {
		return
	}
	w.seen = seen
	if err == nil {
		w.value.Store(value)
	}
	w.changed(value, err)
}

func (w *watched[T]) stat(now time.Time) []stamp {
	all := make([]stamp, len(w.files))
	for i, f := range w.files {
		all[i].at = now
		if info, err := os.Stat(f.path); err == nil {
			all[i].info = info
		}
	}
	return all
}

// read returns the value, and what tells the contents, or the error, from others.
func (w *watched[T]) read() (value *T, seen string, err error) {
	var contents [][]byte
	digest := sha256.New()
	for _, f := range w.files {
		text, err := f.read()
		if err != nil {
			return nil, err.Error(), err
		}
		contents = append(contents, text)
		addTo(digest, text)
	}
	value, err = w.parse(contents)
	return value, string(digest.Sum(nil)), err
}

// addTo adds a digest of the text: two contents that differ in where the first file ends differ too.
func addTo(digest hash.Hash, text []byte) {
	sum := sha256.Sum256(text)
	digest.Write(sum[:])
}
