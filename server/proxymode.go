package server

import (
	"context"
	"net/http"
	"slices"

	"go.uber.org/zap"

	"pando/config"
	"pando/discovery"
	"pando/fsys"
	"pando/httpapi"
	"pando/proxy"
	"pando/tlsconfig"
)

// proxyServer is a running proxy and its port.
type proxyServer struct {
	service
	proxy *proxy.Proxy
	port  *http.Server
}

// startProxy binds the ports, finds members to begin with and serves.
func startProxy(cfg *config.Config, o Options) (Process, error) {
	connections, err := config.CheckFDLimit(2 * cfg.Limits.Connections)
	if err != nil {
		return nil, err
	}
	parts := newService(o.Logger)
	log := parts.log
	certs, err := loadCertificates(cfg, log)
	if err != nil {
		return nil, err
	}
	clients, err := listen(cfg.ListenClient, log)
	if err != nil {
		return nil, err
	}
	s := &proxyServer{service: parts}
	asking := certs.peerClient(joinTimeout)
	s.proxy, err = proxy.New(noContext, proxy.Config{
		FS: hostFS(), DataDir: cfg.DataDir,
		Bootstrap:   func(ctx context.Context) ([]string, error) { return firstPeers(ctx, cfg, log) },
		Ask:         func(ctx context.Context, url string) (proxy.Cluster, error) { return askCluster(ctx, asking, url) },
		Transport:   func(connect proxy.Connect) *http.Transport { return certs.peers.Transport(tlsconfig.Dial(connect)) },
		CORS:        len(cfg.CORS) > 0,
		FailureWait: cfg.Proxy.FailureWait, RefreshInterval: cfg.Proxy.RefreshInterval,
		DialTimeout: cfg.Proxy.DialTimeout, WriteTimeout: cfg.Proxy.WriteTimeout, ReadTimeout: cfg.Proxy.ReadTimeout,
		Logger: log,
	})
	if err != nil {
		clients.close()
		return nil, fsys.Advise(hostFS(), err, cfg.DataDir)
	}
	o.opening()
	// Each client may need a connection to a member.
	clients.limit(max(1, connections/2))
	h := httpapi.WithCORS(cfg.CORS, s.proxy)
	if cfg.Proxy.ReadOnly {
		h = proxy.ReadOnly(h)
	}
	for _, l := range cfg.ListenClient {
		log.Info("proxy: listening for client requests on " + l.URL)
	}
	s.port = httpapi.NewHTTPServer(h, log, portLimits(cfg))
	s.serve(clients, s.port, "client", certs.clients.Server(clientProtocols(cfg.ClientTLS)...))
	return s, nil
}

// Close implements Process: watches are cut, because nothing else would end them; other requests get their answers.
func (s *proxyServer) Close() error {
	ctx, cancel := context.WithTimeout(noContext, drain)
	defer cancel()
	s.proxy.StopWatches()
	shutdown(ctx, s.port)
	s.proxy.Close()
	s.wg.Wait()
	err := s.why(nil)
	if err == nil {
		s.log.Info("stopped: nobody is passed on to the members any more")
	}
	return err
}

// firstPeers are the peer URLs that a proxy without a file begins with.
func firstPeers(ctx context.Context, cfg *config.Config, log *zap.Logger) ([]string, error) {
	members, err := cfg.InitialCluster, error(nil)
	switch d := cfg.Discovery; {
	case d.URL != "":
		members, err = tokenOf(cfg, log).Members(ctx)
	case d.SRV != "":
		members, err = discovery.DNS{Domain: d.SRV, Suffix: d.SRVName, Logger: log}.Members(ctx, "", nil)
	}
	var urls []string
	for _, m := range members {
		urls = append(urls, m.PeerURLs...)
	}
	slices.Sort(urls)
	return urls, err
}

// askCluster is proxy.Config.Ask.
func askCluster(ctx context.Context, client *http.Client, peerURL string) (proxy.Cluster, error) {
	c, err := askMember(ctx, client, peerURL, joinTimeout)
	if err != nil {
		return proxy.Cluster{}, err
	}
	all := proxy.Cluster{ID: c.id}
	for _, m := range c.members {
		all.PeerURLs = append(all.PeerURLs, m.PeerURLs...)
		all.ClientURLs = append(all.ClientURLs, m.ClientURLs...)
	}
	return all, nil
}
