// Pando serves etcd's v2 HTTP/JSON API: one tree, many trunks. This is the
// program: it reads the configuration, runs the server and ends as the reference
// does (server spec, sections 1 and 9).
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/coreos/go-systemd/v22/daemon"
	"go.uber.org/zap"

	"pando/config"
	"pando/raft"
	"pando/server"
)

func main() {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "local":
			os.Exit(runLocal(os.Args[2:], os.Stdout, os.Stderr))
		case "bench":
			os.Exit(runBench(os.Args[2:], os.Stdout, os.Stderr))
		case "health":
			os.Exit(runHealth(os.Args[2:], os.Stdout, os.Stderr))
		}
	}
	ignoreSignals()
	cfg, err := config.Parse(os.Args[1:])
	if err != nil {
		os.Exit(refuse(err, os.Stdout, os.Stderr))
	}
	limitMemory(cfg)
	separateCollector()
	log, levels := newLogger(cfg)
	for _, n := range cfg.Notes {
		log.Log(n.Level, n.Text)
	}
	sig, err := run(cfg, log, levels.setNamed)
	if errors.Is(err, raft.ErrRemoved) { // what was asked for, so that nobody starts it again
		log.Info(err.Error())
		log.Info("the data-dir used by this member must be removed.")
		_ = log.Sync()
		return
	}
	if err != nil {
		log.Error("pando cannot go on", zap.Error(err))
		_ = log.Sync()
		os.Exit(1)
	}
	_ = log.Sync()
	endBy(sig)
}

// refuse prints what an error of config.Parse has to say and returns the exit code.
func refuse(err error, out, errOut io.Writer) int {
	var exit *config.ExitError
	if !errors.As(err, &exit) {
		fmt.Fprintln(errOut, err)
		return 1
	}
	fmt.Fprint(out, exit.Stdout)
	fmt.Fprint(errOut, exit.Stderr)
	return exit.Code
}

// run starts a member or a proxy and closes it again when a signal comes or it
// fails. It returns the signal that ended it, or why it could not go on. A second
// signal ends the process at once.
func run(cfg *config.Config, log *zap.Logger, setLogLevel func(name string) bool) (os.Signal, error) {
	var signals <-chan os.Signal
	p, err := server.Start(cfg, server.Options{Logger: log, SetLogLevel: setLogLevel, Opening: func() { signals = watchSignals() }})
	if err != nil {
		return nil, err
	}
	letGarbageGather()
	notify(daemon.SdNotifyReady, log)
	var sig os.Signal
	select {
	case sig = <-signals:
		signal.Reset(stopSignals...)
		log.Info("received "+sig.String()+" signal, shutting down...", zap.String("signal", sig.String()))
	case <-p.Failed():
	}
	notify(daemon.SdNotifyStopping, log)
	return sig, p.Close()
}
