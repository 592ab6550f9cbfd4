package misc

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"pando/test/conformance/ordered"
)

const (
	cliTime   = 15 * time.Second
	spawnTime = 4 * time.Second // after which a server that was started runs
	stopTime  = 15 * time.Second
	// A client that watches cannot be asked whether it has begun, nor whether it has seen what was done.
	watchTime   = 700 * time.Millisecond
	betweenTime = 200 * time.Millisecond
)

var signals = map[string]syscall.Signal{"TERM": syscall.SIGTERM, "INT": syscall.SIGINT, "KILL": syscall.SIGKILL,
	"HUP": syscall.SIGHUP, "QUIT": syscall.SIGQUIT, "USR1": syscall.SIGUSR1, "USR2": syscall.SIGUSR2, "ABRT": syscall.SIGABRT}

var signalNames = func() map[syscall.Signal]string {
	names := map[syscall.Signal]string{}
	for name, s := range signals {
		names[s] = name
	}
	return names
}()

// ending says how a process ended, as goldens do: its status, or the signal.
func ending(state *os.ProcessState) any {
	if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return "killed by SIG" + signalNames[ws.Signal()]
	}
	return ordered.Int(state.ExitCode())
}

// cli runs the command-line client.
func (r *run) cli(st *Step) (outcome, error) {
	var stdout, stderr bytes.Buffer
	cmd := r.client(st.Bare, st.CLI)
	for name, value := range st.Env {
		cmd.Env = append(cmd.Env, name+"="+r.expand(value))
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(st.Stdin), &stdout, &stderr
	if err := cmd.Start(); err != nil {
		return outcome{}, err
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // told by its state
		close(ended)
	}()
	if st.Then != nil {
		r.meanwhile(st.Then)
		if s, ok := signals[st.Signal]; ok {
			_ = cmd.Process.Signal(s)
		}
	}
	if !within(ended, ms(st.TimeoutMS, cliTime)) {
		_ = cmd.Process.Kill()
		<-ended
		return outcome{got: ordered.Object{{Name: "rc", Value: "timeout"}}}, nil
	}
	o := outcome{got: ordered.Object{{Name: "rc", Value: ending(cmd.ProcessState)}}}
	what := st.Compare
	if what == nil {
		what = []string{"stdout", "stderr"}
	}
	out := stdout.String()
	for _, name := range what {
		switch name {
		case "stdout":
			o.got.Add("stdout", out)
		case "stdout_sorted":
			o.got.Add("stdout", sortedLines(out))
		case "stdout1":
			first, _, _ := strings.Cut(out, "\n")
			o.got.Add("stdout1", first)
		case "stderr":
			o.got.Add("stderr", stderr.String())
		}
	}
	for name, pattern := range st.Capture {
		m := regexp.MustCompile(pattern).FindStringSubmatch(out)
		if m == nil {
			return o, fmt.Errorf("nothing like %s in %.200q", pattern, out)
		}
		r.names[name] = m[1]
	}
	return o, nil
}

func sortedLines(s string) []any {
	var lines []any
	for _, l := range slices.Sorted(strings.Lines(s)) {
		lines = append(lines, strings.TrimRight(l, "\n"))
	}
	return lines
}

// client is the client as a command that is yet to run.
func (r *run) client(bare bool, args []string) *exec.Cmd {
	var argv []string
	if !bare {
		argv = append(argv, "--endpoints", "http://"+r.server.client)
	}
	for _, a := range args {
		argv = append(argv, r.expand(a))
	}
	cmd := exec.Command(r.suite.ctl, argv...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + r.suite.dir, "ETCDCTL_API=2"}
	cmd.Dir = r.suite.dir
	return cmd
}

// meanwhile runs commands while a watching client waits.
func (r *run) meanwhile(commands [][]string) {
	<-time.After(watchTime)
	for _, args := range commands {
		_ = r.client(false, args).Run() // what it does is seen by the client that waits
		<-time.After(betweenTime)
	}
	<-time.After(betweenTime)
}

// within waits for a channel to be closed.
func within(done <-chan struct{}, timeout time.Duration) bool {
	late := time.NewTimer(timeout)
	defer late.Stop()
	select {
	case <-done:
		return true
	case <-late.C:
		return false
	}
}

// spawn runs the server with just the step's flags, until it ends or is seen to go on.
func (r *run) spawn(st *Step) (outcome, error) {
	var args []string
	for _, a := range st.Spawn {
		args = append(args, r.expand(a))
	}
	var out bytes.Buffer
	cmd := exec.Command(r.suite.binary, args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.Env = r.suite.environment(st.Env, r.expand)
	dir, err := os.MkdirTemp(r.suite.dir, "spawn")
	if err != nil {
		return outcome{}, err
	}
	cmd.Dir = dir
	if err := cmd.Start(); err != nil {
		return outcome{}, err
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	running := !within(ended, ms(st.TimeoutMS, spawnTime))
	if running {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if !within(ended, stopTime) {
			_ = cmd.Process.Kill()
			<-ended
		}
	}
	o := outcome{got: ordered.Object{{Name: "rc", Value: ending(cmd.ProcessState)}}}
	if running {
		o.got = ordered.Object{{Name: "rc", Value: "running"}}
	}
	for _, text := range st.Says {
		if !strings.Contains(out.String(), r.expand(text)) {
			o.extra = append(o.extra, fmt.Sprintf("it did not say %q but %.400q", text, out.String()))
		}
	}
	return o, os.RemoveAll(dir)
}

var errNotReady = errors.New("the server was not ready")

func sorted(s []string) []string {
	slices.Sort(s)
	return s
}
