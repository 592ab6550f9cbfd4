package fault

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pando/test/server"
)

// nobody is a user who owns nothing.
const nobody = 65534

// nobodysPando is Pando as a program that runs as another user; "" if that needs root.
func nobodysPando(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		leftOut(t, "running as another user needs root")
		return ""
	}
	dir := openDir(t)
	binary, script := filepath.Join(dir, "pando"), filepath.Join(dir, "as-nobody")
	text := fmt.Sprintf("#!/bin/sh\nexec setpriv --reuid %d --regid %[1]d --clear-groups %s \"$@\"\n", nobody, binary)
	for name, data := range map[string][]byte{binary: read(t, server.Build(t)), script: []byte(text)} {
		if err := os.WriteFile(name, data, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, 0o755); err != nil { // past the umask
			t.Fatal(err)
		}
	}
	return script
}

// openDir is a folder that every user may enter.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pando-fault-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// place is where a member has its files: names that a shell would take for several, or for none.
type place struct{ home, data, logs string }

// barrier is something in the way of another user who starts there.
type barrier struct {
	name   string
	put    func(t *testing.T, p place)
	advice string // what is told to do; DATA, LOGS and HOME stand for those of the place
}

const (
	handOver     = "chown -R 65534:65534 DATA"
	handLogsOver = "chown -R 65534:65534 LOGS"
	giveBack     = "chmod -R u+rwX DATA"
)

var barriers = []barrier{
	{"everything", func(t *testing.T, p place) { run(t, "chown", "-R", "0:0", p.data, p.logs) }, handOver},
	{"the directory", func(t *testing.T, p place) { run(t, "chown", "0:0", p.data) }, handOver},
	{"member", func(t *testing.T, p place) { run(t, "chown", "0:0", p.data+"/member") }, handOver},
	{"the snapshots", func(t *testing.T, p place) { run(t, "chown", "0:0", p.data+"/member/snap") }, handOver},
	{"snapshots that may be read", func(t *testing.T, p place) {
		run(t, "chown", "-R", "0:0", p.data+"/member/snap")
		run(t, "chmod", "-R", "a+rX", p.data+"/member/snap")
	}, handOver},
	{"one snapshot", func(t *testing.T, p place) {
		run(t, "chown", "0:0", newest(t, p.data+"/member/snap/*.snap"))
		run(t, "chmod", "600", newest(t, p.data+"/member/snap/*.snap"))
	}, handOver},
	{"a log elsewhere", func(t *testing.T, p place) { run(t, "chown", "0:0", p.logs) }, handLogsOver},
	{"a file of the log", func(t *testing.T, p place) { run(t, "chown", "0:0", newest(t, p.logs+"/*.wal")) }, handLogsOver},
	{"read only", func(t *testing.T, p place) { run(t, "chmod", "-R", "a-w", p.data) }, giveBack},
	{"closed", func(t *testing.T, p place) { run(t, "chmod", "0", p.data) }, giveBack},
	{"nothing, in another's folder", func(t *testing.T, p place) { run(t, "rm", "-r", p.data, p.logs) },
		"mkdir -p DATA && chown 65534:65534 DATA"},
	{"a folder on the way", func(t *testing.T, p place) { run(t, "chmod", "go-x", p.home) }, "let that user pass through HOME, or"},
}

// A directory that this process may not use, whole or in part, is refused and stays as it is; and the commands that the
// refusals name, one after the other, help.
func TestDirectoryOfAnotherUser(t *testing.T) {
	t.Parallel()
	pando := nobodysPando(t)
	if pando == "" {
		return
	}
	for _, b := range barriers {
		t.Run(b.name, func(t *testing.T) {
			home := openDir(t)
			p := place{home, filepath.Join(home, "it's data"), filepath.Join(home, "the log")}
			o := server.Options{Dir: p.data, Args: []string{"--snapshot-count", "20", "--wal-dir", p.logs}}
			s, c := server.Start(t, o), content{}
			index := c.fill(t, s, 60)
			if err := s.Stop(); err != nil { // the snapshots are written
				t.Fatal(err)
			}
			run(t, "chown", "-R", "65534:65534", p.data, p.logs)
			b.put(t, p)
			if _, err := os.Stat(p.data); err != nil {
				c, index = content{}, 0
			}
			o.Binary = pando
			words := strings.NewReplacer("DATA", quoted(p.data), "LOGS", quoted(p.logs), "HOME", p.home).Replace(b.advice)
			before := listing(t, home)
			advice := refusedAs(t, o, words)
			if after := listing(t, home); after != before {
				t.Errorf("the directory changed from\n%s\nto\n%s", before, after)
			}
			if advice == "" {
				return // nothing that one command does
			}
			run(t, "sh", "-c", advice)
			if b.name == "everything" || strings.HasPrefix(b.name, "nothing") { // the log is next
				run(t, "sh", "-c", refusedAs(t, o, quoted(p.logs)))
			}
			c.served(t, server.Start(t, o), index)
		})
	}
}

// So does a proxy, whose directory may be empty.
func TestProxyDirectoryOfAnotherUser(t *testing.T) {
	pando := nobodysPando(t)
	if pando == "" {
		return
	}
	for _, mode := range []os.FileMode{0o700, 0o755} {
		dir := filepath.Join(openDir(t), "data")
		if err := os.Mkdir(dir, mode); err != nil {
			t.Fatal(err)
		}
		o := server.Options{Binary: pando, Dir: dir, Args: []string{"--proxy", "on"}}
		if advice := refusedAs(t, o, ""); advice != "chown -R 65534:65534 "+quoted(dir) {
			t.Errorf("mode %v: it advises %q", mode, advice)
		}
	}
}

// refusedAs starts a server that must be refused with a line that has the words, and returns the command that it names.
func refusedAs(t *testing.T, o server.Options, words string) (command string) {
	t.Helper()
	s := server.Launch(t, o)
	status := exitStatus(s.Wait(patience))
	_, text, _ := strings.Cut(s.Log(), `pando cannot go on {"error": `)
	text, _, _ = strings.Cut(text, "}\n")
	var line string
	if err := json.Unmarshal([]byte(text), &line); err != nil {
		t.Fatalf("no error: %v\n%s", err, s.Log())
	}
	if status != 1 || !strings.Contains(line, words) || !strings.Contains(line, "permission denied (this process runs as uid 65534; ") {
		t.Fatalf("status %d, want 1 and a line with %q: %s", status, words, line)
	}
	_, command, _ = strings.Cut(strings.TrimSuffix(line, ")"), " with: ")
	command, _, _ = strings.Cut(command, " or run pando as")
	return command
}

// quoted is a path as one word of a shell.
func quoted(path string) string { return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'" }

// newest is the last of the files of a pattern, by name.
func newest(t *testing.T, pattern string) string {
	t.Helper()
	list, err := filepath.Glob(pattern)
	if err != nil || len(list) == 0 {
		t.Fatalf("no %s: %v", pattern, err)
	}
	return list[len(list)-1]
}

// run runs a command that must succeed.
func run(t *testing.T, command ...string) {
	t.Helper()
	if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%q: %v: %s", command, err, out)
	}
}
