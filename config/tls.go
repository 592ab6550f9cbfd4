package config

import (
	"flag"
	"strings"
)

// tlsFlags defines the certificate flags of both ports. Their values are read by name, through given and value.
func (f *flags) tlsFlags(s *flag.FlagSet) {
	for _, side := range []struct{ prefix, long, who string }{{"", "client-", "clients"}, {"peer-", "peer-", "members"}} {
		s.String(side.prefix+"cert-file", "", "PEM `file`: the certificate shown to "+side.who+".")
		s.String(side.prefix+"key-file", "", "PEM `file`: its key.")
		s.String(side.prefix+"trusted-ca-file", "", "PEM `file`: the authorities that "+side.who+" are checked against.")
		s.Bool(side.prefix+"client-cert-auth", false, "Demand a certificate of "+side.who+".")
		s.String(side.prefix+"ca-file", "", "PEM `file`; deprecated: "+side.prefix+"trusted-ca-file and "+side.prefix+"client-cert-auth in one.")
		s.Bool(side.prefix+"auto-tls", false, "Make up a certificate at start.")
		s.String(side.long+"crl-file", "", "`File`: certificates that were revoked.")
		s.String(side.long+"cert-allowed-hostname", "", "Host `name` that certificates of "+side.who+" must be for.")
	}
	s.String("peer-cert-allowed-cn", "", "Common `name` that certificates of members must have.")
	s.Bool("experimental-peer-skip-client-san-verification", false, "Do not check the names in members' certificates.")
}

// checkTLS finds what etcd would find wrong with the certificate flags, then refuses https, which is not built yet. With
// http listeners the certificates are ignored with a warning, as in etcd (server spec, section 7).
func (f *flags) checkTLS(c *Config) error {
	if err := f.checkListenTLS("peer-", "peer", c.ListenPeer); err != nil {
		return err
	}
	return f.checkListenTLS("", "client", c.ListenClient)
}

func (f *flags) checkListenTLS(prefix, port string, listen []Listen) error {
	cert, key := f.value(prefix+"cert-file"), f.value(prefix+"key-file")
	auto := f.value(prefix+"auto-tls") == "true"
	for _, l := range listen {
		switch {
		case strings.HasPrefix(l.URL, "https:") && (cert == "") != (key == ""):
			return refuse("KeyFile and CertFile must both be present[key: %s, cert: %s]", key, cert)
		case strings.HasPrefix(l.URL, "https:") && cert == "" && !auto:
			return refuse("cannot listen on TLS for %s: KeyFile and CertFile are not presented", l.URL)
		case strings.HasPrefix(l.URL, "https:"):
			return notYet(l.URL + ": listening with TLS")
		case cert != "" || key != "" || auto:
			f.warn("The scheme of %s url %s is http while %s key/cert files are presented. Ignored %s key/cert files.", port, l.URL, port, port)
		}
		if f.value(prefix+"client-cert-auth") == "true" || f.value(prefix+"ca-file") != "" {
			f.warn("%s url %s is http: no client certificate is demanded there.", port, l.URL)
		}
	}
	return nil
}
