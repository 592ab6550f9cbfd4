package main

import (
	"os"
	"os/signal"
	"syscall"
)

// watchSignals returns the signals that end the server. SIGHUP, SIGQUIT and
// SIGABRT keep what the Go runtime does with them, which is what the reference
// does: end at once, the latter two with a dump of all goroutines (server spec,
// section 9).
func watchSignals() <-chan os.Signal {
	signal.Ignore(syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGPIPE)
	c := make(chan os.Signal, 2)
	signal.Notify(c, syscall.SIGTERM, syscall.SIGINT)
	return c
}

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
	select {} // the signal is on its way
}
