package tlsconfig

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// Options are the certificate flags of one port.
type Options struct {
	// Port is "client" or "peer". Members use the certificate of the peer port for the connections that they make, too.
	Port string

	CertFile, KeyFile     string // both or neither; without them there is no TLS on the port
	TrustedCAFile, CAFile string // bundles, the second by its deprecated flag; without any: the system's authorities
	ClientCertAuth        bool   // who connects has to show a certificate

	MinVersion   uint16   // tls.VersionTLS10 and so on
	CipherSuites []uint16 // of TLS up to 1.2; empty: Go's choice
	// Hosts are those of the https URLs that others are told. A certificate that does not name them earns a warning.
	Hosts  []string
	Logger *zap.Logger // nil = none
}

// Source has the certificates of one port. Its methods may be called from any goroutine.
type Source struct {
	o    Options
	log  *zap.Logger
	pair *watched[tls.Certificate] // nil without files
	pool *watched[x509.CertPool]   // nil without files
	// serving caches the configuration made from the latest pair and pool. Anyone may replace it.
	serving atomic.Pointer[serving]
	failed  seldom
}

// serving is a configuration and what it was made from.
type serving struct {
	pair   *tls.Certificate
	pool   *x509.CertPool
	config *tls.Config
}

// Load reads the files. The error says which one is wrong, by its flag, and why. What others may find wrong with a
// certificate is logged as a warning: that it has expired, or what it is not good for.
func Load(o Options) (*Source, error) {
	s := &Source{o: o, log: o.Logger}
	if s.log == nil {
		s.log = zap.NewNop()
	}
	if s.pool = s.watchPool(); s.pool != nil {
		if err := s.pool.load(); err != nil {
			return nil, err
		}
	}
	if (o.CertFile == "") != (o.KeyFile == "") {
		return nil, fmt.Errorf("KeyFile and CertFile must both be present[key: %s, cert: %s]", o.KeyFile, o.CertFile)
	}
	if o.CertFile != "" {
		s.pair = s.watchPair()
		if err := s.pair.load(); err != nil {
			return nil, err
		}
		s.remark(s.pair.value.Load())
	}
	return s, nil
}

// flag is the name of one of the port's flags.
func (s *Source) flag(name string) string {
	if s.o.Port == "peer" {
		return "peer-" + name
	}
	return name
}

func (s *Source) watchPair() *watched[tls.Certificate] {
	cert, key := file{s.flag("cert-file"), s.o.CertFile}, file{s.flag("key-file"), s.o.KeyFile}
	return &watched[tls.Certificate]{
		files: []file{cert, key},
		parse: func(contents [][]byte) (*tls.Certificate, error) { return parsePair(cert, key, contents) },
		changed: func(pair *tls.Certificate, err error) {
			if err != nil {
				s.log.Warn("the new certificate of the "+s.o.Port+" port cannot be used, the old one stays", zap.Error(err))
				return
			}
			s.log.Info("a new certificate of the "+s.o.Port+" port is used from now on", zap.String("file", s.o.CertFile),
				zap.Stringer("subject", pair.Leaf.Subject), zap.Time("expires", pair.Leaf.NotAfter))
			s.remark(pair)
		},
	}
}

func (s *Source) watchPool() *watched[x509.CertPool] {
	var files []file
	var paths []string
	for _, f := range []file{{s.flag("trusted-ca-file"), s.o.TrustedCAFile}, {s.flag("ca-file"), s.o.CAFile}} {
		if f.path != "" {
			files, paths = append(files, f), append(paths, f.path)
		}
	}
	if len(files) == 0 {
		return nil
	}
	return &watched[x509.CertPool]{
		files: files,
		parse: func(contents [][]byte) (*x509.CertPool, error) { return parsePool(files, contents) },
		changed: func(_ *x509.CertPool, err error) {
			if err != nil {
				s.log.Warn("the new authorities of the "+s.o.Port+" port cannot be used, the old ones stay", zap.Error(err))
				return
			}
			s.log.Info("new authorities of the "+s.o.Port+" port are trusted from now on", zap.Strings("files", paths))
		},
	}
}

// remark warns of what somebody who connects may find wrong with a certificate.
func (s *Source) remark(pair *tls.Certificate) {
	warn := func(what string, fields ...zap.Field) {
		s.log.Warn("the certificate of the "+s.o.Port+" port "+what, append(fields, zap.String("file", s.o.CertFile))...)
	}
	leaf, now := pair.Leaf, time.Now()
	switch {
	case now.After(leaf.NotAfter):
		warn("has expired: renew it", zap.Time("expired", leaf.NotAfter))
	case now.Before(leaf.NotBefore):
		warn("is not valid yet: wait, or set the clock", zap.Time("valid_from", leaf.NotBefore))
	}
	if !isFor(leaf, x509.ExtKeyUsageServerAuth) {
		warn("is not for servers: its extended key usage lacks serverAuth, and who checks it refuses it")
	}
	for _, host := range s.o.Hosts {
		if err := leaf.VerifyHostname(host); err != nil {
			warn("does not name the host that others are told to connect to: its subjectAltName lacks it", zap.String("host", host), zap.Error(err))
		}
	}
	if info, err := os.Stat(s.o.KeyFile); err == nil && info.Mode().Perm()&0o004 != 0 {
		s.log.Warn("everybody on this machine can read the key of the "+s.o.Port+" port", zap.String("file", s.o.KeyFile), zap.Stringer("mode", info.Mode()))
	}
	if s.o.Port != "peer" {
		return
	}
	if !isFor(leaf, x509.ExtKeyUsageClientAuth) {
		warn("is not for clients: its extended key usage lacks clientAuth, and members with --peer-client-cert-auth refuse it")
	}
	if s.pool != nil && !s.vouchedFor(pair, now) {
		warn("is signed by no authority in --peer-trusted-ca-file, and members that trust the same file refuse it")
	}
}

// isFor reports whether a certificate may be used for a purpose; without extended key usages it may for any.
func isFor(c *x509.Certificate, usage x509.ExtKeyUsage) bool {
	return len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) == 0 || slices.Contains(c.ExtKeyUsage, usage) ||
		slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny)
}

func (s *Source) vouchedFor(pair *tls.Certificate, now time.Time) bool {
	between := x509.NewCertPool()
	for _, der := range pair.Certificate[1:] {
		if c, err := x509.ParseCertificate(der); err == nil {
			between.AddCert(c)
		}
	}
	at := now // that it is not valid now was said
	if at.After(pair.Leaf.NotAfter) {
		at = pair.Leaf.NotAfter
	} else if at.Before(pair.Leaf.NotBefore) {
		at = pair.Leaf.NotBefore
	}
	_, err := pair.Leaf.Verify(x509.VerifyOptions{
		Roots: s.pool.value.Load(), Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
		CurrentTime: at,
	})
	return err == nil
}

// Server returns the configuration for tls.NewListener on a port that has a certificate. protocols are those offered by ALPN, the
// best first; without any, none is agreed on.
func (s *Source) Server(protocols ...string) *tls.Config {
	// Tickets are sealed with keys of the outer one. Without them a client whose authority is trusted no longer cannot come
	// back, at the cost of a signature for each connection.
	outer := &tls.Config{SessionTicketsDisabled: s.o.ClientCertAuth}
	outer.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		pair, pool := s.pair.get(), s.authorities()
		if c := s.serving.Load(); c != nil && c.pair == pair && c.pool == pool {
			return c.config, nil
		}
		c := s.base()
		c.Certificates = []tls.Certificate{*pair}
		c.NextProtos = protocols
		c.SessionTicketsDisabled = s.o.ClientCertAuth
		if s.o.ClientCertAuth {
			c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, pool
		}
		s.serving.Store(&serving{pair, pool, c})
		return c, nil
	}
	return outer
}

func (s *Source) base() *tls.Config {
	return &tls.Config{MinVersion: s.o.MinVersion, CipherSuites: s.o.CipherSuites}
}

// authorities are those of the bundles; nil: the system's.
func (s *Source) authorities() *x509.CertPool {
	if s.pool == nil {
		return nil
	}
	return s.pool.get()
}
