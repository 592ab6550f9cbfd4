package fsys

import (
	"os"
	"path/filepath"
	"strings"
)

// Sector is how many bytes a disk writes as a whole.
const Sector = 512

// disk is what Faulty knows to be durable below its root.
type disk struct {
	root    string
	names   map[string]*content // as the program sees them
	durable map[string]*content // as a power cut leaves them at least
	changes []change            // from durable to names, in order
}

// change is a change of names that is not durable.
type change struct {
	dir  string
	make func(names map[string]*content)
}

// content is a file, whatever its name.
type content struct {
	now     []byte // as the program sees it
	durable []byte
	pending []write // from durable to now, in order
}

// write is a write of data, or with nil data a change of the length.
type write struct {
	off  int64
	data []byte
}

// loadDisk takes what is below root as durable.
func loadDisk(under FS, root string) (*disk, error) {
	d := &disk{root: root, names: map[string]*content{}, durable: map[string]*content{}}
	return d, d.load(under, root)
}

func (d *disk) load(under FS, dir string) error {
	entries, err := under.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		if e.IsDir() {
			if err := d.load(under, name); err != nil {
				return err
			}
			continue
		}
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		c := &content{now: b, durable: append([]byte(nil), b...)}
		d.names[name], d.durable[name] = c, c
	}
	return nil
}

func (d *disk) inside(name string) bool {
	return strings.HasPrefix(filepath.Clean(name), d.root+string(filepath.Separator))
}

// change makes a change of names in a directory, which is not durable yet.
func (d *disk) change(name string, make func(names map[string]*content)) {
	if d.inside(name) {
		make(d.names)
		d.changes = append(d.changes, change{dir: filepath.Dir(name), make: make})
	}
}

// open returns what a name stands for, which is new if there was nothing.
func (d *disk) open(name string, flag int) *content {
	name = filepath.Clean(name)
	c := d.names[name]
	if c == nil {
		c = &content{}
		d.change(name, func(names map[string]*content) { names[name] = c })
	} else if flag&os.O_TRUNC != 0 {
		c.truncate(0)
	}
	return c
}

func (d *disk) rename(from, to string) {
	from, to = filepath.Clean(from), filepath.Clean(to)
	if c := d.names[from]; c != nil {
		d.change(to, func(names map[string]*content) {
			delete(names, from)
			names[to] = c
		})
		return
	}
	moved := map[string]*content{} // a directory
	for name, c := range d.names {
		if rest, ok := strings.CutPrefix(name, from+string(filepath.Separator)); ok {
			moved[rest] = c
		}
	}
	d.change(to, func(names map[string]*content) {
		for rest, c := range moved {
			delete(names, filepath.Join(from, rest))
			names[filepath.Join(to, rest)] = c
		}
	})
}

func (d *disk) remove(name string) {
	name = filepath.Clean(name)
	d.change(name, func(names map[string]*content) { delete(names, name) })
}

func (d *disk) removeAll(name string) {
	name = filepath.Clean(name)
	for _, names := range []map[string]*content{d.names, d.durable} {
		for n := range names {
			if n == name || strings.HasPrefix(n, name+string(filepath.Separator)) {
				delete(names, n)
			}
		}
	}
}

// syncDir makes changes in dir durable, and those before them: file systems keep the order.
func (d *disk) syncDir(dir string) {
	last := -1
	for i, c := range d.changes {
		if c.dir == filepath.Clean(dir) {
			last = i
		}
	}
	for _, c := range d.changes[:last+1] {
		c.make(d.durable)
	}
	d.changes = d.changes[last+1:]
}

func (c *content) write(b []byte, off int64) {
	if len(b) == 0 {
		return // a file does not grow by it
	}
	w := write{off: off, data: append([]byte{}, b...)}
	c.now = w.apply(c.now)
	c.pending = append(c.pending, w)
}

func (c *content) truncate(size int64) {
	w := write{off: size}
	c.now = w.apply(c.now)
	c.pending = append(c.pending, w)
}

func (c *content) sync() {
	c.durable = append(c.durable[:0], c.now...)
	c.pending = nil
}

// apply makes the write in b.
func (w write) apply(b []byte) []byte {
	end := w.off + int64(len(w.data))
	if w.data == nil && end < int64(len(b)) {
		return b[:end]
	}
	for int64(len(b)) < end {
		b = append(b, make([]byte, end-int64(len(b)))...)
	}
	copy(b[w.off:], w.data)
	return b
}
