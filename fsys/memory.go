package fsys

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Memory is a file system in memory for simulations, with faults and power cuts as Faulty has them. Paths are absolute.
// Directories and RemoveAll are durable at once.
type Memory struct {
	mu     sync.Mutex
	disk   *disk
	dirs   map[string]bool
	locked map[*content]*memoryFile
	power  int // how often it was cut
	seq    int
	fault  func(Call) Fault
}

// NewMemory returns an empty file system.
func NewMemory() *Memory {
	return &Memory{
		disk: &disk{names: map[string]*content{}, durable: map[string]*content{}},
		dirs: map[string]bool{"/": true}, locked: map[*content]*memoryFile{},
	}
}

// OnCall is Faulty.OnCall.
func (m *Memory) OnCall(fault func(Call) Fault) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fault = fault
}

// PowerCut leaves of everything what keep says, as Faulty.Crash does, but here. It is asked in the order of names. Every
// file that is open fails from now on, and its lock is gone.
func (m *Memory) PowerCut(keep func() bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.disk.changes {
		if !keep() {
			break
		}
		c.make(m.disk.durable)
	}
	m.disk.changes = nil
	m.disk.names = map[string]*content{}
	for _, name := range sortedNames(m.disk.durable) {
		b := m.disk.durable[name].crash(keep)
		c := &content{now: b, durable: slices.Clone(b)}
		m.disk.names[name], m.disk.durable[name] = c, c
	}
	m.power++
	clear(m.locked)
}

// Kill ends the process that uses the files: those that are open fail from now on, and their locks are gone. What was
// written stays.
func (m *Memory) Kill() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.power++
	clear(m.locked)
}

func sortedNames(names map[string]*content) []string {
	all := make([]string, 0, len(names))
	for name := range names {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// do makes a call unless it is to fail.
func (m *Memory) do(kind Kind, name string, call func() error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	fault := m.ask(kind, name, 0)
	err := fault.Err
	if err == nil && !fault.Lie {
		err = call()
	}
	if err != nil && err != io.EOF {
		err = &fs.PathError{Op: string(kind), Path: name, Err: err}
	}
	return err
}

func (m *Memory) ask(kind Kind, name string, size int) Fault {
	m.seq++
	if m.fault == nil {
		return Fault{}
	}
	return m.fault(Call{Seq: m.seq, Kind: kind, Name: name, Size: size})
}

// MkdirAll is FS.MkdirAll.
func (m *Memory) MkdirAll(dir string, _ fs.FileMode) error {
	return m.do(MkdirAll, dir, func() error {
		for d := filepath.Clean(dir); !m.dirs[d]; d = filepath.Dir(d) {
			m.dirs[d] = true
		}
		return nil
	})
}

// Rename is FS.Rename, of files.
func (m *Memory) Rename(from, to string) error {
	return m.do(Rename, to, func() error {
		if m.disk.names[filepath.Clean(from)] == nil || !m.dirs[filepath.Dir(to)] {
			return fs.ErrNotExist
		}
		m.disk.rename(from, to)
		return nil
	})
}

// Remove is FS.Remove, of files.
func (m *Memory) Remove(name string) error {
	return m.do(Remove, name, func() error {
		if m.disk.names[filepath.Clean(name)] == nil {
			return fs.ErrNotExist
		}
		m.disk.remove(name)
		return nil
	})
}

// RemoveAll is FS.RemoveAll.
func (m *Memory) RemoveAll(name string) error {
	return m.do(RemoveAll, name, func() error {
		m.disk.removeAll(name)
		for d := range m.dirs {
			if rest, ok := strings.CutPrefix(d, filepath.Clean(name)); ok && (rest == "" || rest[0] == '/') {
				delete(m.dirs, d)
			}
		}
		return nil
	})
}

// ReadDir is FS.ReadDir.
func (m *Memory) ReadDir(dir string) (entries []fs.DirEntry, err error) {
	dir = filepath.Clean(dir)
	err = m.do(ReadDir, dir, func() error {
		if !m.dirs[dir] {
			return fs.ErrNotExist
		}
		for name, c := range m.disk.names {
			if filepath.Dir(name) == dir {
				entries = append(entries, fs.FileInfoToDirEntry(memoryInfo{name: name, size: len(c.now)}))
			}
		}
		for name := range m.dirs {
			if filepath.Dir(name) == dir && name != dir {
				entries = append(entries, fs.FileInfoToDirEntry(memoryInfo{name: name, dir: true}))
			}
		}
		slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
		return nil
	})
	return entries, err
}

// Stat is FS.Stat.
func (m *Memory) Stat(name string) (info fs.FileInfo, err error) {
	name = filepath.Clean(name)
	err = m.do(Stat, name, func() error {
		c := m.disk.names[name]
		switch {
		case c != nil:
			info = memoryInfo{name: name, size: len(c.now)}
		case m.dirs[name]:
			info = memoryInfo{name: name, dir: true}
		default:
			return fs.ErrNotExist
		}
		return nil
	})
	return info, err
}

// SyncDir is FS.SyncDir.
func (m *Memory) SyncDir(dir string) error {
	return m.do(SyncDir, dir, func() error { m.disk.syncDir(dir); return nil })
}

// OpenFile is FS.OpenFile, without O_APPEND.
func (m *Memory) OpenFile(name string, flag int, _ fs.FileMode) (File, error) {
	name = filepath.Clean(name)
	var file *memoryFile
	err := m.do(OpenFile, name, func() error {
		there := m.disk.names[name] != nil
		switch {
		case !m.dirs[filepath.Dir(name)], !there && flag&os.O_CREATE == 0:
			return fs.ErrNotExist
		case there && flag&os.O_EXCL != 0:
			return fs.ErrExist
		case flag&os.O_APPEND != 0:
			return errors.ErrUnsupported
		}
		file = &memoryFile{fs: m, name: name, content: m.disk.open(name, flag), power: m.power}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return file, nil
}

// memoryInfo describes a file or a directory.
type memoryInfo struct {
	name string
	size int
	dir  bool
}

func (i memoryInfo) Name() string     { return filepath.Base(i.name) }
func (i memoryInfo) Size() int64      { return int64(i.size) }
func (memoryInfo) ModTime() time.Time { return time.Time{} }
func (i memoryInfo) IsDir() bool      { return i.dir }
func (memoryInfo) Sys() any           { return nil }

func (i memoryInfo) Mode() fs.FileMode {
	if i.dir {
		return fs.ModeDir | 0o700
	}
	return 0o600
}
