package fsys

import (
	"io/fs"
	"os"
	"path/filepath"
)

// crash returns what a power cut leaves of a file. keep decides about each sector of each write and each new length.
func (c *content) crash(keep func() bool) []byte {
	b := append([]byte(nil), c.durable...)
	for _, w := range c.pending {
		if w.data == nil {
			if keep() {
				b = w.apply(b)
			}
			continue
		}
		for off, left := w.off, w.data; len(left) > 0; {
			n := min(int(Sector-off%Sector), len(left))
			if keep() {
				b = write{off: off, data: left[:n]}.apply(b)
			}
			off, left = off+int64(n), left[n:]
		}
	}
	return b
}

// Crash writes to the new directory to what a power cut might leave of the root now. keep is called for each thing that
// is not durable: true if it made it to the disk. A change of names that did not takes those after it along. The file
// system itself goes on as if nothing had happened.
func (f *Faulty) Crash(to string, keep func() bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	names := make(map[string]*content, len(f.disk.durable))
	for name, c := range f.disk.durable {
		names[name] = c
	}
	for _, c := range f.disk.changes {
		if !keep() {
			break
		}
		c.make(names)
	}
	if err := copyDirs(f.under, f.root, to); err != nil {
		return err
	}
	for name, c := range names {
		rest, err := filepath.Rel(f.root, name)
		if err != nil {
			return err
		}
		path := filepath.Join(to, rest)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, c.crash(keep), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// copyDirs makes the directories of from below to.
func copyDirs(under FS, from, to string) error {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	entries, err := under.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Type()&fs.ModeDir == 0 {
			continue
		}
		if err := copyDirs(under, filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
			return err
		}
	}
	return nil
}
