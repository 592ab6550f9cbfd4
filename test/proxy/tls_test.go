package proxy

import (
	"crypto/tls"
	"io"
	"net/http"
	"strings"
	"testing"

	"pando/test/certs"
	"pando/test/server"
)

// Towards the cluster a proxy uses the certificate flags of the peer port, towards clients those of the client port (server
// spec, section 6).
func TestTLS(t *testing.T) {
	t.Parallel()
	ca, other := certs.NewAuthority(t, "ca"), certs.NewAuthority(t, "other")
	pair := ca.Sign(t, certs.Leaf{Name: "node"})
	both := func(ca string) []string {
		return []string{
			"--cert-file", pair.Cert, "--key-file", pair.Key, "--trusted-ca-file", ca, "--client-cert-auth",
			"--peer-cert-file", pair.Cert, "--peer-key-file", pair.Key, "--peer-trusted-ca-file", ca, "--peer-client-cert-auth",
		}
	}
	trusting := &tls.Config{RootCAs: ca.Pool(), Certificates: []tls.Certificate{pair.TLS}}
	m := server.Start(t, server.Options{TLS: trusting, PeerTLS: true, Client: server.FreeAddr(t), Args: both(ca.File)})
	before := func(args ...string) *server.Server {
		return server.Launch(t, server.Options{TLS: trusting, Client: server.FreeAddr(t), Bootstrap: []string{"--initial-cluster", "default=" + m.Peer},
			Args: append([]string{"--proxy", "on"}, args...)})
	}
	p := before(both(ca.File)...)
	if err := p.Ready(patience); err != nil {
		t.Fatalf("%v\n%s", err, p.Log())
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: trusting, ForceAttemptHTTP2: true}}
	for i := range 3 {
		req, err := http.NewRequest("PUT", p.Endpoint+"/v2/keys/a", strings.NewReader("value=1"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != map[bool]int{true: 201, false: 200}[i == 0] || !strings.Contains(string(text), `"value":"1"`) {
			t.Errorf("%s: %s, %v", resp.Status, text, err)
		}
	}

	// One that does not trust the members' authority knows no member.
	stranger := before(append(both(ca.File), "--peer-trusted-ca-file", other.File)...)
	await(t, "a look at the members", func() error {
		if strings.Contains(stranger.Log(), "no member tells who the members are") {
			return nil
		}
		return io.EOF
	})
	resp, err := client.Get(stranger.Endpoint + "/v2/keys/a")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 503 {
		t.Error(resp.Status)
	}
}
