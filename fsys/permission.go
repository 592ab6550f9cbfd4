package fsys

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

// Advise adds to err what the operator can do, if it is that the system does not let
// this process use one of its directories: who we are and the command to run. It is
// most often the volume of a container in which another user ran. Any other error is
// returned as it is. dir is the directory that err is about unless it is about
// another; an empty name is none. Start-up code calls it, once.
func Advise(f FS, err error, dir string, others ...string) error {
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	dir, at := barred(f, err, dir, others)
	uid, gid := os.Geteuid(), os.Getegid()
	var do string
	switch {
	case !within(dir, at):
		if _, statErr := f.Stat(dir); errors.Is(statErr, fs.ErrNotExist) {
			do = fmt.Sprintf("create it with: mkdir -p %s && chown %d:%d %s", quote(dir), uid, gid, quote(dir))
		} else {
			do = fmt.Sprintf("let that user pass through %s, or use another directory", at)
		}
	case ownedBy(f, at, uid):
		do = "give it back to its owner with: chmod -R u+rwX " + quote(dir)
	default:
		do = fmt.Sprintf("hand it over with: chown -R %d:%d %s or run pando as its owner", uid, gid, quote(dir))
	}
	return fmt.Errorf("%w (this process runs as uid %d; %s)", err, uid, do)
}

// Writable returns an error if no file could be made in dir, nil also if dir is not there: a start would go well, and the first
// new file would not.
func Writable(dir string) error {
	err := unix.Access(dir, unix.W_OK|unix.X_OK)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return &fs.PathError{Op: "write to", Path: dir, Err: err}
}

// barred returns which of the configured directories err is about, and the path at
// which the way ended: the nearest one at or above that of err that is there and
// can be looked at.
func barred(f FS, err error, first string, others []string) (dir, at string) {
	dir = absolute(first)
	at = dir
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		at = absolute(path.Path)
	case errors.As(err, &link):
		at = filepath.Dir(absolute(link.New))
	}
	for _, other := range others {
		other = absolute(other)
		if !within(dir, at) && (within(other, at) || within(at, other) && !within(at, dir)) {
			dir = other
			break
		}
	}
	for {
		if _, err := f.Stat(at); err == nil || at == filepath.Dir(at) {
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

func ownedBy(f FS, path string, uid int) bool {
	info, err := f.Stat(path)
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
