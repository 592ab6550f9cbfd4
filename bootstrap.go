package main

import (
	"fmt"
	"os"
	"path/filepath"

	"pando/config"
	"pando/raft"
)

// checkDataDir refuses a directory that was not a member's (server spec, section 4).
func checkDataDir(cfg *config.Config) error {
	if _, err := os.Stat(filepath.Join(cfg.DataDir, "proxy")); err != nil {
		return nil
	}
	return fmt.Errorf("%w: %s belongs to an etcd proxy, and this version of pando has no proxy mode; "+
		"use another --data-dir to start a member", raft.ErrDataDir, cfg.DataDir)
}

// bootstrap makes the IDs and the initial members out of the flags.
func bootstrap(cfg *config.Config) (raft.Bootstrap, error) {
	if err := cfg.CheckBootstrap(noContext); err != nil {
		return raft.Bootstrap{}, err
	}
	var b raft.Bootstrap
	var ids []uint64
	for _, m := range cfg.InitialCluster {
		id := config.MemberID(m.PeerURLs, cfg.Token)
		if m.Name == cfg.Name {
			b.MemberID = id
		}
		ids = append(ids, id)
		b.Members = append(b.Members, raft.Member{ID: id, Context: config.MemberContext(id, m.Name, m.PeerURLs)})
	}
	b.ClusterID = config.ClusterID(ids)
	return b, nil
}
