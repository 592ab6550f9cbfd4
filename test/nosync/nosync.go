// Package nosync is a file system for tests and benchmarks that only look at what a program sees, or at what is around a sync.
package nosync

import (
	"io/fs"

	"pando/fsys"
)

// FS is the real file system without syncs.
var FS fsys.FS = noSync{fsys.OS}

type noSync struct{ fsys.FS }

type file struct{ fsys.File }

func (noSync) SyncDir(string) error { return nil }
func (file) Sync() error            { return nil }
func (file) Datasync() error        { return nil }

// OpenFile implements fsys.FS.
func (n noSync) OpenFile(name string, flag int, perm fs.FileMode) (fsys.File, error) {
	f, err := n.FS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return file{f}, nil
}
