package config

import (
	"crypto/tls"
	"reflect"
	"testing"
)

// TestTLS: which flags make which settings of a port (server spec, sections 2 and 7).
func TestTLS(t *testing.T) {
	https := []string{
		"--listen-client-urls", "https://127.0.0.1:1,http://127.0.0.1:2", "--advertise-client-urls", "https://c.example:1,http://c.example:2",
		"--listen-peer-urls", "https://127.0.0.1:3", "--initial-advertise-peer-urls", "https://p.example:3",
		"--initial-cluster", "default=https://p.example:3",
		"--cert-file", "c", "--key-file", "k", "--peer-cert-file", "pc", "--peer-key-file", "pk",
	}
	client := TLS{CertFile: "c", KeyFile: "k", MinVersion: tls.VersionTLS12, Hosts: []string{"c.example"}}
	peer := TLS{CertFile: "pc", KeyFile: "pk", MinVersion: tls.VersionTLS12, Hosts: []string{"p.example"}}
	for name, c := range map[string]struct {
		args   []string
		change func(client, peer *TLS)
	}{
		"pairs":       {nil, func(_, _ *TLS) {}},
		"authorities": {[]string{"--trusted-ca-file", "a", "--peer-trusted-ca-file", "pa"}, func(c, p *TLS) { c.TrustedCAFile, p.TrustedCAFile = "a", "pa" }},
		"demanded":    {[]string{"--client-cert-auth", "--peer-client-cert-auth"}, func(c, p *TLS) { c.ClientCertAuth, p.ClientCertAuth = true, true }},
		"old flags": {[]string{"--ca-file", "a", "--peer-ca-file", "pa"}, func(c, p *TLS) {
			c.CAFile, p.CAFile, c.ClientCertAuth, p.ClientCertAuth = "a", "pa", true, true
		}},
		"version":           {[]string{"--tls-min-version", "1.0"}, func(c, p *TLS) { c.MinVersion, p.MinVersion = tls.VersionTLS10, tls.VersionTLS10 }},
		"version, etcd 3.5": {[]string{"--tls-min-version", "TLS1.3"}, func(c, p *TLS) { c.MinVersion, p.MinVersion = tls.VersionTLS13, tls.VersionTLS13 }},
		"suites": {[]string{"--cipher-suites", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"}, func(c, p *TLS) {
			c.CipherSuites = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384}
			p.CipherSuites = c.CipherSuites
		}},
	} {
		t.Run(name, func(t *testing.T) {
			got := must(t, nil, append(append([]string{}, https...), c.args...)...)
			wantClient, wantPeer := client, peer
			c.change(&wantClient, &wantPeer)
			if !reflect.DeepEqual(got.ClientTLS, wantClient) {
				t.Errorf("client port: %+v, want %+v", got.ClientTLS, wantClient)
			}
			if !reflect.DeepEqual(got.PeerTLS, wantPeer) {
				t.Errorf("peer port: %+v, want %+v", got.PeerTLS, wantPeer)
			}
			if got.ListenClient[0].Secure() == got.ListenClient[1].Secure() {
				t.Errorf("listens on %v", got.ListenClient)
			}
		})
	}
}

// TestAddressesOf04 are https as soon as there is a certificate for the port.
func TestAddressesOf04(t *testing.T) {
	got := must(t, nil, "-addr", "127.0.0.1:4001", "-cert-file", "c", "-key-file", "k", "-peer-addr", "127.0.0.1:7001")
	if got.AdvertiseClient[0] != "https://127.0.0.1:4001" || got.ListenClient[0].URL != "https://[::]:4001" || got.AdvertisePeer[0] != "http://127.0.0.1:7001" {
		t.Errorf("%v %v %v", got.AdvertiseClient, got.ListenClient, got.AdvertisePeer)
	}
}
