package raft

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"go.uber.org/zap"

	"pando/fsys"
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
// data directory, to where later versions have them. Each move is one rename,
// so a crash between them leaves something that the next start finishes.
func adoptOldLayout(cfg Config) error {
	l := layoutOf(cfg)
	for _, name := range []string{"snap", "wal"} {
		old := filepath.Join(cfg.DataDir, name)
		info, err := cfg.FS.Stat(old)
		if err != nil || !info.IsDir() {
			continue
		}
		target := filepath.Join(l.member, name)
		if _, err := cfg.FS.Stat(target); err == nil {
			return fmt.Errorf("%w: both %s and %s exist; keep the one that is in use and move the other away", ErrDataDir, old, target)
		}
		if err := cfg.FS.MkdirAll(l.member, 0o700); err != nil {
			return err
		}
		if err := cfg.FS.Rename(old, target); err != nil {
			return err
		}
		if err := errors.Join(cfg.FS.SyncDir(cfg.DataDir), cfg.FS.SyncDir(l.member)); err != nil {
			return err
		}
		cfg.Logger.Info("moved a directory of etcd 2.0 to its later place", zap.String("from", old), zap.String("to", target))
	}
	return nil
}

// makeDirs creates what is missing, durably, readable by the owner only.
func makeDirs(cfg Config, l layout) error {
	for _, dir := range []string{cfg.DataDir, l.member, l.snap} {
		if err := makeDir(cfg.FS, dir); err != nil {
			return err
		}
	}
	if cfg.WALDir != "" {
		return makeDir(cfg.FS, cfg.WALDir)
	}
	return nil
}

func makeDir(f fsys.FS, dir string) error {
	if _, err := f.Stat(dir); err == nil {
		return nil
	}
	if err := f.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("%w: %s cannot be created: %w; it must be writable by the user that runs pando", ErrDataDir, dir, err)
	}
	return f.SyncDir(filepath.Dir(dir))
}

// advise adds what the operator can do where the system does not let this process use the directory.
func advise(cfg Config, err error) error {
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return fmt.Errorf("%w (this process runs as uid %d: make that user the owner of %s and everything in it, or run pando as its owner)",
		err, os.Geteuid(), cfg.DataDir)
}
