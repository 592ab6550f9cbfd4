package raft

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"

	"go.uber.org/zap"

	"pando/fsys"
	"pando/raft/wal"
)

// A member directory that etcd 3.x wrote in is not written on. A new one is built
// beside it, and then it steps aside:
//
//	member.pando-new      built and made durable; whatever was there before is removed
//	member                becomes member.before-pando, which nobody touches again
//	member.pando-new      becomes member
//
// A crash before the first rename leaves the old directory in its place, and the
// next start builds again. Between the two there is no member, and the next start
// makes the second one (finishTakeover).
const (
	newSuffix  = ".pando-new"
	keptSuffix = ".before-pando"
)

// finishTakeover does what a takeover left undone. A member that is missing for
// another reason must not become an empty one.
func finishTakeover(cfg Config, l layout) error {
	if there, err := present(cfg.FS, l.member); there || err != nil {
		return err
	}
	kept, err := present(cfg.FS, l.member+keptSuffix)
	if err != nil || !kept {
		return err
	}
	built, err := present(cfg.FS, l.member+newSuffix)
	if err != nil {
		return err
	}
	if !built {
		return fmt.Errorf("%w: there is %s and no %s. Rename it to go back to what etcd 3 left behind, or remove the whole directory to give the data up",
			ErrDataDir, l.member+keptSuffix, l.member)
	}
	return errors.Join(cfg.FS.Rename(l.member+newSuffix, l.member), cfg.FS.SyncDir(cfg.DataDir))
}

// present reports whether there is a file or directory of that name.
func present(f fsys.FS, name string) (bool, error) {
	_, err := f.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// takeOver replaces a member directory that etcd 3.x wrote in. It refuses, and
// changes nothing, where the node could not go on with what is in it.
func takeOver(cfg Config, l layout) error {
	if foreign, err := foreignLog(cfg, l); err != nil || !foreign {
		return err
	}
	if plain, err := ownDirectories(cfg, l); err != nil || !plain {
		if err == nil {
			cfg.Logger.Warn("the log of etcd 3.x is continued where it is: it is not a plain directory below member, so no copy of it is kept", zap.String("log", l.wal))
		}
		return err
	}
	src, err := readEtcd3(cfg, l)
	if err != nil {
		return err
	}
	defer src.log.Close() // it was only read
	if src.from.Index == 0 && neverBegan(src.replay) {
		return nil
	}
	building := layout{member: l.member + newSuffix}
	building.wal, building.snap = filepath.Join(building.member, "wal"), filepath.Join(building.member, "snap")
	if err := src.build(cfg, l, building); err != nil {
		return errors.Join(fmt.Errorf("taking over the directory of etcd 3.x, which is as it was: %w", err), cfg.FS.RemoveAll(building.member))
	}
	return swap(cfg, l, building.member)
}

// foreignLog reports whether etcd 3.x has written in the log, if that matters.
func foreignLog(cfg Config, l layout) (bool, error) {
	if cfg.TakeOver == nil {
		return false, nil
	}
	return wal.Etcd3(cfg.FS, l.wal)
}

// swap puts the new directory into the place of the old one, which it keeps.
func swap(cfg Config, l layout, built string) error {
	kept, err := freeName(cfg.FS, l.member+keptSuffix)
	if err != nil {
		return err
	}
	err = cfg.FS.Rename(l.member, kept)
	if errors.Is(err, syscall.EBUSY) {
		cfg.Logger.Warn("the log of etcd 3.x is continued where it is: member is where a file system is mounted, so no copy of it is kept", zap.String("log", l.wal))
		return cfg.FS.RemoveAll(built)
	}
	if err == nil {
		err = cfg.FS.SyncDir(cfg.DataDir)
	}
	if err == nil {
		err = cfg.FS.Rename(built, l.member)
	}
	if err == nil {
		err = cfg.FS.SyncDir(cfg.DataDir)
	}
	if err == nil {
		cfg.Logger.Info("took over a directory of etcd 3.x; its files are kept", zap.String("kept", kept))
	}
	return err
}

// freeName is name, or name.2 and so on if a takeover before this one has it.
func freeName(f fsys.FS, name string) (string, error) {
	for n, free := 2, name; ; n++ {
		if taken, err := present(f, free); err != nil || !taken {
			return free, err
		}
		free = fmt.Sprintf("%s.%d", name, n)
	}
}

// ownDirectories reports whether member, wal and snap are directories in their
// usual place. A log that --wal-dir, a symbolic link or a mounted file system has
// put elsewhere stays there.
func ownDirectories(cfg Config, l layout) (bool, error) {
	if filepath.Clean(l.wal) != filepath.Join(l.member, "wal") {
		return false, nil
	}
	root, err := cfg.FS.Stat(cfg.DataDir)
	if err != nil {
		return false, err
	}
	for _, dir := range []string{l.member, l.wal, l.snap} {
		info, err := cfg.FS.Stat(dir)
		if err != nil {
			return false, err
		}
		link, err := isLink(cfg.FS, dir)
		if err != nil || link || device(info) != device(root) {
			return false, err
		}
	}
	return true, nil
}

func isLink(f fsys.FS, name string) (bool, error) {
	entries, err := f.ReadDir(filepath.Dir(name))
	for _, e := range entries {
		if e.Name() == filepath.Base(name) {
			return e.Type()&fs.ModeSymlink != 0, err
		}
	}
	return false, err
}

// device is the number of the file system that a file is on.
func device(info fs.FileInfo) uint64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(s.Dev)
	}
	return 0
}
