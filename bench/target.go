package bench

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
)

// target is the server that a connection goes to.
type target struct {
	host string      // and port
	tls  *tls.Config // nil: plain
	auth string      // header line with the password, or ""
}

// address is the host:port of an endpoint.
func address(endpoint string) (host string, secure bool, err error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		u = &url.URL{} // as 127.0.0.1:2379, whose error tells of segments and colons
	}
	port, known := map[string]string{"http": "80", "https": "443"}[u.Scheme]
	if !known || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return "", false, noEndpoint(endpoint)
	}
	if u.Port() != "" {
		port = u.Port()
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return "", false, noEndpoint(endpoint)
		}
	}
	return net.JoinHostPort(u.Hostname(), port), u.Scheme == "https", nil
}

func noEndpoint(endpoint string) error {
	return fmt.Errorf("--endpoints %s: want a URL like http://127.0.0.1:2379", endpoint)
}

// target is where connection i goes: to each endpoint in turn.
func (o *Options) target(i int) target {
	host, secure, _ := address(o.Endpoints[i%len(o.Endpoints)]) // check has seen it
	t := target{host: host}
	if secure {
		name, _, _ := net.SplitHostPort(host) // address has joined it
		t.tls = &tls.Config{RootCAs: o.Authorities, ServerName: name}
	}
	if o.Username != "" {
		t.auth = "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(o.Username)) + "\r\n"
	}
	return t
}

// authorities are the certificates in a file; nil if none is named.
func authorities(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("--ca-file: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("--ca-file %s: no certificate in it", file)
	}
	return pool, nil
}
