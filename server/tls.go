package server

import (
	"crypto/tls"
	"net"
	"net/http"
	"slices"
	"time"

	"go.uber.org/zap"

	"pando/config"
	"pando/tlsconfig"
)

// certificates are those of the two ports. The peer port's are for connections to other members, too.
type certificates struct{ clients, peers *tlsconfig.Source }

// loadCertificates reads the files that the flags name. Nothing is bound and no data touched before they are found good.
func loadCertificates(cfg *config.Config, log *zap.Logger) (c certificates, err error) {
	if c.peers, err = loadPort("peer", cfg.PeerTLS, log); err != nil {
		return c, err
	}
	c.clients, err = loadPort("client", cfg.ClientTLS, log)
	return c, err
}

func loadPort(port string, t config.TLS, log *zap.Logger) (*tlsconfig.Source, error) {
	return tlsconfig.Load(tlsconfig.Options{
		Port: port, CertFile: t.CertFile, KeyFile: t.KeyFile, TrustedCAFile: t.TrustedCAFile, CAFile: t.CAFile,
		ClientCertAuth: t.ClientCertAuth, MinVersion: t.MinVersion, CipherSuites: t.CipherSuites, Hosts: t.Hosts, Logger: log,
	})
}

// clientProtocols are those that clients may choose by ALPN. HTTP/2 wants one of two cipher suites to be there (RFC 9113, section
// 9.2.2): clients that agree on another would be turned away.
func clientProtocols(t config.TLS) []string {
	if len(t.CipherSuites) == 0 || slices.Contains(t.CipherSuites, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256) ||
		slices.Contains(t.CipherSuites, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256) {
		return []string{"h2", "http/1.1"}
	}
	return []string{"http/1.1"}
}

// peerClient makes the HTTP client for what is asked of members outside of the transport: before there is one, or by a
// program that is not a member.
func (c certificates) peerClient(dialTimeout time.Duration) *http.Client {
	dialer := &net.Dialer{Timeout: dialTimeout}
	transport := c.peers.Transport(dialer.DialContext)
	transport.DisableKeepAlives = true
	return &http.Client{Transport: transport}
}
