package raft

import (
	"io/fs"

	"pando/fsys"
)

// noSync is the real file system without syncs, for benchmarks of what is around them.
type noSync struct{ fsys.FS }

type noSyncFile struct{ fsys.File }

func (noSync) SyncDir(string) error { return nil }
func (noSyncFile) Sync() error      { return nil }
func (noSyncFile) Datasync() error  { return nil }

func (n noSync) OpenFile(name string, flag int, perm fs.FileMode) (fsys.File, error) {
	f, err := n.FS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return noSyncFile{f}, nil
}
