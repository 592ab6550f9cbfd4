package raft

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"go.uber.org/zap"

	"pando/fsys"
	"pando/raft/wal"
	"pando/snapshot"
)

// layout is where a member's files are (server spec, section 8).
type layout struct{ member, wal, snap string }

func layoutOf(cfg Config) layout {
	member := filepath.Join(cfg.DataDir, "member")
	l := layout{member: member, wal: filepath.Join(member, "wal"), snap: filepath.Join(member, "snap")}
	if cfg.WALDir != "" {
		l.wal = cfg.WALDir
	}
	return l
}

func hasSnapshots(f fsys.FS, dir string) (bool, error) {
	names, err := snapshot.Names(f, dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("%w: %s cannot be read: %w", ErrDataDir, dir, err)
	}
	return len(names) > 0, nil
}

// adoptOldLayout moves the directories of etcd 2.0, which lay straight in the
// data directory, to where later versions have them: snap first, because it is
// the log that tells an old layout. Each move is one rename, so a crash between
// them leaves something that the next start finishes.
func adoptOldLayout(cfg Config, l layout) error {
	old := filepath.Join(cfg.DataDir, "wal")
	if found, err := isOldLog(cfg, l, old); err != nil || !found {
		return err
	}
	if l.wal != filepath.Join(l.member, "wal") {
		return fmt.Errorf("%w: %s holds a log of etcd 2.0, which --wal-dir would leave aside. Start without --wal-dir, or move the log to %s first",
			ErrDataDir, old, l.wal)
	}
	for _, name := range []string{"snap", "wal"} {
		from, to := filepath.Join(cfg.DataDir, name), filepath.Join(l.member, name)
		if info, err := cfg.FS.Stat(from); err != nil || !info.IsDir() {
			continue
		}
		if err := adopt(cfg, from, to); err != nil {
			return err
		}
	}
	return nil
}

// isOldLog reports whether dir is the log of an old layout. A directory of that
// name that holds none is somebody else's, and one that --wal-dir names is in its place.
func isOldLog(cfg Config, l layout, dir string) (bool, error) {
	info, err := cfg.FS.Stat(dir)
	if err != nil || !info.IsDir() {
		return false, nil
	}
	if used, err := cfg.FS.Stat(l.wal); err == nil && os.SameFile(info, used) {
		return false, nil
	}
	return wal.Exists(cfg.FS, dir)
}

func adopt(cfg Config, from, to string) error {
	if _, err := cfg.FS.Stat(to); err == nil {
		return fmt.Errorf("%w: both %s and %s exist; keep the one that is in use and move the other away", ErrDataDir, from, to)
	}
	member := filepath.Dir(to)
	if err := cfg.FS.MkdirAll(member, 0o700); err != nil {
		return err
	}
	if err := cfg.FS.Rename(from, to); err != nil {
		return err
	}
	if err := errors.Join(cfg.FS.SyncDir(cfg.DataDir), cfg.FS.SyncDir(member)); err != nil {
		return err
	}
	cfg.Logger.Info("moved a directory of etcd 2.0 to its later place", zap.String("from", from), zap.String("to", to))
	return nil
}

// makeDirs creates what is missing, durably, readable by the owner only, and refuses
// what is there and cannot be written.
func makeDirs(cfg Config, l layout) error {
	for _, dir := range []string{cfg.DataDir, l.member, l.snap} {
		if err := makeDir(cfg.FS, dir); err != nil {
			return err
		}
	}
	if cfg.WALDir != "" {
		if err := makeDir(cfg.FS, cfg.WALDir); err != nil {
			return err
		}
	}
	for _, dir := range []string{l.snap, l.wal} {
		if err := fsys.Writable(dir); err != nil {
			return fmt.Errorf("%w: %w", ErrDataDir, err)
		}
	}
	return nil
}

// makeDir creates dir and its missing parents one by one, because each name has to
// be made durable: a power cut must not take a parent away with all that is in it.
func makeDir(f fsys.FS, dir string) error {
	if _, err := f.Stat(dir); err == nil {
		return nil
	}
	if parent := filepath.Dir(dir); parent != dir {
		if err := makeDir(f, parent); err != nil {
			return err
		}
	}
	if err := f.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("%w: %s cannot be created: %w", ErrDataDir, dir, err)
	}
	return f.SyncDir(filepath.Dir(dir))
}

// advise adds what the operator can do where the system does not let this process use a directory.
func advise(cfg Config, err error) error {
	if errors.Is(err, fs.ErrPermission) && !errors.Is(err, ErrDataDir) {
		err = fmt.Errorf("%w: %w", ErrDataDir, err)
	}
	return fsys.Advise(cfg.FS, err, cfg.DataDir, layoutOf(cfg).wal)
}
