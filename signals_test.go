package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// endedBy names the variable that makes TestEndBy the process that is to end.
const endedBy = "PANDO_TEST_END_BY"

// The process ends by the signal that stopped it, and also if its parent has it
// ignore that one: a shell does so with SIGINT for what it runs in the background.
func TestEndBy(t *testing.T) {
	if os.Getenv(endedBy) != "" {
		sig := <-watchAndSend(syscall.SIGINT)
		endBy(sig)
	}
	for _, c := range []struct {
		before string
		signal syscall.Signal // 0: exits with 0
	}{{"", syscall.SIGINT}, {"trap '' INT;", 0}} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		child := exec.CommandContext(ctx, "sh", "-c", c.before+`exec "$0" -test.run='^TestEndBy$'`, os.Args[0])
		child.Env = append(os.Environ(), endedBy+"=SIGINT")
		err := child.Run()
		if ctx.Err() != nil {
			t.Fatalf("with %q the process does not end", c.before)
		}
		got := syscall.Signal(0)
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			got = exit.Sys().(syscall.WaitStatus).Signal()
		}
		if got != c.signal {
			t.Errorf("with %q the process ended with %v, want signal %d", c.before, err, c.signal)
		}
	}
}

// watchAndSend watches as a server does and sends this process a signal.
func watchAndSend(s syscall.Signal) <-chan os.Signal {
	c := watchSignals()
	_ = syscall.Kill(os.Getpid(), s)
	return c
}
