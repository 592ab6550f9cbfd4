package tls

import (
	"crypto/tls"
	"slices"
	"strings"
	"testing"

	"pando/test/certs"
	"pando/test/server"
)

// TestClientPort is the table of the client port: server spec, section 7.
func TestClientPort(t *testing.T) {
	t.Parallel()
	a := newAuthorities(t)
	pair := []string{"--cert-file", a.server.Cert, "--key-file", a.server.Key}
	for _, row := range []struct {
		name  string
		flags []string
		http  bool
		// What comes of a request without a certificate, with a good one, one of another authority, one for servers only, and
		// of one in plain http.
		none, good, stranger, serverish, plain string
		warning                                string
	}{
		{"pair", pair, false, "200", "200", "200", "200", "https only", ""},
		{"authorities alone", []string{"--trusted-ca-file", a.ca.File}, false, "200", "200", "200", "200", "https only", ""},
		{"demanded", []string{"--client-cert-auth", "--trusted-ca-file", a.ca.File}, false, "alert", "200", "alert", "alert", "https only", ""},
		{"old flag", []string{"--ca-file", a.ca.File}, false, "alert", "200", "alert", "alert", "https only", ""},
		{"demanded, the system's authorities", []string{"--client-cert-auth"}, false, "alert", "alert", "alert", "alert", "https only", ""},
		{"http", nil, true, "http only", "http only", "http only", "http only", "200",
			"is http while client key/cert files are presented. Ignored client key/cert files."},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			o := server.Options{Client: server.FreeAddr(t), Args: append(slices.Clone(pair), row.flags...)}
			if !row.http {
				o.TLS = &tls.Config{}
			}
			s := server.Launch(t, o)
			for _, try := range []struct {
				who, want string
				config    *tls.Config
			}{
				{"none", row.none, trusting(a.ca)},
				{"good", row.good, trusting(a.ca, a.good)},
				{"stranger", row.stranger, trusting(a.ca, a.stranger)},
				{"serverish", row.serverish, trusting(a.ca, a.serverish)},
			} {
				if got := outcome(t, "https://"+o.Client+"/version", try.config); got != try.want {
					t.Errorf("%s: %s, want %s", try.who, got, try.want)
				}
			}
			if got := outcome(t, "http://"+o.Client+"/version", nil); got != row.plain {
				t.Errorf("plain: %s, want %s", got, row.plain)
			}
			if warned := strings.Contains(s.Log(), "Ignored"); warned != (row.warning != "") || !strings.Contains(s.Log(), row.warning) {
				t.Errorf("want the warning %q\n%s", row.warning, s.Log())
			}
		})
	}
}

// TestBothSchemes: https and http listeners side by side, and client-cert-auth on http demands nothing.
func TestBothSchemes(t *testing.T) {
	t.Parallel()
	a := newAuthorities(t)
	secure, plain := server.FreeAddr(t), server.FreeAddr(t)
	server.Launch(t, server.Options{Args: []string{
		"--listen-client-urls", "https://" + secure + ",http://" + plain, "--advertise-client-urls", "https://" + secure,
		"--cert-file", a.server.Cert, "--key-file", a.server.Key, "--client-cert-auth", "--trusted-ca-file", a.ca.File,
	}})
	for url, want := range map[string]string{
		"https://" + secure: "200", "http://" + secure: "https only", "http://" + plain: "200", "https://" + plain: "http only",
	} {
		if got := outcome(t, url+"/version", trusting(a.ca, a.good)); got != want {
			t.Errorf("%s: %s, want %s", url, got, want)
		}
	}
}

// TestVersions: TLS 1.2 is the least, unless something else is asked for; and cipher suites are honoured.
func TestVersions(t *testing.T) {
	t.Parallel()
	a := newAuthorities(t)
	const suite = tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
	for _, c := range []struct {
		flags   []string
		version uint16
		suites  []uint16
		ok      bool
	}{
		{nil, tls.VersionTLS11, nil, false},
		{nil, tls.VersionTLS12, nil, true},
		{[]string{"--tls-min-version", "1.0"}, tls.VersionTLS10, nil, true},
		{[]string{"--tls-min-version", "1.3"}, tls.VersionTLS12, nil, false},
		{[]string{"--tls-min-version", "1.3"}, tls.VersionTLS13, nil, true},
		{[]string{"--cipher-suites", tls.CipherSuiteName(suite)}, tls.VersionTLS12, []uint16{suite}, true},
		{[]string{"--cipher-suites", tls.CipherSuiteName(suite)}, tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}, false},
	} {
		o := server.Options{Client: server.FreeAddr(t), TLS: &tls.Config{}, Args: append(c.flags, "--cert-file", a.server.Cert, "--key-file", a.server.Key)}
		s := server.Launch(t, o)
		config := trusting(a.ca)
		config.MinVersion, config.MaxVersion, config.CipherSuites = tls.VersionTLS10, c.version, c.suites
		if got := outcome(t, "https://"+o.Client+"/version", config); (got == "200") != c.ok {
			t.Errorf("%v, %s: %s", c.flags, tls.VersionName(c.version), got)
		}
		s.Kill()
	}
}

// TestStartErrors: every file that cannot be used ends the start with a sentence and code 1.
func TestStartErrors(t *testing.T) {
	t.Parallel()
	a := newAuthorities(t)
	dir := t.TempDir()
	write := func(name, text string) string {
		certs.Write(t, dir+"/"+name, []byte(text))
		return dir + "/" + name
	}
	garbage, empty := write("garbage", "no certificate"), write("empty", "\n")
	bad := write("bad", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
	locked := write("locked", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n")
	pair := []string{"--cert-file", a.server.Cert, "--key-file", a.server.Key}
	for _, c := range []struct {
		flags []string
		says  string
	}{
		{nil, "cannot listen on TLS for"},
		{[]string{"--cert-file", a.server.Cert}, "KeyFile and CertFile must both be present[key: , cert: " + a.server.Cert + "]"},
		{[]string{"--key-file", a.server.Key}, "KeyFile and CertFile must both be present[key: " + a.server.Key + ", cert: ]"},
		{[]string{"--cert-file", dir + "/none", "--key-file", a.server.Key}, "--cert-file " + dir + "/none: no such file or directory"},
		{[]string{"--cert-file", a.server.Cert, "--key-file", dir + "/none"}, "--key-file " + dir + "/none: no such file or directory"},
		{[]string{"--cert-file", dir, "--key-file", a.server.Key}, "--cert-file " + dir + ": is a directory"},
		{[]string{"--cert-file", "/dev/null", "--key-file", a.server.Key}, "--cert-file /dev/null: is not a regular file"},
		{[]string{"--cert-file", garbage, "--key-file", a.server.Key}, "--cert-file " + garbage + ": holds no PEM block of a certificate"},
		{[]string{"--cert-file", empty, "--key-file", a.server.Key}, "--cert-file " + empty + ": is empty"},
		{[]string{"--cert-file", bad, "--key-file", a.server.Key}, "--cert-file " + bad + ": x509: "},
		{[]string{"--cert-file", a.server.Key, "--key-file", a.server.Cert}, "holds no PEM block of a certificate, only PRIVATE KEY"},
		{[]string{"--cert-file", a.server.Cert, "--key-file", locked}, "--key-file " + locked + ": is encrypted"},
		{[]string{"--cert-file", a.server.Cert, "--key-file", a.good.Key}, "--key-file " + a.good.Key + ": is not the key of the certificate in --cert-file"},
		{append(slices.Clone(pair), "--trusted-ca-file", dir+"/none"), "--trusted-ca-file " + dir + "/none: no such file or directory"},
		{append(slices.Clone(pair), "--trusted-ca-file", garbage), "--trusted-ca-file " + garbage + ": holds no PEM block of a certificate"},
		{append(slices.Clone(pair), "--client-cert-auth", "--trusted-ca-file", empty), "--trusted-ca-file " + empty + ": is empty"},
		{append(slices.Clone(pair), "--ca-file", a.server.Key), "--ca-file " + a.server.Key + ": holds no PEM block of a certificate, only PRIVATE KEY"},
		{append(slices.Clone(pair), "--peer-cert-file", garbage, "--peer-key-file", a.server.Key), "--peer-cert-file " + garbage + ": holds no PEM block"},
		{append(slices.Clone(pair), "--peer-trusted-ca-file", empty), "--peer-trusted-ca-file " + empty + ": is empty"},
	} {
		s := server.Launch(t, server.Options{Client: server.FreeAddr(t), TLS: &tls.Config{}, Args: c.flags})
		if code := exitCode(t, s); code != 1 || !strings.Contains(s.Log(), c.says) {
			t.Errorf("%v: code %d, want %q in\n%s", c.flags, code, c.says, s.Log())
		}
	}
}
