package service

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"pando/test/certs"
	"pando/test/server"
)

// health runs the health check with a server's own flags.
func health(t *testing.T, args ...string) (output string, status int) {
	t.Helper()
	cmd := exec.Command(server.Build(t), append([]string{"health"}, args...)...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// at are the flags of a server that listens on url.
func at(url string, more ...string) []string {
	return append([]string{"--listen-client-urls", url, "--advertise-client-urls", url}, more...)
}

// The health check finds the server by the server's own flags, and fails when no member leads and when nobody is there.
func TestHealth(t *testing.T) {
	addr, peer, absent := server.FreeAddr(t), server.FreeAddr(t), server.FreeAddr(t)
	s := server.Launch(t, server.Options{Client: addr, Peer: peer, Args: []string{
		"--initial-cluster", "default=http://" + peer + ",other=http://" + absent,
	}})
	await(t, "it answers", func() bool {
		resp, err := http.Get("http://" + addr + "/health")
		if err == nil {
			resp.Body.Close()
		}
		return err == nil
	})
	if out, status := health(t, at("http://"+addr)...); status != 1 || out != `not healthy: 503 Service Unavailable: {"health": "false"}`+"\n" {
		t.Errorf("without a leader: %d, %s", status, out)
	}
	s.Kill()
	if out, status := health(t, at("http://"+addr)...); status != 1 || !strings.Contains(out, "connection refused") {
		t.Errorf("without a server: %d, %s", status, out)
	}
	if _, status := health(t, "--no-such-flag"); status != 2 {
		t.Errorf("with a wrong flag: %d", status)
	}
}

// It gets through TLS by the server's own certificate, unless that is not one for clients and no http URL stands beside.
func TestHealthTLS(t *testing.T) {
	ca := certs.NewAuthority(t, "pando CA")
	both := ca.Sign(t, certs.Leaf{Name: "both", Hosts: []string{"localhost"}})
	only := ca.Sign(t, certs.Leaf{Name: "server", Hosts: []string{"localhost"}, Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	for _, c := range []struct {
		name   string
		pair   certs.Pair
		beside bool
		status int
	}{
		{"for both", both, false, 0},
		{"for servers", only, false, 1},
		{"for servers, with http", only, true, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			addr, plain := server.FreeAddr(t), ""
			if c.beside {
				plain = ",http://" + server.FreeAddr(t)
			}
			files := []string{"--cert-file", c.pair.Cert, "--key-file", c.pair.Key, "--trusted-ca-file", ca.File, "--client-cert-auth"}
			flags := at("https://"+addr+plain, files...)
			server.Start(t, server.Options{Client: addr, Args: flags, TLS: &tls.Config{
				RootCAs: ca.Pool(), ServerName: "localhost", Certificates: []tls.Certificate{both.TLS},
			}})
			if out, status := health(t, flags...); status != c.status {
				t.Errorf("status %d, want %d: %s", status, c.status, out)
			}
		})
	}
}
