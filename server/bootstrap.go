package server

import (
	"errors"
	"net/http"

	"go.uber.org/zap"

	"pando/config"
	"pando/discovery"
	"pando/raft"
	"pando/store"
)

// beginning finds out how a member without data begins: in a new cluster, from
// the flags alone, or in one that exists, from its members. joined are the
// members of the latter.
type beginning struct {
	cfg    *config.Config
	log    *zap.Logger
	client *http.Client // for questions to other members
	empty  bool         // there was no data
	joined []store.Member
}

// bootstrap implements raft.Config.Bootstrap.
func (b *beginning) bootstrap() (raft.Bootstrap, error) {
	b.empty = true
	cfg, err := b.lookUp()
	if err != nil {
		return raft.Bootstrap{}, err
	}
	if err := cfg.CheckBootstrap(noContext); err != nil {
		return raft.Bootstrap{}, err
	}
	switch {
	case cfg.JoinExisting:
		return b.join(cfg)
	case cfg.Discovery.URL != "":
		return b.discover(cfg)
	}
	boot := newCluster(cfg)
	return boot, refuseSecondLife(noContext, b.client, cfg, boot.MemberID)
}

// lookUp asks DNS for the members, if it is to be asked.
func (b *beginning) lookUp() (*config.Config, error) {
	d := b.cfg.Discovery
	if d.SRV == "" {
		return b.cfg, nil
	}
	dns := discovery.DNS{Domain: d.SRV, Suffix: d.SRVName, Logger: b.log}
	members, err := dns.Members(noContext, b.cfg.Name, b.cfg.AdvertisePeer)
	if err != nil {
		return nil, err
	}
	return b.cfg.FromDNS(members)
}

// discover meets the other members at a discovery service. They need not be asked whether this one has lived before:
// it could not register again.
func (b *beginning) discover(cfg *config.Config) (raft.Bootstrap, error) {
	self := config.MemberID(cfg.AdvertisePeer, cfg.Token)
	members, err := tokenOf(cfg, b.log).Join(noContext, self, cfg.Name, cfg.AdvertisePeer)
	if err != nil {
		return raft.Bootstrap{}, err
	}
	if cfg, err = cfg.Discovered(members); err != nil {
		return raft.Bootstrap{}, err
	}
	return newCluster(cfg), nil
}

func tokenOf(cfg *config.Config, log *zap.Logger) discovery.Service {
	return discovery.Service{URL: cfg.Discovery.URL, Proxy: cfg.Discovery.Proxy, Logger: log}
}

// explainDiscovery says what can be done about a discovery that failed, in the words of the reference.
func explainDiscovery(cfg *config.Config, log *zap.Logger, err error) {
	token := config.Redacted(cfg.Discovery.URL)
	switch {
	case errors.Is(err, discovery.ErrDuplicateID):
		log.Error("member \"" + cfg.Name + "\" has previously registered with discovery service token (" + token + ").")
		log.Error("But no valid cluster configuration was found in the given data dir (" + cfg.DataDir + ").")
		log.Info("Please check the given data dir path if the previous bootstrap succeeded")
		log.Info("or use a new discovery token if the previous bootstrap failed.")
	case errors.Is(err, discovery.ErrDuplicateName):
		log.Error("member with duplicated name has registered with discovery service token(" + token + ").")
		log.Error("please check (cURL) the discovery token for more information.")
		log.Error("please do not reuse the discovery token and generate a new one to bootstrap the cluster.")
	default:
		log.Info("discovery token " + token + " was used, but failed to bootstrap the cluster.")
		log.Info("please generate a new discovery token and try to bootstrap again.")
	}
}

// join finds the cluster that this member was added to.
func (b *beginning) join(cfg *config.Config) (raft.Bootstrap, error) {
	c, self, err := findCluster(noContext, b.client, cfg)
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
func newCluster(cfg *config.Config) raft.Bootstrap {
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
	return b
}
