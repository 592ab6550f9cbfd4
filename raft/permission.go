package raft

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// advise adds what the operator can do where the system does not let this process
// use a directory: who we are and the command to run. It is most often the volume
// of a container in which another user ran.
func advise(cfg Config, err error) error {
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	if !errors.Is(err, ErrDataDir) {
		err = fmt.Errorf("%w: %w", ErrDataDir, err)
	}
	dir, at := barred(cfg, err)
	uid, gid := os.Geteuid(), os.Getegid()
	var do string
	switch {
	case !within(dir, at):
		if _, statErr := cfg.FS.Stat(dir); errors.Is(statErr, fs.ErrNotExist) {
			do = fmt.Sprintf("create it with: mkdir -p %s && chown %d:%d %s", quote(dir), uid, gid, quote(dir))
		} else {
			do = fmt.Sprintf("let that user pass through %s, or use another directory", at)
		}
	case ownedBy(cfg, at, uid):
		do = "give it back to its owner with: chmod -R u+rwX " + quote(dir)
	default:
		do = fmt.Sprintf("hand it over with: chown -R %d:%d %s or run pando as its owner", uid, gid, quote(dir))
	}
	return fmt.Errorf("%w (this process runs as uid %d; %s)", err, uid, do)
}

// checkWritable refuses directories in which no file could be made: a start would go
// well, and the first snapshot or the next file of the log would not.
func checkWritable(l layout) error {
	for _, dir := range []string{l.snap, l.wal} {
		err := unix.Access(dir, unix.W_OK|unix.X_OK)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w: %w", ErrDataDir, &fs.PathError{Op: "write to", Path: dir, Err: err})
		}
	}
	return nil
}

// barred returns which of the configured directories err is about, and the path at
// which the way ended: the nearest one at or above that of err that is there and
// can be looked at.
func barred(cfg Config, err error) (dir, at string) {
	dir = absolute(cfg.DataDir)
	at = filepath.Join(dir, "member")
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		at = absolute(path.Path)
	case errors.As(err, &link):
		at = filepath.Dir(absolute(link.New))
	}
	logs := absolute(cfg.WALDir)
	if cfg.WALDir != "" && !within(dir, at) && (within(logs, at) || within(at, logs) && !within(at, dir)) {
		dir = logs
	}
	for {
		if _, err := cfg.FS.Stat(at); err == nil || at == filepath.Dir(at) {
			return dir, at
		}
		at = filepath.Dir(at)
	}
}

// absolute is path as it is without the working directory, which the reader of a log does not know.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// within reports whether path is dir or below it.
func within(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}

func ownedBy(cfg Config, path string, uid int) bool {
	info, err := cfg.FS.Stat(path)
	if err != nil {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == uid
}

// quote makes path one word of a shell.
func quote(path string) string {
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
