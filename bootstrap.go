package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"pando/config"
	"pando/raft"
	"pando/store"
)

// checkDataDir refuses a directory that was not a member's (server spec, section 4).
func checkDataDir(cfg *config.Config) error {
	if _, err := os.Stat(filepath.Join(cfg.DataDir, "proxy")); err != nil {
		return nil
	}
	return fmt.Errorf("%w: %s belongs to an etcd proxy, and this version of pando has no proxy mode; "+
		"use another --data-dir to start a member", raft.ErrDataDir, cfg.DataDir)
}

// beginning finds out how a member without data begins: in a new cluster, from
// the flags alone, or in one that exists, from its members. joined are the
// members of the latter.
type beginning struct {
	cfg    *config.Config
	client *http.Client // for questions to other members
	joined []store.Member
}

// bootstrap implements raft.Config.Bootstrap.
func (b *beginning) bootstrap() (raft.Bootstrap, error) {
	if err := b.cfg.CheckBootstrap(noContext); err != nil {
		return raft.Bootstrap{}, err
	}
	if !b.cfg.JoinExisting {
		return newCluster(b.cfg, b.client)
	}
	c, self, err := findCluster(noContext, b.client, b.cfg)
	if err != nil {
		return raft.Bootstrap{}, err
	}
	for _, m := range c.members {
		if m.ID != self {
			b.joined = append(b.joined, m)
		}
	}
	return raft.Bootstrap{MemberID: self, ClusterID: c.id}, nil
}

// forceNewCluster is what raft.Config asks for to go on alone, nil if nobody
// wants that.
func forceNewCluster(cfg *config.Config) func(memberID uint64) []byte {
	if !cfg.ForceNewCluster {
		return nil
	}
	return func(id uint64) []byte { return config.MemberContext(id, "", config.RescuedPeerURLs()) }
}

// newCluster makes the IDs and the initial members out of the flags.
func newCluster(cfg *config.Config, client *http.Client) (raft.Bootstrap, error) {
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
	return b, refuseSecondLife(noContext, client, cfg, b.MemberID)
}
