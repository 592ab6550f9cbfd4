package docs

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pando/test/server"
)

const patience = 30 * time.Second

// host is one of the machines that docs/clustering.md speaks of: what its service pando is, and its /var/lib.
type host struct {
	t    *testing.T
	name string
	dir  string
	unit string // the command line that the service starts
	run  *exec.Cmd
	log  string // file with the output of the service
}

// network gives the loopback interface all the addresses that begin with 10, so that each host has its own.
func network(t *testing.T) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	alias, err := unix.NewIfreq("lo:10")
	if err != nil {
		t.Fatal(err)
	}
	if err := alias.SetInet4Addr([]byte{10, 0, 0, 1}); err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFADDR, alias); err != nil {
		t.Fatal(err)
	}
}

// here turns a command of a host into one of this machine.
func (h *host) here(command string) string {
	number := strings.TrimPrefix(h.name, "node")
	return strings.NewReplacer(
		"/var/lib/pando", filepath.Join(h.dir, "lib"),
		"/usr/local/bin/pando", filepath.Join(h.dir, "pando"),
		"new/pando", server.Build(h.t),
		"http://127.0.0.1:", "http://127.0.0."+number+":",
	).Replace(command)
}

// start starts the service.
func (h *host) start() {
	h.t.Helper()
	log, err := os.Create(filepath.Join(h.t.TempDir(), "log"))
	if err != nil {
		h.t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command("bash", "-c", "exec "+filepath.Dir(server.Build(h.t))+"/"+h.here(h.unit))
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = []string{"HOME=" + h.dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.run, h.log = cmd, log.Name()
	h.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it may have been waited for already
		if text, err := os.ReadFile(log.Name()); h.t.Failed() && err == nil {
			h.t.Logf("%s wrote\n%s", h.name, text)
		}
	})
}

// stop ends the service by a signal, or waits until it ends by itself, and returns how it ended.
func (h *host) stop(sig os.Signal) error {
	if sig != nil {
		_ = h.run.Process.Signal(sig) // it may have ended
	}
	err := h.run.Wait()
	h.run = nil
	return err
}

// ended wants the service to have ended with status 0 or in that way.
func (h *host) ended(how error, orSo string) {
	h.t.Helper()
	if how != nil && how.Error() != orSo {
		h.t.Errorf("a service has ended: %v", how)
	}
}

// serves waits until the service answers.
func (h *host) serves() {
	h.t.Helper()
	url := "http://10.0.0." + strings.TrimPrefix(h.name, "node") + ":2379/v2/keys/?quorum=true"
	await(h.t, h.name+" serves", func() error {
		resp, err := http.Get(url)
		if err != nil {
			return err
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("%s: %s", url, resp.Status)
		}
		return nil
	})
}

func await(t *testing.T, what string, try func() error) {
	t.Helper()
	server.Await(t, what, patience, try)
}

var (
	id = regexp.MustCompile(`\b[0-9a-f]{13,16}\b`)
	// count is of entries: what a member that is stopped has not heard yet is a matter of milliseconds.
	count  = regexp.MustCompile(`"entries not known to be committed": \d+`)
	moment = regexp.MustCompile(`(?m)^\S+ \S+ (INFO|WARN|ERROR) `)
)

// session runs the commands of the page, whose prompts name the host, in the order in which they stand there.
type session struct {
	t     *testing.T
	hosts map[string]*host
	ids   map[string]string // of members, by what stands in the page
}

// do runs one command and compares what it prints with what stands there.
func (s *session) do(name, command, want string) {
	s.t.Helper()
	h := s.hosts[name]
	if h == nil {
		h = &host{t: s.t, name: name, dir: s.t.TempDir()}
		s.hosts[name] = h
	}
	for there, real := range s.ids {
		command = strings.ReplaceAll(command, there, real)
	}
	got := ""
	switch verb, _, _ := strings.Cut(command, " "); {
	case verb == "pando" && strings.Contains(command, " --force-new-cluster "):
		got = s.force(h, command)
	case verb == "pando":
		h.unit = command
		h.start()
		h.serves()
	case command == "systemctl stop pando":
		h.ended(h.stop(syscall.SIGTERM), "signal: terminated")
	case command == "systemctl start pando":
		h.start()
	case verb == "journalctl":
		h.ended(h.stop(nil), "") // it was removed
		text := strings.Split(strings.TrimSpace(s.logged(h, "")), "\n")
		got = strings.Join(text[max(0, len(text)-2):], "\n")
	default:
		if verb == "rm" && h.run != nil {
			h.ended(h.stop(nil), "") // it was removed
		}
		out, err := exec.Command("bash", "-c", h.here(command)).CombinedOutput()
		if err != nil {
			s.t.Errorf("%s$ %s\n%v", name, command, err)
		}
		got = string(out)
	}
	s.compare(name, command, strings.TrimSpace(got), strings.TrimSpace(want))
}

// force loses the other hosts, runs the command until it serves, and then the service as before. It returns what the
// command has said about it.
func (s *session) force(h *host, command string) string {
	s.t.Helper()
	for _, other := range s.hosts {
		if other != h && other.run != nil {
			h.ended(other.stop(syscall.SIGKILL), "signal: killed")
		}
	}
	unit := h.unit
	h.unit = command
	h.start()
	h.serves()
	said := s.logged(h, "WARN forced")
	h.ended(h.stop(syscall.SIGINT), "signal: interrupt")
	h.unit = unit
	h.start()
	h.serves()
	return said
}

// logged are the lines of a service's log that begin so, without their times.
func (s *session) logged(h *host, begin string) string {
	s.t.Helper()
	text, err := os.ReadFile(h.log)
	if err != nil {
		s.t.Fatal(err)
	}
	var lines []string
	for _, line := range strings.Split(moment.ReplaceAllString(string(text), "$1 "), "\n") {
		if strings.HasPrefix(line, begin) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

// compare learns the ids of members: each run has others.
func (s *session) compare(name, command, got, want string) {
	s.t.Helper()
	same := func(text string) string { return count.ReplaceAllString(id.ReplaceAllString(text, "ID"), "COUNT") }
	if same(got) != same(want) {
		s.t.Fatalf("%s$ %s\ngot  %s\nwant %s", name, command, got, want)
	}
	real := id.FindAllString(got, -1)
	for i, there := range id.FindAllString(want, -1) {
		s.ids[there] = real[i]
	}
}

var prompt = regexp.MustCompile(`(?m)^(node\d)\$ `)

// TestClustering follows docs/clustering.md from the beginning to the end.
func TestClustering(t *testing.T) {
	page, err := os.ReadFile("../../docs/clustering.md")
	if err != nil {
		t.Fatal(err)
	}
	network(t)
	s := &session{t: t, hosts: map[string]*host{}, ids: map[string]string{}}
	_, rest, _ := strings.Cut(string(page), "each finds itself in it by `--name`:\n\n```\n")
	first, rest, found := strings.Cut(rest, "```")
	if !found || !strings.HasPrefix(first, "pando --name node1 ") {
		t.Fatal("the command for a new cluster is not where it was")
	}
	own, initial, _ := strings.Cut(first, "--initial-cluster ")
	for _, n := range []string{"1", "2", "3"} {
		h := &host{t: t, name: "node" + n, dir: t.TempDir()}
		h.unit = strings.NewReplacer("node1", h.name, "10.0.0.1", "10.0.0."+n).Replace(own) + "--initial-cluster " + initial
		s.hosts[h.name] = h
		h.start()
	}
	for _, h := range s.hosts {
		h.serves()
	}
	commands := 0
	for _, block := range strings.Split(rest, "```console\n")[1:] {
		block, _, _ := strings.Cut(block, "```")
		at := prompt.FindAllStringSubmatchIndex(block, -1)
		for i, m := range at {
			end := len(block)
			if i+1 < len(at) {
				end = at[i+1][0]
			}
			text := strings.ReplaceAll(block[m[1]:end], "\\\n", "")
			command, want, _ := strings.Cut(text, "\n")
			s.do(block[m[2]:m[3]], command, want)
			commands++
		}
	}
	if commands < 15 {
		t.Errorf("only %d commands were found", commands)
	}
}
