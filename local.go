package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
)

// localUsage is what `pando local --help` says.
const localUsage = `Usage: pando local [flags]

Runs a cluster on this machine, each member a process of its own, until Ctrl-C.
The data stays in the directory and is used again by the next start.

`

// localCluster is `pando local`: the cluster that everybody tries first.
type localCluster struct {
	dir            string
	clients, peers []string // host:port of each member
	extra          []string // flags that every member gets
	out            io.Writer
}

// runLocal is the sub-command. It returns the exit code.
func runLocal(args []string, out, errOut io.Writer) int {
	c := localCluster{out: out}
	f := flag.NewFlagSet("pando local", flag.ContinueOnError)
	f.SetOutput(errOut)
	f.Usage = func() {
		fmt.Fprint(errOut, localUsage)
		f.PrintDefaults()
	}
	dir := f.String("dir", "local.pando", "`directory` for the members' data")
	clients := f.String("clients", "127.0.0.1:2379,127.0.0.1:22379,127.0.0.1:32379", "client `addresses`, one for each member")
	peers := f.String("peers", "127.0.0.1:2380,127.0.0.1:22380,127.0.0.1:32380", "peer `addresses`, one for each member")
	switch err := f.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	}
	c.dir, c.clients, c.peers, c.extra = *dir, strings.Split(*clients, ","), strings.Split(*peers, ","), f.Args()
	if len(c.clients) != len(c.peers) {
		fmt.Fprintf(errOut, "pando local: %d client addresses but %d peer addresses\n", len(c.clients), len(c.peers))
		return 1
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := c.run(ctx); err != nil {
		fmt.Fprintln(errOut, "pando local:", err)
		return 1
	}
	return 0
}

func (c *localCluster) name(i int) string { return fmt.Sprintf("node%d", i+1) }

// run starts the members and waits until ctx ends or one of them does; then it
// stops the others.
func (c *localCluster) run(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make([]error, len(c.clients))
	out := &lines{to: c.out}
	var members sync.WaitGroup
	for i := range c.clients {
		members.Go(func() {
			defer cancel() // a cluster of fewer is not what was asked for
			if err := c.member(ctx, self, i, out); err != nil && ctx.Err() == nil {
				ended[i] = fmt.Errorf("%s: %w", c.name(i), err)
			}
		})
	}
	members.Wait()
	return errors.Join(ended...)
}

// member runs one member to its end. It is asked to stop when ctx ends.
func (c *localCluster) member(ctx context.Context, self string, i int, out *lines) error {
	var initial []string
	for j, peer := range c.peers {
		initial = append(initial, c.name(j)+"=http://"+peer)
	}
	client, peer := "http://"+c.clients[i], "http://"+c.peers[i]
	cmd := exec.CommandContext(ctx, self, append([]string{
		"--name", c.name(i), "--data-dir", filepath.Join(c.dir, c.name(i)),
		"--listen-client-urls", client, "--advertise-client-urls", client,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
		"--initial-cluster", strings.Join(initial, ","),
	}, c.extra...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	// Ctrl-C reaches the whole group of a terminal; the members are told by us, once,
	// or by the system when we are killed. That watches the thread that starts them.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	output, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	scan := bufio.NewScanner(output)
	for scan.Scan() {
		out.print(c.name(i), scan.Text())
	}
	return cmd.Wait()
}

// lines prints whole lines of several members.
type lines struct {
	mu sync.Mutex
	to io.Writer
}

func (l *lines) print(who, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(l.to, "%s | %s\n", who, text)
}
