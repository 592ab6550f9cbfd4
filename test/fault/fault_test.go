// Package fault damages what a server depends on (its log, its snapshots, its disk, its permissions) and looks at what
// the next start, or the running server, makes of it. Everything here is the real binary on a real file system. The
// rules that the tests hold it to:
//
//   - what was acknowledged is served, or the start is refused with exit status 1 and a sentence;
//   - a refused start changes nothing on disk;
//   - a running server says what is wrong and goes on when it no longer is.
//
// docs/operations.md tells operators what they see in each case. Some tests need root (a file system of their own,
// another user); without it they say so in one line, except where PANDO_CI is set, where everything must run.
package fault

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"pando/test/fault/keys"
	"pando/test/server"
)

// patience bounds every wait that should be short.
const patience = 60 * time.Second

// content is what clients have been told is there: key → value.
type content map[string]string

// client sends requests to a server.
func client(t *testing.T, s *server.Server) *keys.Client {
	c := keys.New(s.Endpoint, 1)
	t.Cleanup(c.Close)
	return c
}

// do sends one request and fails the test if no answer comes.
func do(t *testing.T, s *server.Server, method, target string, form ...string) *keys.Answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	a, err := client(t, s).Do(ctx, method, target, keys.Form(form...))
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	return a
}

// put writes a key that must be taken, and returns its index.
func (c content) put(t *testing.T, s *server.Server, key, value string) uint64 {
	t.Helper()
	a := do(t, s, http.MethodPut, keys.Path(key), "value", value)
	if !a.OK() {
		t.Fatalf("PUT %s: %s", key, a)
	}
	c[key] = value
	return a.Node.ModifiedIndex
}

// fill writes n keys and returns the index of the last.
func (c content) fill(t *testing.T, s *server.Server, n int) (index uint64) {
	t.Helper()
	for range n {
		index = c.put(t, s, fmt.Sprintf("/fill/%04d", len(c)), fmt.Sprintf("value %d", len(c)))
	}
	return index
}

// served fails the test unless the server has all of this and nothing else, at an index that is not below least.
func (c content) served(t *testing.T, s *server.Server, least uint64) {
	t.Helper()
	a := do(t, s, http.MethodGet, keys.Path("/", "recursive", "true"))
	if !a.OK() {
		t.Fatalf("the tree: %s", a)
	}
	if a.Index < least {
		t.Errorf("X-Etcd-Index is %d, %d was acknowledged", a.Index, least)
	}
	seen := 0
	a.Node.Leaves(func(n *keys.Node) {
		if want, ok := c[n.Key]; !ok || n.Value != want {
			t.Errorf("%s has %d bytes; known: %v, with %d bytes", n.Key, len(n.Value), ok, len(want))
		}
		seen++
	})
	if seen != len(c) {
		t.Errorf("%d keys are served, %d were acknowledged", seen, len(c))
	}
}

// restart starts a server again on the directory of one that has ended.
func restart(t *testing.T, s *server.Server, args ...string) *server.Server {
	t.Helper()
	return server.Start(t, server.Options{Dir: s.Dir, Args: args})
}

// refused starts a server on dir, which must end with status 1 having said each of the words, and leave the directory
// as it is. It returns the output.
func refused(t *testing.T, dir string, words ...string) string {
	t.Helper()
	before := listing(t, dir)
	s := server.Launch(t, server.Options{Dir: dir})
	err := s.Wait(patience)
	sentence(t, s.Log(), exitStatus(err), words...)
	if after := listing(t, dir); after != before {
		t.Errorf("the refused start changed the directory from\n%s\nto\n%s", before, after)
	}
	return s.Log()
}

// sentence fails the test unless a process ended with status 1 after a line that says each of the words.
func sentence(t *testing.T, output string, status int, words ...string) {
	t.Helper()
	if status != 1 {
		t.Errorf("exit status %d, want 1", status)
	}
	said(t, output, words...)
	if strings.Contains(output, "panic:") || strings.Contains(output, "goroutine ") {
		t.Errorf("it panicked:\n%s", output)
	}
}

// said fails the test unless one line of the output has all of the words.
func said(t *testing.T, output string, words ...string) {
	t.Helper()
	for line := range strings.Lines(output) {
		all := true
		for _, w := range words {
			all = all && strings.Contains(line, w)
		}
		if all {
			return
		}
	}
	t.Errorf("no line says %q:\n%s", words, output)
}

// exitStatus is the status that a process ended with, -1 if it was ended by a signal or never ended.
func exitStatus(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	default:
		return -1
	}
}

// files lists the files of one kind in a member's folder, by name: files(t, dir, "wal").
func files(t *testing.T, dir, kind string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "member", kind, "*."+kind))
	if err != nil || len(list) == 0 {
		t.Fatalf("no %s files in %s: %v", kind, dir, err)
	}
	return list
}

// listing describes every file below dir: name, mode, owner, length, time of change and a sum of its bytes.
func listing(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s %v uid %d", path, info.Mode(), info.Sys().(*syscall.Stat_t).Uid)
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, " %d bytes, sum %08x, changed %v", len(data), sum(data), info.ModTime())
		}
		b.WriteByte('\n')
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return b.String()
}

// leftOut says why a test does not run on this machine. With PANDO_CI it must run, so it fails.
func leftOut(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("PANDO_CI") != "" {
		t.Fatalf("PANDO_CI is set and this cannot run: %s", why)
	}
	t.Logf("left out: %s", why)
}
