package main

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

// begin starts what the data directory belongs to or, if it is empty, what the flags ask for (server spec, section 4).
func begin(cfg *config.Config, log *zap.Logger, levels *logLevels) (process, error) {
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
		return startProxy(cfg, log)
	}
	s, err := start(cfg, log, levels)
	if err == nil {
		return s, nil
	}
	if errors.Is(err, discovery.ErrFull) && cfg.Discovery.FallBackToProxy {
		log.Info("discovery cluster full, falling back to proxy")
		return startProxy(cfg, log)
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
