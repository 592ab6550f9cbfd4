package main

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

// ignoreSignals ignores what the reference ignores. SIGHUP, SIGQUIT and SIGABRT
// keep what the Go runtime does with them, which is what the reference does: end
// at once, the latter two with a dump of all goroutines (server spec, section 9).
func ignoreSignals() {
	signal.Ignore(syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGPIPE)
}

// stopSignals end the server in good order.
var stopSignals = []os.Signal{syscall.SIGTERM, syscall.SIGINT}

// watchSignals returns the signals that end the server. Until it is called they
// end the process at once: a start that waits for a name server or reads a large
// log takes long, nothing is served yet, and the directory is good at any moment.
func watchSignals() <-chan os.Signal {
	c := make(chan os.Signal, 2)
	signal.Notify(c, stopSignals...)
	return c
}

// signalPatience is how long the process waits for its own signal. It never comes
// if the parent had it ignored, as shells do with SIGINT for what they run in the
// background: Reset restores that.
const signalPatience = time.Second

// endBy ends the process by the signal that stopped it, as supervisors expect of
// a program that was told to stop. Process 1 of a container cannot be ended by
// its own signal, so it exits with 0.
func endBy(sig os.Signal) {
	s, ok := sig.(syscall.Signal)
	if !ok || os.Getpid() == 1 {
		os.Exit(0)
	}
	signal.Reset(s)
	_ = syscall.Kill(os.Getpid(), s)
	<-time.After(signalPatience)
	os.Exit(0)
}
