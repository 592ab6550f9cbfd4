package tls

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"pando/test/certs"
	"pando/test/server"
)

// cluster is three members whose client ports are http.
type cluster struct {
	t       *testing.T
	options []server.Options
	members []*server.Server
}

// newCluster starts three members with https between them, each with flags of its own.
func newCluster(t *testing.T, flags func(i int) []string) *cluster {
	t.Helper()
	return newClusterOf(t, true, flags)
}

func newClusterOf(t *testing.T, secure bool, flags func(i int) []string) *cluster {
	t.Helper()
	scheme := "http"
	if secure {
		scheme = "https"
	}
	c := &cluster{t: t}
	var peers, initial []string
	for i := range 3 {
		peers = append(peers, server.FreeAddr(t))
		initial = append(initial, fmt.Sprintf("m%d=%s://%s", i, scheme, peers[i]))
	}
	for i := range 3 {
		c.options = append(c.options, server.Options{
			Name: fmt.Sprintf("m%d", i), Dir: t.TempDir() + "/data", Client: server.FreeAddr(t), Peer: peers[i], PeerTLS: secure,
			Args: append([]string{"--initial-cluster", strings.Join(initial, ",")}, flags(i)...),
		})
		c.members = append(c.members, server.Launch(t, c.options[i]))
	}
	return c
}

func (c *cluster) restart(i int) {
	c.t.Helper()
	if err := c.members[i].Stop(); err != nil {
		c.t.Fatal(err)
	}
	c.members[i] = server.Launch(c.t, c.options[i])
}

// ready waits until members serve.
func (c *cluster) ready(members ...int) {
	c.t.Helper()
	for _, i := range members {
		if err := c.members[i].Ready(patience); err != nil {
			c.t.Fatal(err)
		}
	}
}

// answers is the status and body of a page of a member's client port.
func (c *cluster) answer(i int, path string) string {
	c.t.Helper()
	var text string
	await(c.t, path, func() error {
		resp, err := client(nil).Get("http://" + c.options[i].Client + path)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		text = fmt.Sprint(resp.StatusCode, " ", string(body))
		return err
	})
	return text
}

func peerFlags(p certs.Pair, more ...string) []string {
	return append([]string{"--peer-cert-file", p.Cert, "--peer-key-file", p.Key}, more...)
}

// TestPeerPort is the table of the peer port: server spec, section 7. Where a member is shut out, its log and those of the
// others say why.
func TestPeerPort(t *testing.T) {
	t.Parallel()
	a := newAuthorities(t)
	nobody, stranger := trusting(a.ca), trusting(a.ca, a.stranger)

	t.Run("authorities", func(t *testing.T) {
		t.Parallel()
		c := newCluster(t, func(int) []string { return peerFlags(a.server, "--peer-trusted-ca-file", a.ca.File) })
		c.ready(0, 1, 2)
		if got := outcome(t, c.members[0].Peer+"/members", nobody); got != "200" {
			t.Errorf("/members without a certificate: %s", got)
		}
	})
	t.Run("the system's authorities", func(t *testing.T) {
		t.Parallel()
		c := newCluster(t, func(int) []string { return peerFlags(a.server) })
		for i, m := range c.members {
			awaitLog(t, m, "signed by no authority in this member's --peer-trusted-ca-file")
			if got := c.answer(i, "/health"); !strings.HasPrefix(got, "503") {
				t.Errorf("m%d: /health says %s", i, got)
			}
		}
	})
	t.Run("demanded", func(t *testing.T) {
		t.Parallel()
		c := newCluster(t, func(int) []string {
			return peerFlags(a.server, "--peer-trusted-ca-file", a.ca.File, "--peer-client-cert-auth")
		})
		c.ready(0, 1, 2)
		for who, config := range map[string]*tls.Config{"nobody": nobody, "stranger": stranger} {
			if got := outcome(t, c.members[0].Peer+"/members", config); got != "alert" {
				t.Errorf("/members as %s: %s", who, got)
			}
		}
		awaitLog(t, c.members[0], "didn't provide a certificate", "it needs --peer-cert-file", `"certificate": "CN=stranger"`)
		if got := outcome(t, c.members[0].Peer+"/members", trusting(a.ca, a.good)); got != "200" {
			t.Errorf("/members with a good certificate: %s", got)
		}
		if got := outcome(t, strings.Replace(c.members[0].Peer, "https", "http", 1)+"/members", nil); got != "https only" {
			t.Errorf("/members in plain http: %s", got)
		}
		awaitLog(t, c.members[0], "compare http and https in the peer URLs")
	})
	t.Run("old flag", func(t *testing.T) {
		t.Parallel()
		c := newCluster(t, func(int) []string { return peerFlags(a.server, "--peer-ca-file", a.ca.File) })
		c.ready(0, 1, 2)
		if got := outcome(t, c.members[0].Peer+"/members", nobody); got != "alert" {
			t.Errorf("/members as nobody: %s", got)
		}
	})
}

// TestPeerCertificates: the rows of the table whose certificates are wrong.
func TestPeerCertificates(t *testing.T) {
	t.Parallel()
	a := newAuthorities(t)
	mutual := func(p certs.Pair) []string {
		return peerFlags(p, "--peer-trusted-ca-file", a.ca.File, "--peer-client-cert-auth")
	}
	// bad starts a cluster whose member 0 has another certificate than the others.
	bad := func(t *testing.T, p certs.Pair) *cluster {
		return newCluster(t, func(i int) []string {
			if i == 0 {
				return mutual(p)
			}
			return mutual(a.server)
		})
	}
	t.Run("for servers only", func(t *testing.T) {
		t.Parallel()
		c := newCluster(t, func(int) []string { return mutual(a.serverish) })
		for i, m := range c.members {
			awaitLog(t, m, "is not for clients: its extended key usage lacks clientAuth",
				"has to have both serverAuth and clientAuth", "it does not accept this member's certificate")
			if got := c.answer(i, "/health"); !strings.HasPrefix(got, "503") {
				t.Errorf("m%d: /health says %s", i, got)
			}
		}
	})
	t.Run("without its address", func(t *testing.T) {
		t.Parallel()
		c := bad(t, a.ca.Sign(t, certs.Leaf{Name: "nameless", NoHosts: true}))
		c.ready(0, 1, 2) // it still works in one direction
		awaitLog(t, c.members[0], "does not name the host that others are told to connect to")
		awaitLog(t, c.members[1], "doesn't contain any IP SANs", "has to name 127.0.0.1 in subjectAltName")
	})
	t.Run("of another authority", func(t *testing.T) {
		t.Parallel()
		c := bad(t, a.stranger)
		c.ready(1, 2)
		awaitLog(t, c.members[0], "is signed by no authority in --peer-trusted-ca-file", "it does not accept this member's certificate")
		awaitLog(t, c.members[1], "signed by no authority in this member's --peer-trusted-ca-file", "CN=stranger")
		if got := c.answer(0, "/health"); !strings.HasPrefix(got, "503") {
			t.Errorf("the member that was shut out: /health says %s", got)
		}
	})
	t.Run("expired", func(t *testing.T) {
		t.Parallel()
		past := a.server.TLS.Leaf.NotBefore
		c := bad(t, a.ca.Sign(t, certs.Leaf{Name: "old", NotBefore: past.AddDate(0, -1, 0), NotAfter: past}))
		c.ready(1, 2)
		awaitLog(t, c.members[0], "has expired: renew it")
		awaitLog(t, c.members[1], "renew its certificate, or set the clocks")
	})
}

// TestJoin: a member that joins asks with its certificate, and gets a snapshot over TLS.
func TestJoin(t *testing.T) {
	t.Parallel()
	a := newAuthorities(t)
	flags := peerFlags(a.server, "--peer-trusted-ca-file", a.ca.File, "--peer-client-cert-auth")
	c := newCluster(t, func(int) []string { return append(flags, "--snapshot-count", "20") })
	c.ready(0, 1, 2)
	for i := range 100 {
		if err := put(client(nil), c.members[0].Endpoint, "k", fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3 { // whose log then begins behind a snapshot
		c.restart(i)
		c.ready(i)
	}
	peer := server.FreeAddr(t)
	added := func() error {
		resp, err := client(nil).Post(c.members[0].Endpoint+"/v2/members", "application/json", strings.NewReader(`{"peerURLs":["https://`+peer+`"]}`))
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusCreated {
			body, _ := io.ReadAll(resp.Body)
			return fmt.Errorf("%s %s", resp.Status, body)
		}
		return nil
	}
	await(t, "a member that is added", added)
	o := server.Options{
		Name: "m3", Client: server.FreeAddr(t), Peer: peer, PeerTLS: true,
		Args: append([]string{"--initial-cluster", c.options[0].Args[1] + ",m3=https://" + peer, "--initial-cluster-state", "existing"}, flags...),
	}
	c.options, c.members = append(c.options, o), append(c.members, server.Start(t, o))
	if got := c.answer(3, "/v2/keys/k"); !strings.Contains(got, `"value":"99"`) {
		t.Errorf("the new member has %s", got)
	}
	awaitLog(t, c.members[3], "installed a snapshot")
	// Without its certificate it is told what is missing.
	o.Dir, o.Client, o.Args = t.TempDir()+"/data", server.FreeAddr(t), append(o.Args[:4:4], "--peer-trusted-ca-file", a.ca.File)
	o.PeerTLS, o.Peer = false, server.FreeAddr(t)
	o.Args = append(o.Args, "--initial-advertise-peer-urls", "https://"+peer)
	s := server.Launch(t, o)
	if code := exitCode(t, s); code != 1 || !strings.Contains(s.Log(), "cannot fetch cluster info from peer urls") || !strings.Contains(s.Log(), "certificate required") {
		t.Errorf("code %d", code)
	}
}
