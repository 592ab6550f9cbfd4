package server

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"go.uber.org/zap"

	"pando/config"
	"pando/discovery"
	"pando/raft"
)

// role is what a data directory belongs to.
type role string

const (
	nobody    role = ""
	member    role = "member"
	proxyRole role = "proxy"
)

// Options are what the process gives a server.
type Options struct {
	// Logger is told what happens, under the names of etcd's packages, because --log-package-levels goes by them.
	Logger *zap.Logger
	// SetLogLevel is httpapi's.
	SetLogLevel func(name string) bool
	// Opening is called when a start can no longer fail, before the first client is answered. Until then the process may end at
	// any moment. nil: nobody wants to know.
	Opening func()
}

func (o Options) opening() {
	if o.Opening != nil {
		o.Opening()
	}
}

// Process is what runs until it is told to stop: a member or a proxy.
type Process interface {
	// Failed is closed when it cannot go on; Close then says why.
	Failed() <-chan struct{}
	// Close stops it and waits until it has stopped, some seconds at most. It is called once.
	Close() error
}

// Start starts what the data directory belongs to or, if it is empty, what the flags ask for (server spec, section 4).
// What could not be started has let go of everything.
func Start(cfg *config.Config, o Options) (Process, error) {
	log := o.Logger.Named(logServer)
	who, err := roleOf(cfg.DataDir, log)
	if err != nil {
		return nil, err
	}
	if who != nobody {
		log.Info("the server is already initialized as " + string(who) + " before, starting as etcd " + string(who) + "...")
	}
	if d := cfg.Discovery; who == proxyRole && d.URL+d.SRV != "" {
		log.Warn("discovery ignored since the proxy has already been initialized", zap.String("token", config.Redacted(d.URL)), zap.String("domain", d.SRV))
	}
	if who == proxyRole || who == nobody && cfg.ProxyMode {
		return startProxy(cfg, o)
	}
	s, err := start(cfg, o)
	if err == nil {
		return s, nil
	}
	if errors.Is(err, discovery.ErrFull) && cfg.Discovery.FallBackToProxy {
		log.Info("discovery cluster full, falling back to proxy")
		return startProxy(cfg, o)
	}
	var failed *discovery.JoinError
	if errors.As(err, &failed) {
		explainDiscovery(cfg, log, err)
	}
	return nil, err
}

// roleOf looks at the names in a data directory: those of etcd 2, of etcd 2.0 (wal and snap without a directory
// around them), and those that a takeover leaves.
func roleOf(dir string, log *zap.Logger) (role, error) {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return nobody, nil // who opens it will say what to do
	case err != nil:
		return nobody, fmt.Errorf("%w: %w", raft.ErrDataDir, err)
	}
	found := map[role]bool{}
	for _, e := range entries {
		switch name := e.Name(); {
		case name == "proxy":
			found[proxyRole] = true
		case strings.HasPrefix(name, "member"), name == "wal", name == "snap":
			found[member] = true
		default:
			log.Warn("ignoring what does not belong there", zap.String("name", filepath.Join(dir, name)))
		}
	}
	switch {
	case found[member] && found[proxyRole]:
		return nobody, fmt.Errorf("%w: invalid datadir. Both member and proxy directories exist in %s: "+
			"move away the one that is not to be started", raft.ErrDataDir, dir)
	case found[proxyRole]:
		return proxyRole, nil
	case found[member]:
		return member, nil
	}
	return nobody, nil
}
