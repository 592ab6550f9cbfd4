package config

import (
	"crypto/tls"
	"flag"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"go.etcd.io/etcd/client/pkg/v3/tlsutil"
)

// TLS are the certificate flags of one port, checked against each other. The files have not been looked at.
type TLS struct {
	CertFile, KeyFile     string // both or neither
	TrustedCAFile, CAFile string
	ClientCertAuth        bool     // --client-cert-auth, or --ca-file, which implies it
	MinVersion            uint16   // of crypto/tls
	CipherSuites          []uint16 // of crypto/tls; empty: its choice
	// Hosts are those of the port's https URLs that others are told.
	Hosts []string
}

// tlsFlags defines the certificate flags of both ports. Their values are read by name, through given and value.
func (f *flags) tlsFlags(s *flag.FlagSet) {
	for _, side := range []struct{ prefix, long, who string }{{"", "client-", "clients"}, {"peer-", "peer-", "members"}} {
		s.String(side.prefix+"cert-file", "", "PEM `file`: the certificate shown to "+side.who+".")
		s.String(side.prefix+"key-file", "", "PEM `file`: its key.")
		s.String(side.prefix+"trusted-ca-file", "", "PEM `file`: the authorities that "+side.who+" are checked against.")
		s.Bool(side.prefix+"client-cert-auth", false, "Demand a certificate of "+side.who+".")
		s.String(side.prefix+"ca-file", "", "PEM `file`; deprecated: "+side.prefix+"trusted-ca-file and "+side.prefix+"client-cert-auth in one.")
		s.Bool(side.prefix+"auto-tls", false, "Make up a certificate at start. Not supported by this version.")
		s.String(side.long+"crl-file", "", "`File`: certificates that were revoked. Not supported by this version.")
		s.String(side.long+"cert-allowed-hostname", "", "Host `name` that certificates of "+side.who+" must be for. Not supported by this version.")
	}
	s.String("peer-cert-allowed-cn", "", "Common `name` that certificates of members must have. Not supported by this version.")
	s.Bool("experimental-peer-skip-client-san-verification", false, "Accepted and ignored: the names in a connecting member's certificate are never checked.")
	f.tlsMinVersion = tls.VersionTLS12
	s.Var(&f.tlsMinVersion, "tls-min-version", "Lowest `version` of TLS on both ports: 1.0, 1.1, 1.2 or 1.3.")
	s.Var(&f.cipherSuites, "cipher-suites", "`Names` of the cipher suites of TLS 1.2 and below. Default: those that Go finds secure.")
}

// tls fills in the certificate flags of both ports. It finds what etcd would find wrong with them; with http listeners the
// certificates are ignored with a warning, as in etcd (server spec, section 7).
func (f *flags) tls(c *Config) (err error) {
	if c.PeerTLS, err = f.portTLS("peer-", "peer", c.ListenPeer, c.AdvertisePeer); err != nil {
		return err
	}
	c.ClientTLS, err = f.portTLS("", "client", c.ListenClient, c.AdvertiseClient)
	return err
}

func (f *flags) portTLS(prefix, port string, listen []Listen, advertised []string) (TLS, error) {
	t := TLS{
		CertFile: f.value(prefix + "cert-file"), KeyFile: f.value(prefix + "key-file"),
		TrustedCAFile: f.value(prefix + "trusted-ca-file"), CAFile: f.value(prefix + "ca-file"),
		MinVersion: uint16(f.tlsMinVersion), CipherSuites: f.cipherSuites.ids, Hosts: httpsHosts(advertised),
	}
	if err := f.checkNarrowed(port); err != nil {
		return TLS{}, err
	}
	t.ClientCertAuth = f.value(prefix+"client-cert-auth") == "true" || t.CAFile != ""
	pair := t.CertFile != "" || t.KeyFile != ""
	secure := slices.ContainsFunc(listen, Listen.Secure)
	if (secure || port == "peer") && (t.CertFile == "") != (t.KeyFile == "") {
		return TLS{}, refuse("KeyFile and CertFile must both be present[key: %s, cert: %s]", t.KeyFile, t.CertFile)
	}
	for _, l := range listen {
		switch {
		case l.Secure() && !pair && f.value(prefix+"auto-tls") == "true":
			return TLS{}, notYet("--" + prefix + "auto-tls: making up a certificate")
		case l.Secure() && !pair:
			return TLS{}, refuse("cannot listen on TLS for %s: KeyFile and CertFile are not presented; give --%scert-file and --%skey-file", l.URL, prefix, prefix)
		case l.Secure():
			continue
		case pair || f.value(prefix+"auto-tls") == "true":
			f.warn("The scheme of %s url %s is http while %s key/cert files are presented. Ignored %s key/cert files.", port, l.URL, port, port)
		}
		if t.ClientCertAuth {
			f.warn("%s url %s is http: no client certificate is demanded there.", port, l.URL)
		}
	}
	if !secure && port == "client" {
		return TLS{}, nil // nothing reads the files
	}
	return t, nil
}

// checkNarrowed refuses the flags of etcd 3.x that let fewer certificates in: without them more would be let in than was
// meant.
func (f *flags) checkNarrowed(port string) error {
	for _, name := range []string{port + "-crl-file", port + "-cert-allowed-hostname", "peer-cert-allowed-cn"} {
		if strings.HasPrefix(name, port) && f.value(name) != "" {
			return notYet(f.from[name] + ": refusing some of the certificates that the authorities have signed")
		}
	}
	return nil
}

// Secure reports whether TLS is spoken there.
func (l Listen) Secure() bool { return strings.HasPrefix(l.URL, "https:") }

func httpsHosts(urls []string) []string {
	var hosts []string
	for _, text := range urls {
		if u, err := url.Parse(text); err == nil && u.Scheme == "https" && !slices.Contains(hosts, u.Hostname()) {
			hosts = append(hosts, u.Hostname())
		}
	}
	return hosts
}

// tlsVersion is a flag.Value: a version of TLS, as 1.2 or in etcd 3.5's form TLS1.2.
type tlsVersion uint16

func (v *tlsVersion) String() string {
	if *v == 0 {
		return ""
	}
	return fmt.Sprintf("1.%d", *v-tls.VersionTLS10)
}

func (v *tlsVersion) Set(text string) error {
	i := slices.Index([]string{"1.0", "1.1", "1.2", "1.3"}, strings.TrimPrefix(text, "TLS"))
	if i < 0 {
		return fmt.Errorf("must be one of 1.0, 1.1, 1.2, 1.3")
	}
	*v = tls.VersionTLS10 + tlsVersion(i)
	return nil
}

// suites is the flag.Value of --cipher-suites: names as Go has them, separated by commas.
type suites struct {
	text string
	ids  []uint16
}

func (s *suites) String() string { return s.text }

func (s *suites) Set(text string) (err error) {
	if text == "" {
		*s = suites{}
		return nil
	}
	s.text = text
	s.ids, err = tlsutil.GetCipherSuites(strings.Split(text, ","))
	return err
}
